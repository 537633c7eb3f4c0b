// A tile of S = X Yᵀ, as a walk hands it to its visitor.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// Part of S: entry (row0 + r, col0 + c) is data[r·ld + c]. On a diagonal tile of a symmetric walk
/// (row0 = col0) only entries with c >= r are defined.
template <class T>
struct Tile {
  std::size_t row0, col0, rows, cols, ld;
  T* data;
  bool diagonal;

  T* row(std::size_t r) const { return data + r * ld; }
  /// The first defined column of row r.
  std::size_t first_col(std::size_t r) const { return diagonal ? r : 0; }
  /// Copies the defined entries to weights in the same layout, which may be the tile's own data.
  void copy_to(T* weights) const {
    if (weights == data) return;
    for (std::size_t r = 0; r < rows; ++r)
      std::copy_n(row(r) + first_col(r), cols - first_col(r), weights + r * ld + first_col(r));
  }
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
