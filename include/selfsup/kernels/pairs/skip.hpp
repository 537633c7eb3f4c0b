// Which entries of S = X Yᵀ are left out of a sum, by index.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/kernels/pairs/masked_rows.hpp"
#include "selfsup/product/tile.hpp"

#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// An anchor, row i, is paired neither with itself, which is on the diagonal of a symmetric walk,
/// nor with its positive, nor with columns that are the same sample.
class Skip {
 public:
  /// Itself alone.
  Skip() = default;
  /// Row i's positive is column i + positive_offset. `same` columns are left out, too; null for
  /// none.
  explicit Skip(std::size_t positive_offset, const MaskedRows* same = nullptr)
      : positive_offset_(positive_offset), same_(same) {}

  /// The offset of a positive that is no column of S.
  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max() / 2;

  /// The column of the tile that holds the positive of its row r; tile.cols or more when it lies
  /// elsewhere.
  template <class T>
  std::size_t positive_col(const product::Tile<T>& tile, std::size_t r) const {
    return tile.row0 + r + positive_offset_ -
           tile.col0;  // wraps to a huge number when it lies to the left
  }

  /// Writes a value in the place of what is left out of row r.
  template <class T>
  void fill(const product::Tile<T>& tile, std::size_t r, T value) const {
    T* const row = tile.row(r);
    if (tile.diagonal) row[r] = value;
    if (const std::size_t p = positive_col(tile, r); p < tile.cols) row[p] = value;
    if (same_ == nullptr) return;
    const auto range = same_->of(tile.row0 + r, tile.col0, tile.cols);
    for (const std::size_t* col = range.first; col != range.last; ++col)
      row[*col - tile.col0] = value;
  }

 private:
  std::size_t positive_offset_ = nowhere;
  const MaskedRows* same_ = nullptr;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
