// The visitors that sum squares of covariances or correlations.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/product/visitor.hpp"
#include "selfsup/simd/reduce.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Sums the squares of S over the diagonal and twice over what lies above it; weighs each entry by
/// itself.
template <class T>
class SquaresVisitor : public product::Visitor {
  using Tile = product::Tile<T>;

 public:
  static constexpr bool takes_halves = true;

  SquaresVisitor(bool with_diagonal, Buffer<double>& tile_sums)
      : with_diagonal_(with_diagonal), tile_sums_(tile_sums) {}

  void reserve(std::size_t tiles, std::size_t) const { tile_sums_.grow(tiles); }

  void visit(const Tile& tile) const {
    revisit(tile);
    double sum = 0;
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const T* row = tile.row(r);
      const std::size_t first = tile.diagonal ? r + 1 : 0;
      const double diagonal = tile.diagonal ? static_cast<double>(row[r]) : 0;
      const double above = simd::dot(row + first, row + first, tile.cols - first);
      sum += simd::fma(diagonal, diagonal, 2 * above);
    }
    tile_sums_[tile.slot] = sum;
  }

  void revisit(const Tile& tile) const {
    if (!tile.diagonal || with_diagonal_) return;
    for (std::size_t r = 0; r < tile.rows; ++r) tile.row(r)[r] = 0;
  }

 private:
  bool with_diagonal_;
  Buffer<double>& tile_sums_;
};

/// Of a rectangular walk: sums the squares of S off the diagonal; weighs each entry by itself, the
/// diagonal by 0.
template <class T>
class OffDiagonalVisitor : public product::Visitor {
  using Tile = product::Tile<T>;

 public:
  explicit OffDiagonalVisitor(Buffer<double>& tile_sums) : tile_sums_(tile_sums) {}

  void reserve(std::size_t tiles, std::size_t) const { tile_sums_.grow(tiles); }

  void visit(const Tile& tile) const {
    revisit(tile);
    double sum = 0;
    for (std::size_t r = 0; r < tile.rows; ++r)
      sum += simd::dot(tile.row(r), tile.row(r), tile.cols);
    tile_sums_[tile.slot] = sum;
  }

  void revisit(const Tile& tile) const {
    if (tile.row0 != tile.col0) return;
    for (std::size_t r = 0; r < tile.rows; ++r) tile.row(r)[r] = 0;
  }

 private:
  Buffer<double>& tile_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
