// What the tiles of weights W = dL/dS add to the gradient of one block's rows of X (or Y) in S = X
// Yᵀ, or of its columns in S = Xᵀ Y: a piece of the block at a time, which no other piece touches.
// A tile that another block shares is weighed by both, each its own part of it.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/ahead.hpp"
#include "selfsup/product/block_product.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/schedule.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

/// A gradient that a walk writes: of the rows of S (or its columns, or both in a symmetric walk),
/// by products of W with the other operand.
template <class T>
struct Gradient {
  Side side;
  const PaddedMatrix<T>* other;
  PaddedMatrix<T>* out;
};

/// The gradient of entries [first, first + count) of a block. Scratch has room for a tile as wide
/// as the piece is, and where the visitor weighs, for two.
template <class T, class Visitor>
class BlockGradient {
 public:
  BlockGradient(const Visitor& visitor, const Gradient<T>& gradient, std::size_t first,
                std::size_t count, std::size_t edge, T* scratch)
      : visitor_(visitor),
        other_(*gradient.other),
        out_(*gradient.out),
        first_(first),
        count_(count),
        edge_(edge),
        ld_(round_up(count, simd::lanes<T>)),
        weights_(scratch),
        part_(scratch + edge * ld_) {}

  /// Adds or writes W Y, or Wᵀ X, to rows of the gradient. `later` is needed after that.
  void add_rows(const Tile<T>& tile, Side side, Output output, const Later& later) const {
    const bool by_rows = side == Side::rows && !tile.diagonal;
    const auto add = [&](auto left, std::size_t K, std::size_t of_other, std::size_t of_out) {
      block_product(count_, other_.cols(), K, left, Right<T>{other_.row(of_other), other_.stride()},
                    Entries<T>{out_.row(of_out + first_), out_.stride(), output}, later);
    };
    if (by_rows) {
      const Right<T> w = weighed(tile.part(first_, 0, count_, tile.cols), edge_);
      return add(LeftByRows<T>{w.data, w.stride}, tile.cols, tile.col0, tile.row0);
    }
    const Right<T> w = by_opponent(tile, side);
    if (tile.diagonal && count_ == tile.rows)  // symmetric, and read faster by rows
      return add(LeftByRows<T>{w.data, w.stride}, tile.rows, tile.row0, tile.row0);
    add(LeftByCols<T>{w.data, w.stride}, tile.rows, tile.row0, tile.col0);
  }

  /// Adds or writes X W, or Y Wᵀ, to columns of the gradient, in `rows` of its rows.
  void add_cols(const Tile<T>& tile, Side side, Output output, std::size_t first_row,
                std::size_t rows) const {
    const bool by_rows = side == Side::rows && !tile.diagonal;
    const std::size_t K = by_rows ? tile.cols : tile.rows;
    const std::size_t of_other = by_rows ? tile.col0 : tile.row0;
    const std::size_t of_out = (by_rows ? tile.row0 : tile.col0) + first_;
    const Right<T> w = by_opponent(tile, side);
    const Chunks bands{rows, Blocking<T>::band};
    for (std::size_t band = 0; band < bands.count(); ++band) {
      const std::size_t row = first_row + bands.first(band);
      block_product(bands.length(band), count_, K,
                    LeftByRows<T>{other_.row(row) + of_other, other_.stride()}, w,
                    Entries<T>{out_.row(row) + of_out, out_.stride(), output});
    }
  }

  /// What add_rows() of a tile begins with.
  Later ahead_of(const Tile<T>& tile, Side side) const {
    const bool rows = side == Side::rows;
    const Tile<T> needed =
        rows ? tile.part(first_, 0, count_, tile.cols) : tile.part(0, first_, tile.rows, count_);
    const std::size_t other = rows ? tile.col0 : tile.row0;
    const std::size_t width = std::min(Blocking<T>::micro_cols, other_.cols());
    return {region(needed.data, needed.ld, needed.rows, needed.cols),
            region(other_.row(other), other_.stride(), rows ? tile.cols : tile.rows, width)};
  }

 private:
  // The weights of a part of a tile, its rows `ld` apart where they are not the tile's own.
  Right<T> weighed(const Tile<T>& part, std::size_t ld) const {
    if constexpr (Visitor::keeps_weights) {
      static_cast<void>(ld);
      return {part.data, part.ld};
    } else {
      visitor_.weigh(part, weights_, ld);
      return {weights_, ld};
    }
  }

  // The weights that the piece has with the other block of a tile, a row for each entry of it.
  Right<T> by_opponent(const Tile<T>& tile, Side side) const {
    if (tile.diagonal) return mirrored(tile);
    if (side == Side::cols) return weighed(tile.part(0, first_, tile.rows, count_), ld_);
    transpose(tile.part(first_, 0, count_, tile.cols), weights_);
    return {weights_, ld_};
  }

  // The same of a diagonal tile, of which what lies below the diagonal is not defined.
  Right<T> mirrored(const Tile<T>& tile) const {
    const std::size_t last = first_ + count_;
    write(tile.part(0, first_, first_, count_), weights_);
    T* const square = weights_ + first_ * ld_;
    write(tile.part(first_, first_, count_, count_, true), square);
    simd::mirror(square, ld_, count_);
    transpose(tile.part(first_, last, count_, tile.cols - last), weights_ + last * ld_);
    return {weights_, ld_};
  }

  void write(const Tile<T>& part, T* to) const {
    if constexpr (Visitor::keeps_weights) {
      part.copy_to(to, ld_);
    } else {
      visitor_.weigh(part, to, ld_);
    }
  }

  void transpose(const Tile<T>& part, T* to) const {
    if constexpr (Visitor::keeps_weights) {
      simd::transpose(part.data, part.ld, part.rows, part.cols, to, ld_);
    } else {
      visitor_.weigh(part, part_, edge_);
      simd::transpose(part_, edge_, part.rows, part.cols, to, ld_);
    }
  }

  const Visitor& visitor_;
  const PaddedMatrix<T>& other_;
  PaddedMatrix<T>& out_;
  std::size_t first_, count_, edge_, ld_;
  T* weights_;
  T* part_;
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
