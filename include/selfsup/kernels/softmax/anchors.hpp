// What is known of each anchor, and which entries of a tile of S are no negatives of its anchors.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/pairs/skip.hpp"
#include "selfsup/kernels/pairs/slot_sums.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/tile.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// The anchors of one side of S. What the tiles use is in T; sums and scalars are in double.
template <class T>
class Anchors {
 public:
  void grow(std::size_t count) {
    positive.grow(count);
    own.grow(count);
    rest.grow(count);
    largest.grow(count);
    inverse.grow(count);
    miss.grow(count);
    weight.grow(count);
    pull.grow(count);
  }
  /// Room for what hard negatives need beside.
  void grow_hard(std::size_t count) {
    hard.grow(count);
    mean.grow(count);
  }
  /// Room for what that many tiles take.
  void grow_slots(std::size_t tiles, std::size_t edge, bool with_hard) {
    slot_rest.grow(tiles, edge);
    slot_largest.grow(tiles, edge);
    if (with_hard) slot_hard.grow(tiles, edge);
  }
  std::size_t bytes() const {
    return positive.bytes() + own.bytes() + rest.bytes() + largest.bytes() + inverse.bytes() +
           miss.bytes() + weight.bytes() + pull.bytes() + hard.bytes() + mean.bytes() +
           slot_rest.bytes() + slot_hard.bytes() + slot_largest.bytes();
  }

  // Known before the walk.
  Buffer<double> positive;  // x_ip in double, where `own` is not compared
  Buffer<T> own;            // s_ip as the tiles have it
  // Summed by a walk over the anchor's negatives.
  Buffer<double> rest;  // r_i
  Buffer<double> hard;  // W_i of hard negatives, whose A_i is the rest
  Buffer<T> largest;    // the largest s_ik, which is the shift m_i of an online walk
  // Made of them.
  Buffer<double> inverse;  // what an exponential is multiplied by in dℓ_i/dx_ik
  Buffer<double> miss;     // q_i = −dℓ_i/dx_ip
  Buffer<T> mean;          // A_i/W_i of hard negatives
  // Of one backward: times its dL/dℓ_i.
  Buffer<T> weight;  // the inverse
  Buffer<T> pull;    // the miss
  // Scratch: the same of a tile, before it is added up.
  SlotSums<double> slot_rest;
  SlotSums<double> slot_hard;
  SlotSums<T> slot_largest;
};

/// dL/dℓ_i of a backward, all 1 unless given (M, 1), as multiples of a unit: a power of two beside
/// which none is larger than 2, since a weight times e^(2/τ) may leave the type.
template <class T>
class AnchorWeights {
 public:
  AnchorWeights() = default;
  explicit AnchorWeights(ConstView<T> d_anchors) : d_anchors_(d_anchors) {
    double largest = 0;
    for (std::size_t i = 0; i < d_anchors.rows(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(d_anchors(i, 0))));
    if (largest > 0) unit_ = std::ldexp(double{1}, std::ilogb(largest));
  }

  double operator[](std::size_t i) const {
    return d_anchors_.empty() ? 1 : static_cast<double>(d_anchors_(i, 0)) / unit_;
  }
  double unit() const { return unit_; }

 private:
  ConstView<T> d_anchors_;
  double unit_ = 1;
};

/// What raises the maxima of products: nothing …
struct NoMaxima {
  template <class Batch, class Part>
  void take(const Batch&, std::size_t, Part) {}
  void end() {}
};

/// … or those of a row, lane by lane, and those of the columns that it crosses.
template <class T, bool Columns>
class Maxima {
 public:
  Maxima(T* row_lanes, T* cols) : lanes_(row_lanes), cols_(cols) {}

  template <class Part>
  void take(const simd::Batch<T>& x, std::size_t i, Part part) {
    row_ = simd::max(row_, x);
    if constexpr (Columns) simd::store(cols_ + i, simd::max(simd::load(cols_ + i, part), x), part);
  }
  void end() { simd::store(lanes_, row_); }

 private:
  T* lanes_;
  T* cols_;
  simd::Batch<T> row_ = simd::Batch<T>(std::numeric_limits<T>::lowest());
};

/// Takes the maxima of x.
template <class T, class TakeMaxima>
void take_maxima(const T* x, std::size_t n, TakeMaxima maxima) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    maxima.take(simd::load(x + i, part, lowest), i, part);
  });
  maxima.end();
}

/// The rows and columns of S as anchors. Columns: the columns are anchors too (the same ones as the
/// rows in a symmetric walk).
template <class T, bool Columns>
class AnchorTiles {
 protected:
  using Tile = product::Tile<T>;
  static constexpr T excluded = -std::numeric_limits<T>::infinity();

 public:
  AnchorTiles(const Skip& skip, Anchors<T>& rows, Anchors<T>& cols)
      : rows_(rows), cols_(cols), skip_(skip) {}

 protected:
  // Keeps the positive's product of row r, if the tile has it.
  void keep_own(const Tile& tile, std::size_t r) const {
    const std::size_t p = skip_.positive_col(tile, r);
    if (p >= tile.cols) return;
    rows_.own[tile.row0 + r] = tile.row(r)[p];
    if constexpr (Columns) cols_.own[tile.col0 + p] = tile.row(r)[p];
  }

  void exclude(const Tile& tile, std::size_t r) const { skip_.fill(tile, r, excluded); }

  void grow_slots(std::size_t tiles, std::size_t edge_of_tiles, bool with_hard) const {
    rows_.grow_slots(tiles, edge_of_tiles, with_hard);
    if (Columns && &cols_ != &rows_) cols_.grow_slots(tiles, edge_of_tiles, with_hard);
  }

  // Adds what a tile took of `count` anchors: sums, online relative to its own maxima.
  template <std::size_t Count>
  static void add_slot(T scale, Anchors<T>& anchors, std::size_t first, std::size_t count,
                       const T* tile_largest, bool online,
                       const std::array<RelativeSums<T>, Count>& sums) {
    T* const largest = anchors.largest.data() + first;
    if (online) return add_relative(scale, largest, tile_largest, count, sums);
    for (const RelativeSums<T>& of : sums) add_sums(of.more, count, of.sums);
    for (std::size_t i = 0; i < count; ++i) largest[i] = std::max(largest[i], tile_largest[i]);
  }

  // Takes the largest product of each row and column of a tile: transform(r, maxima) shows those of
  // row r. A reduction for every row would take as long as its exponentials.
  template <class Transform>
  void take_largest(const Tile& tile, Transform&& transform) const {
    constexpr std::size_t L = simd::lanes<T>;
    alignas(64) T lanes[product::Blocking<T>::tile * L];
    T* const cols = cols_.slot_largest.cols(tile.slot);
    if constexpr (Columns) std::fill_n(cols, tile.cols, std::numeric_limits<T>::lowest());
    for (std::size_t r = 0; r < tile.rows; ++r)
      transform(r, Maxima<T, Columns>(lanes + r * L, cols + tile.first_col(r)));
    simd::largest_of_each(lanes, tile.rows, rows_.slot_largest.rows(tile.slot));
  }

  Anchors<T>& rows_;
  Anchors<T>& cols_;

 private:
  Skip skip_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
