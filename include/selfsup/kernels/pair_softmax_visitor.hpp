// The visitor of the softmax over similarities: what happens to one tile of S in each pass.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/inline.hpp"
#include "selfsup/kernels/anchors.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

// e^(scale·x − scale) in place.
template <class T, class TakeMaxima>
SELFSUP_NOINLINE void exponentiate(T* x, std::size_t n, T scale, TakeMaxima maxima) {
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
class PairSoftmaxVisitor : private AnchorTiles<T, Columns> {
  using Base = AnchorTiles<T, Columns>;
  using typename Base::Tile;
  using Batch = simd::Batch<T>;
  using Base::cols_;
  using Base::edge;
  using Base::rows_;

 public:
  PairSoftmaxVisitor(T scale, std::size_t positive_offset, Anchors<T>& rows, Anchors<T>& cols,
                     const MaskedRows* masked)
      : Base(positive_offset, rows, cols, masked), scale_(scale) {}

  void visit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      this->keep_own(tile, r);
      transform(tile, r, this->maxima_of_row(tile, r));
    }
    if constexpr (Online) {
      for (std::size_t r = 0; r < tile.rows; ++r) raise(rows_, tile.row0 + r);
      for (std::size_t c = 0; Columns && c < tile.cols; ++c) raise(cols_, tile.col0 + c);
    }
    alignas(64) T col_sums[edge];
    if constexpr (Columns) std::fill_n(col_sums, tile.cols, T(0));
    for (std::size_t r = 0; r < tile.rows; ++r) add_row(tile, r, col_sums);
    if constexpr (Columns) {
      double* rest = cols_.rest.data() + tile.col0;
      for (std::size_t c = 0; c < tile.cols; ++c) rest[c] += static_cast<double>(col_sums[c]);
    }
  }

  void revisit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) transform(tile, r, NoMaxima{});
  }

  void weigh(const Tile& tile, T* weights) const {
    for (std::size_t r = 0; r < tile.rows; ++r) weigh_row(tile, r, weights + r * tile.ld);
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

  void raise(Anchors<T>& anchors, std::size_t i) const {
    const double down = raise_shift(anchors.shift.data()[i], anchors.largest(i));
    if (down < 0) anchors.rest.data()[i] *= std::exp(static_cast<double>(scale_) * down);
  }
  // Online: the exponential of a product.
  Batch exponential(const Batch& product, const Batch& shift) const {
    return simd::exp((product - shift) * Batch(scale_));
  }

  void add_row(const Tile& tile, std::size_t r, T* col_sums) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    const Batch shift(rows_.shift.data()[i]);
    Batch sum(T(0));
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      if constexpr (Online) {
        sum = sum + simd::keep(exponential(x, shift), part);
      } else {
        sum = sum + x;
      }
      if constexpr (Columns) {
        Batch e = x;
        if constexpr (Online)
          e = exponential(x, simd::load(cols_.shift.data() + tile.col0 + c, part));
        simd::store(col_sums + c, simd::load(col_sums + c, part) + e, part);
      }
    });
    rows_.rest.data()[i] += simd::sum<T>(sum);
  }

  void weigh_row(const Tile& tile, std::size_t r, T* out) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    const Batch row_weight(rows_.weight.data()[i]), shift(rows_.shift.data()[i]);
    const T* col_weight = cols_.weight.data() + tile.col0;
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      Batch weight;
      if constexpr (Online) {
        weight = exponential(x, shift) * row_weight;
        if constexpr (Columns) {
          const Batch e = exponential(x, simd::load(cols_.shift.data() + tile.col0 + c, part));
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
