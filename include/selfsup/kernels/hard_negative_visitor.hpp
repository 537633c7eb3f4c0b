// The visitor of hard and debiased negatives: what happens to one tile of S in each pass. It takes
// two sums an anchor,
//   A_i = Σ_k e^((1+β)(x_ik − m_i))   W_i = Σ_k e^(β(x_ik − m_i)),
// over the negatives, which kernels/anchor_losses.hpp makes a loss of.
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

// scale·x + shift in place; what is excluded becomes the lowest finite number, which β = 0
// multiplies to 0.
template <class T, class TakeMaxima>
SELFSUP_NOINLINE void shifted_logits(T* x, std::size_t n, T scale, T shift, TakeMaxima maxima) {
  constexpr T excluded = -std::numeric_limits<T>::infinity();
  const simd::Batch<T> factor(scale), term(shift), lowest(std::numeric_limits<T>::lowest());
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    const simd::Batch<T> product = simd::load(x + i, part, excluded);
    maxima.take(product, i, part);
    simd::store(x + i, simd::max(simd::fma(product, factor, term), lowest), part);
  });
  maxima.end();
}

// For a symmetric walk: rows and columns are the same anchors. Online: the tiles keep logits, and
// each anchor's shift is the largest logit of a negative so far. Otherwise: the shift is 1/τ for
// all, and the tiles keep logits less that.
template <class T, bool Online>
class HardNegativeVisitor : private AnchorTiles<T, true> {
  using Base = AnchorTiles<T, true>;
  using typename Base::Tile;
  using Batch = simd::Batch<T>;
  using Base::edge;

 public:
  HardNegativeVisitor(T scale, T beta, std::size_t positive_offset, Anchors<T>& anchors)
      : Base(positive_offset, anchors, anchors), scale_(scale), beta_(beta), anchors_(anchors) {}

  void visit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      this->keep_own(tile, r);
      transform(tile, r, this->maxima_of_row(tile, r));
    }
    if constexpr (Online) {
      for (std::size_t r = 0; r < tile.rows; ++r) raise(tile.row0 + r);
      for (std::size_t c = 0; c < tile.cols; ++c) raise(tile.col0 + c);
    }
    alignas(64) T col_rest[edge], col_hard[edge];
    std::fill_n(col_rest, tile.cols, T(0));
    std::fill_n(col_hard, tile.cols, T(0));
    for (std::size_t r = 0; r < tile.rows; ++r) add_row(tile, r, col_rest, col_hard);
    for (std::size_t c = 0; c < tile.cols; ++c) {
      anchors_.rest.data()[tile.col0 + c] += static_cast<double>(col_rest[c]);
      anchors_.hard.data()[tile.col0 + c] += static_cast<double>(col_hard[c]);
    }
  }

  void revisit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) transform(tile, r, NoMaxima{});
  }

  void weigh(const Tile& tile, T* weights) const {
    for (std::size_t r = 0; r < tile.rows; ++r) weigh_row(tile, r, weights + r * tile.ld);
  }

 private:
  // e^d and e^(βd) of a logit's distance d from a shift.
  struct Exponentials {
    Batch all, hard;
  };
  Exponentials exponentials(const Batch& distance) const {
    return {simd::exp(distance), simd::exp(Batch(beta_) * distance)};
  }

  template <class TakeMaxima>
  void transform(const Tile& tile, std::size_t r, TakeMaxima maxima) const {
    this->exclude(tile, r);
    const std::size_t first = tile.first_col(r);
    shifted_logits(tile.row(r) + first, tile.cols - first, scale_, Online ? T(0) : -scale_, maxima);
  }

  // Raises an anchor's shift to its largest logit so far, and rescales what was summed.
  void raise(std::size_t i) const {
    const T logit = anchors_.largest(i) * scale_;
    T& shift = anchors_.shift.data()[i];
    if (!(logit > shift)) return;
    const double down = static_cast<double>(shift) - static_cast<double>(logit);
    const double beta = static_cast<double>(beta_);
    anchors_.rest.data()[i] *= std::exp((1 + beta) * down);
    anchors_.hard.data()[i] *= std::exp(beta * down);
    shift = logit;
  }

  template <class Part>
  Batch col_distance(const Batch& x, std::size_t anchor, Part part) const {
    return x - simd::load(anchors_.shift.data() + anchor, part);
  }

  void add_row(const Tile& tile, std::size_t r, T* col_rest, T* col_hard) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    const Batch shift(Online ? anchors_.shift.data()[i] : T(0));
    Batch rest(T(0)), hard(T(0));
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      Exponentials e = exponentials(Online ? x - shift : x);
      rest = rest + simd::keep(e.hard * e.all, part);
      hard = hard + simd::keep(e.hard, part);
      if constexpr (Online) e = exponentials(col_distance(x, tile.col0 + c, part));
      simd::store(col_rest + c, simd::fma(e.hard, e.all, simd::load(col_rest + c, part)), part);
      simd::store(col_hard + c, simd::load(col_hard + c, part) + e.hard, part);
    });
    anchors_.rest.data()[i] += simd::sum<T>(rest);
    anchors_.hard.data()[i] += simd::sum<T>(hard);
  }

  void weigh_row(const Tile& tile, std::size_t r, T* out) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    const Batch shift(Online ? anchors_.shift.data()[i] : T(0));
    const Batch row_weight(anchors_.weight.data()[i]), row_less(anchors_.less.data()[i]);
    const T* col_weight = anchors_.weight.data() + tile.col0;
    const T* col_less = anchors_.less.data() + tile.col0;
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      const Batch of_col = simd::load(col_weight + c, part), less = simd::load(col_less + c, part);
      const Exponentials e = exponentials(Online ? x - shift : x);
      Batch weight;
      if constexpr (Online) {
        const Exponentials f = exponentials(col_distance(x, tile.col0 + c, part));
        const Batch from_col = f.hard * simd::fms(f.all, of_col, less);
        weight = simd::fma(e.hard, simd::fms(e.all, row_weight, row_less), from_col);
      } else {
        weight = e.hard * simd::fms(e.all, row_weight + of_col, row_less + less);
      }
      simd::store(out + c, weight, part);
    });
  }

  T scale_;
  T beta_;
  Anchors<T>& anchors_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
