// The visitor of the softmax over similarities: what happens to one tile of S in each pass.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// What is known of each anchor of one side of S. Shifts and weights are in T, as the tiles use
/// them; sums in double.
template <class T>
class Anchors {
 public:
  void grow(std::size_t count) {
    positive.grow(count);
    rest.grow(count);
    shift.grow(count);
    inverse.grow(count);
    miss.grow(count);
  }
  std::size_t bytes() const {
    return positive.bytes() + rest.bytes() + shift.bytes() + inverse.bytes() + miss.bytes();
  }

  Buffer<double> positive;  // x_ip
  Buffer<double> rest;      // r_i
  Buffer<T> shift;          // m_i
  Buffer<T> inverse;        // 1/(r_i + e_i)
  Buffer<T> miss;           // q_i
};

// e^(scale·x − scale) in place.
template <class T>
SELFSUP_NOINLINE void exponentiate(T* x, std::size_t n, T scale) {
  const simd::Batch<T> factor(scale), shift(-scale);
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    simd::store(x + i, simd::exp(simd::fma(simd::load(x + i, part), factor, shift)), part);
  });
}

// scale·x in place.
template <class T>
SELFSUP_NOINLINE void scale_in_place(T* x, std::size_t n, T scale) {
  const simd::Batch<T> factor(scale);
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    simd::store(x + i, simd::load(x + i, part) * factor, part);
  });
}

// The visitor of both losses. Online: the tiles keep logits, and each anchor's shift is the largest
// logit so far. Otherwise: the shift is 1/τ for all, and the tiles keep exponentials that serve row
// and column. Columns: the columns of S are anchors too (the same ones as the rows in a symmetric
// walk).
template <class T, bool Online, bool Columns>
class PairSoftmaxVisitor {
  using Tile = product::Tile<T>;
  using Batch = simd::Batch<T>;
  static constexpr std::size_t edge = product::Blocking<T>::tile;

 public:
  PairSoftmaxVisitor(T scale, std::size_t positive_offset, Anchors<T>& rows, Anchors<T>& cols)
      : scale_(scale), positive_offset_(positive_offset), rows_(rows), cols_(cols) {}

  void visit(const Tile& tile) const {
    revisit(tile);
    if constexpr (Online) raise_shifts(tile);
    alignas(64) T col_sums[edge] = {};
    for (std::size_t r = 0; r < tile.rows; ++r) add_row(tile, r, col_sums);
    if constexpr (Columns) {
      double* rest = cols_.rest.data() + tile.col0;
      for (std::size_t c = 0; c < tile.cols; ++c) rest[c] += static_cast<double>(col_sums[c]);
    }
  }

  void revisit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t first = tile.first_col(r);
      T* row = tile.row(r);
      // Excluded by index: an anchor meets neither itself nor its positive.
      if (tile.diagonal) row[r] = excluded;
      if (const std::size_t p = positive_col(tile, r); p < tile.cols) row[p] = excluded;
      if constexpr (Online) {
        scale_in_place(row + first, tile.cols - first, scale_);
      } else {
        exponentiate(row + first, tile.cols - first, scale_);
      }
    }
  }

  void weigh(const Tile& tile, T* weights) const {
    for (std::size_t r = 0; r < tile.rows; ++r) weigh_row(tile, r, weights + r * tile.ld);
  }

 private:
  static constexpr T excluded = -std::numeric_limits<T>::infinity();

  // The column of the tile that holds the positive of row r; tile.cols or more when it lies
  // elsewhere.
  std::size_t positive_col(const Tile& tile, std::size_t r) const {
    return tile.row0 + r + positive_offset_ -
           tile.col0;  // wraps to a huge number when it lies to the left
  }

  void add_row(const Tile& tile, std::size_t r, T* col_sums) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    const Batch shift(rows_.shift.data()[i]);
    Batch sum(T(0));
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      if constexpr (Online) {
        sum = sum + simd::keep(simd::exp(x - shift), part);
      } else {
        sum = sum + x;
      }
      if constexpr (Columns) {
        Batch e = x;
        if constexpr (Online)
          e = simd::exp(x - simd::load(cols_.shift.data() + tile.col0 + c, part));
        simd::store(col_sums + c, simd::load(col_sums + c, part) + e, part);
      }
    });
    rows_.rest.data()[i] += simd::sum<T>(sum);
  }

  void weigh_row(const Tile& tile, std::size_t r, T* out) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    const Batch inverse(rows_.inverse.data()[i]), shift(rows_.shift.data()[i]);
    const T* col_inverse = cols_.inverse.data() + tile.col0;
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      Batch weight;
      if constexpr (Online) {
        weight = simd::exp(x - shift) * inverse;
        if constexpr (Columns) {
          const Batch e = simd::exp(x - simd::load(cols_.shift.data() + tile.col0 + c, part));
          weight = simd::fma(e, simd::load(col_inverse + c, part), weight);
        }
      } else if constexpr (Columns) {
        weight = x * (inverse + simd::load(col_inverse + c, part));
      } else {
        weight = x * inverse;
      }
      simd::store(out + c, weight, part);
    });
  }

  // Raises the shifts of the tile's anchors to its largest logits, and rescales what was summed so
  // far.
  void raise_shifts(const Tile& tile) const {
    alignas(64) T col_max[edge];
    std::fill_n(col_max, edge, excluded);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const T* row = tile.row(r);
      Batch row_max(excluded);
      simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
        const Batch x = simd::load(row + c, part, excluded);
        row_max = simd::max(row_max, x);
        simd::store(col_max + c, simd::max(simd::load(col_max + c, part), x), part);
      });
      raise(rows_, tile.row0 + r, simd::largest<T>(row_max));
    }
    if constexpr (Columns) {
      for (std::size_t c = 0; c < tile.cols; ++c) raise(cols_, tile.col0 + c, col_max[c]);
    }
  }

  static void raise(Anchors<T>& anchors, std::size_t i, T logit) {
    T& shift = anchors.shift.data()[i];
    if (!(logit > shift)) return;
    anchors.rest.data()[i] *= std::exp(static_cast<double>(shift) - static_cast<double>(logit));
    shift = logit;
  }

  T scale_;
  std::size_t positive_offset_;
  Anchors<T>& rows_;
  Anchors<T>& cols_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup
