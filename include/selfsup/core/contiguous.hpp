// Rows in one piece: in place where the caller's layout has them, by one copy otherwise.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"

#include <algorithm>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// Hands out a view with contiguous rows of the same entries.
template <class T>
class ContiguousRows {
 public:
  /// The view itself if its rows are contiguous, else a copy that lives in this object until the
  /// next call.
  ConstView<T> of(ConstView<T> view) {
    if (view.contiguous_rows()) return view;
    T* copy = copy_.grow(view.rows(), view.cols());
    // Bands of 16 rows: a column-major source then gives whole cache lines.
    const Chunks bands{view.rows(), 16};
    parallel_for(bands.count(), bands.size * view.cols(), [&](std::size_t band) {
      const std::size_t first = bands.first(band), last = first + bands.length(band);
      for (std::size_t c = 0; c < view.cols(); ++c) {
        for (std::size_t r = first; r < last; ++r) copy[r * view.cols() + c] = view(r, c);
      }
    });
    return {copy, view.rows(), view.cols()};
  }
  std::size_t bytes() const { return copy_.bytes(); }

 private:
  Buffer<T> copy_;
};

/// Writes one row of a view from contiguous entries.
template <class T>
void write_row(MutView<T> view, std::size_t row, const T* entries) {
  for (std::size_t c = 0; c < view.cols(); ++c) view(row, c) = entries[c];
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
