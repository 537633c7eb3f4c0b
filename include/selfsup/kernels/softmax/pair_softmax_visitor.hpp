// The visitor of the softmax over similarities: what happens to one tile of S in each pass.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/kernels/pairs/skip.hpp"
#include "selfsup/kernels/pairs/tile_sums.hpp"
#include "selfsup/kernels/softmax/anchors.hpp"
#include "selfsup/product/visitor.hpp"
#include "selfsup/simd/batch.hpp"

#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

// e^(scale·x − scale) in place.
template <class T, class TakeMaxima>
SELFSUP_NOINLINE SELFSUP_FLATTEN void exponentiate(T* x, std::size_t n, T scale,
                                                   TakeMaxima maxima) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  const simd::Batch<T> factor(scale), shift(-scale);
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    const simd::Batch<T> product = simd::load(x + i, part, lowest);
    maxima.take(product, i, part);
    simd::store(x + i, simd::exp(simd::fma(product, factor, shift)), part);
  });
  maxima.end();
}

// The visitor of both losses. Online: the tiles keep products, and each anchor's shift is the
// largest product so far: a difference of products is exact where they are close, and products do
// not leave the type as logits may. Otherwise: the shift is 1 for all, and the tiles keep
// exponentials that serve row and column.
template <class T, bool Online, bool Columns>
class PairSoftmaxVisitor : private AnchorTiles<T, Columns>, public product::Visitor {
  using Base = AnchorTiles<T, Columns>;
  using typename Base::Tile;
  using Batch = simd::Batch<T>;
  using Sums = TileSums<T, Columns>;
  using Base::cols_;
  using Base::rows_;

 public:
  PairSoftmaxVisitor(T scale, const Skip& skip, Anchors<T>& rows, Anchors<T>& cols)
      : Base(skip, rows, cols), scale_(scale) {}

  static constexpr bool adds_to_blocks = true;
  static constexpr bool keeps_weights = false;

  void reserve(std::size_t slots, std::size_t edge_of_tiles) const {
    this->grow_slots(slots, edge_of_tiles, false);
  }

  void visit(const Tile& tile) const {
    this->take_largest(tile, [&](std::size_t r, auto maxima) {
      this->keep_own(tile, r);
      transform(tile, r, maxima);
    });
    Sums sums(tile);
    for (std::size_t r = 0; r < tile.rows; ++r) take_row(tile, r, sums);
    if constexpr (Columns) sums.leave_cols(cols_.slot_rest.cols(tile.slot));
  }

  void add_to_rows(const Tile& tile) const {
    add(rows_, tile.row0, tile.rows, rows_.slot_rest.rows(tile.slot),
        rows_.slot_largest.rows(tile.slot));
  }
  void add_to_cols(const Tile& tile) const {
    if constexpr (!Columns) return;
    add(cols_, tile.col0, tile.cols, cols_.slot_rest.cols(tile.slot),
        cols_.slot_largest.cols(tile.slot));
  }

  void revisit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) transform(tile, r, NoMaxima{});
  }

  void weigh(const Tile& tile, T* weights, std::size_t ld) const {
    for (std::size_t r = 0; r < tile.rows; ++r) weigh_row(tile, r, weights + r * ld);
  }

 private:
  // Products of row r into what the tile keeps.
  template <class TakeMaxima>
  void transform(const Tile& tile, std::size_t r, TakeMaxima maxima) const {
    this->exclude(tile, r);
    const std::size_t first = tile.first_col(r);
    if constexpr (Online) {
      take_maxima(tile.row(r) + first, tile.cols - first, maxima);
    } else {
      exponentiate(tile.row(r) + first, tile.cols - first, scale_, maxima);
    }
  }

  // Online: the exponential of a product.
  Batch exponential(const Batch& product, const Batch& shift) const {
    return simd::exp((product - shift) * Batch(scale_));
  }

  // Sums relative to the tile's own maxima.
  SELFSUP_FLATTEN void take_row(const Tile& tile, std::size_t r, Sums& sums) const {
    const T* row = tile.row(r);
    const T* const col_shifts = cols_.slot_largest.cols(tile.slot);
    const Batch shift(rows_.slot_largest.rows(tile.slot)[r]);
    auto of_row = sums.row();
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      Batch e = x;
      if constexpr (Online) e = simd::keep(exponential(x, shift), part);
      of_row.add(e);
      if constexpr (Online && Columns) e = exponential(x, simd::load(col_shifts + c, part));
      of_row.add_to_cols(c, part, e);
    });
    rows_.slot_rest.rows(tile.slot)[r] = of_row.total();
  }

  void add(Anchors<T>& anchors, std::size_t first, std::size_t count, const double* rest,
           const T* largest) const {
    this->template add_slot<1>(scale_, anchors, first, count, largest, Online,
                               {{{anchors.rest.data() + first, rest, T(1)}}});
  }

  SELFSUP_FLATTEN void weigh_row(const Tile& tile, std::size_t r, T* out) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    const Batch row_weight(rows_.weight[i]), shift(rows_.largest[i]);
    const T* col_weight = cols_.weight.data() + tile.col0;
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      Batch weight;
      if constexpr (Online) {
        weight = exponential(x, shift) * row_weight;
        if constexpr (Columns) {
          const Batch e = exponential(x, simd::load(cols_.largest.data() + tile.col0 + c, part));
          weight = simd::fma(e, simd::load(col_weight + c, part), weight);
        }
      } else if constexpr (Columns) {
        weight = x * (row_weight + simd::load(col_weight + c, part));
      } else {
        weight = x * row_weight;
      }
      simd::store(out + c, weight, part);
    });
  }

  T scale_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
