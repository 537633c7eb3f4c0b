// Rows added up in double.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/in_double.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// Rows that are added up as one chunk, whose sums are added in order: at most 64 chunks, so that
/// this costs little, of at least 16 rows, so that sums in double take less room than the rows.
inline Chunks summed_chunks(std::size_t rows, std::size_t cols) {
  const std::size_t least = std::max<std::size_t>(16, rows / 64 + (rows % 64 != 0 ? 1 : 0));
  return {rows, std::max(row_chunks(rows, cols).size, least)};
}

/// Adds rows 1 … count − 1 of sums (count, D) to row 0, in order, by strips of columns; then calls
/// f(first, width) for each strip.
template <class F>
void add_up_rows(double* sums, std::size_t count, std::size_t D, F&& f) {
  const Chunks strips{D, 256};
  parallel_for(strips.count(), count * std::min(D, strips.size), [&](std::size_t strip) {
    const std::size_t first = strips.first(strip), width = strips.length(strip);
    for (std::size_t i = 1; i < count; ++i)
      simd::axpy_in_double(1, sums + i * D + first, sums + first, width);
    f(first, width);
  });
}

/// Σ_i w_i z_i over rows, in double and by chunks of rows, as one row of the type.
template <class T>
class RowSum {
 public:
  /// Sums the first `count` rows; weight(i) is w_i.
  template <class Weight>
  void of(const PaddedMatrix<T>& z, std::size_t count, Weight&& weight) {
    const std::size_t D = z.cols();
    const Chunks chunks = summed_chunks(count, D);
    double* const sums = sums_.grow(chunks.count(), D);
    parallel_for(chunks.count(), [&](std::size_t chunk) {
      double* const sum = sums + chunk * D;
      std::fill_n(sum, D, 0.0);
      for (std::size_t j = 0; j < chunks.length(chunk); ++j) {
        const std::size_t i = chunks.first(chunk) + j;
        simd::axpy_in_double(weight(i), z.row(i), sum, D);
      }
    });
    T* const row = row_.grow(D);
    add_up_rows(sums, chunks.count(), D, [&](std::size_t first, std::size_t width) {
      for (std::size_t d = first; d < first + width; ++d) row[d] = static_cast<T>(sums[d]);
    });
  }

  const T* row() const { return row_.data(); }
  /// Before it was rounded.
  const double* in_double() const { return sums_.data(); }
  std::size_t bytes() const { return row_.bytes() + sums_.bytes(); }

 private:
  Buffer<T> row_;
  Buffer<double> sums_;  // a row a chunk, the first one the sum
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
