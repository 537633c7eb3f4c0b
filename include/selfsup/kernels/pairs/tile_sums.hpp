// Sums over the rows and the columns of one tile.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// One sum in T for each column, as long as a tile lasts; one for each row, in lanes of T that are
/// added up in double when the row ends. Columns: whether these have sums, too.
template <class T, bool Columns = true>
class TileSums {
  using Batch = simd::Batch<T>;

 public:
  explicit TileSums(const product::Tile<T>& tile) : cols_count_(tile.cols) {
    if constexpr (Columns) std::fill_n(cols_, tile.cols, T(0));
  }

  /// The row that is being summed.
  class Row {
   public:
    explicit Row(T* cols) : cols_(cols) {}
    /// Adds to the row. Lanes outside it must be 0.
    SELFSUP_INLINE void add(const Batch& x) { sum_ = sum_ + x; }
    /// Adds x, or x·y, to the columns from c on.
    template <class Part>
    SELFSUP_INLINE void add_to_cols(std::size_t c, Part part, const Batch& x) {
      if constexpr (Columns) simd::store(cols_ + c, simd::load(cols_ + c, part) + x, part);
    }
    template <class Part>
    SELFSUP_INLINE void add_to_cols(std::size_t c, Part part, const Batch& x, const Batch& y) {
      if constexpr (Columns)
        simd::store(cols_ + c, simd::fma(x, y, simd::load(cols_ + c, part)), part);
    }
    double total() const { return simd::sum<T>(sum_); }

   private:
    T* cols_;
    Batch sum_ = Batch(T(0));
  };

  Row row() { return Row(cols_); }

  /// Leaves the sums of the columns in the slot of the tile.
  void leave_cols(double* slot) const {
    if constexpr (Columns) std::copy_n(cols_, cols_count_, slot);
  }

 private:
  std::size_t cols_count_;
  alignas(64) T cols_[Columns ? product::Blocking<T>::tile : 1];
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
