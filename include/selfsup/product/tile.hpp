// A tile of S = X Yᵀ, as a walk hands it to its visitor.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/product/blocking.hpp"

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
  std::size_t slot = 0;  // where a visitor keeps what it took of this tile

  T* row(std::size_t r) const { return data + r * ld; }
  /// The first defined column of row r.
  std::size_t first_col(std::size_t r) const { return diagonal ? r : 0; }
  /// Some of its rows and columns, all of them defined unless they are `on_diagonal`.
  Tile part(std::size_t r, std::size_t c, std::size_t row_count, std::size_t col_count,
            bool on_diagonal = false) const {
    return {row0 + r, col0 + c, row_count, col_count, ld, row(r) + c, on_diagonal, slot};
  }
  /// Its upper half, or its lower one; all of it and nothing on the diagonal.
  Tile half(std::size_t which) const {
    const std::size_t upper =
        diagonal ? rows : std::min(rows, round_up(rows / 2, Blocking<T>::micro_rows));
    return which == 0 ? part(0, 0, upper, cols, diagonal) : part(upper, 0, rows - upper, cols);
  }
  /// Copies the defined entries, rows `to_ld` apart.
  void copy_to(T* to, std::size_t to_ld) const {
    for (std::size_t r = 0; r < rows; ++r)
      std::copy_n(row(r) + first_col(r), cols - first_col(r), to + r * to_ld + first_col(r));
  }
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
