// The visitor of hard and debiased negatives: what happens to one tile of S in each pass. It takes
// two sums an anchor,
//   A_i = Σ_k e^((1+β)(x_ik − m_i))   W_i = Σ_k e^(β(x_ik − m_i)),
// over the negatives, which kernels/anchor_losses.hpp makes a loss of.
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

// scale·x − scale in place.
template <class T, class TakeMaxima>
SELFSUP_NOINLINE void shifted_logits(T* x, std::size_t n, T scale, TakeMaxima maxima) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  const simd::Batch<T> factor(scale), shift(-scale);
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    const simd::Batch<T> product = simd::load(x + i, part, lowest);
    maxima.take(product, i, part);
    simd::store(x + i, simd::fma(product, factor, shift), part);
  });
  maxima.end();
}

// For a symmetric walk: rows and columns are the same anchors. Online: the tiles keep products, and
// each anchor's shift is the largest product of a negative so far. Otherwise: the shift is 1 for
// all, and the tiles keep logits less 1/τ.
template <class T, bool Online>
class HardNegativeVisitor : private AnchorTiles<T, true>, public product::Visitor {
  using Base = AnchorTiles<T, true>;
  using typename Base::Tile;
  using Batch = simd::Batch<T>;

 public:
  HardNegativeVisitor(T scale, T beta, const Skip& skip, Anchors<T>& anchors)
      : Base(skip, anchors, anchors), scale_(scale), beta_(beta), anchors_(anchors) {}

  static constexpr bool adds_to_blocks = true;
  static constexpr bool keeps_weights = false;

  void reserve(std::size_t slots, std::size_t edge_of_tiles) const {
    this->grow_slots(slots, edge_of_tiles, true);
  }

  void visit(const Tile& tile) const {
    this->take_largest(tile, [&](std::size_t r, auto maxima) {
      this->keep_own(tile, r);
      transform(tile, r, maxima);
    });
    TileSums<T> rest(tile), hard(tile);
    for (std::size_t r = 0; r < tile.rows; ++r) take_row(tile, r, rest, hard);
    rest.leave_cols(anchors_.slot_rest.cols(tile.slot));
    hard.leave_cols(anchors_.slot_hard.cols(tile.slot));
  }

  void add_to_rows(const Tile& tile) const {
    add(tile.row0, tile.rows, anchors_.slot_rest.rows(tile.slot),
        anchors_.slot_hard.rows(tile.slot), anchors_.slot_largest.rows(tile.slot));
  }
  void add_to_cols(const Tile& tile) const {
    add(tile.col0, tile.cols, anchors_.slot_rest.cols(tile.slot),
        anchors_.slot_hard.cols(tile.slot), anchors_.slot_largest.cols(tile.slot));
  }

  void revisit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) transform(tile, r, NoMaxima{});
  }

  void weigh(const Tile& tile, T* weights, std::size_t ld) const {
    for (std::size_t r = 0; r < tile.rows; ++r) weigh_row(tile, r, weights + r * ld);
  }

 private:
  // e^d and e^(βd) of a logit's distance d from a shift. That of what is excluded is −infinity,
  // which β = 0 must not multiply; its e^0 is taken back in hard_negative_loss.
  struct Exponentials {
    Batch all, hard;
  };
  Exponentials exponentials(const Batch& distance) const {
    return {simd::exp(distance), beta_ > 0 ? simd::exp(Batch(beta_) * distance) : Batch(T(1))};
  }
  Exponentials of_tile(const Batch& x, const Batch& shift) const {
    return exponentials(Online ? (x - shift) * Batch(scale_) : x);
  }

  template <class TakeMaxima>
  void transform(const Tile& tile, std::size_t r, TakeMaxima maxima) const {
    this->exclude(tile, r);
    const std::size_t first = tile.first_col(r);
    if constexpr (Online) {
      take_maxima(tile.row(r) + first, tile.cols - first, maxima);
    } else {
      shifted_logits(tile.row(r) + first, tile.cols - first, scale_, maxima);
    }
  }

  // Sums relative to the tile's own maxima.
  SELFSUP_FLATTEN void take_row(const Tile& tile, std::size_t r, TileSums<T>& all_rest,
                                TileSums<T>& all_hard) const {
    const T* row = tile.row(r);
    const T* const col_shifts = anchors_.slot_largest.cols(tile.slot);
    const Batch shift(Online ? anchors_.slot_largest.rows(tile.slot)[r] : T(0));
    auto rest = all_rest.row(), hard = all_hard.row();
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      Exponentials e = of_tile(x, shift);
      rest.add(simd::keep(e.hard * e.all, part));
      hard.add(simd::keep(e.hard, part));
      if constexpr (Online) e = of_tile(x, simd::load(col_shifts + c, part));
      rest.add_to_cols(c, part, e.hard, e.all);
      hard.add_to_cols(c, part, e.hard);
    });
    anchors_.slot_rest.rows(tile.slot)[r] = rest.total();
    anchors_.slot_hard.rows(tile.slot)[r] = hard.total();
  }

  void add(std::size_t first, std::size_t count, const double* rest, const double* hard,
           const T* largest) const {
    this->template add_slot<2>(scale_, anchors_, first, count, largest, Online,
                               {{{anchors_.rest.data() + first, rest, 1 + beta_},
                                 {anchors_.hard.data() + first, hard, beta_}}});
  }

  SELFSUP_FLATTEN void weigh_row(const Tile& tile, std::size_t r, T* out) const {
    const std::size_t i = tile.row0 + r;
    const T* row = tile.row(r);
    const Batch shift(Online ? anchors_.largest[i] : T(0));
    const Batch row_weight(anchors_.weight[i]), row_mean(anchors_.mean[i]);
    const T* col_weight = anchors_.weight.data() + tile.col0;
    const T* col_mean = anchors_.mean.data() + tile.col0;
    simd::for_batches<T>(tile.first_col(r), tile.cols, [&](std::size_t c, auto part) {
      const Batch x = simd::load(row + c, part);
      const Exponentials e = of_tile(x, shift);
      Exponentials f = e;
      if constexpr (Online)
        f = of_tile(x, simd::load(anchors_.largest.data() + tile.col0 + c, part));
      const Batch of_row = slope(e, row_mean) * row_weight;
      const Batch of_col = slope(f, simd::load(col_mean + c, part));
      simd::store(out + c, simd::fma(of_col, simd::load(col_weight + c, part), of_row), part);
    });
  }
  // e^(βd)·((1 + β)·e^d − β·mean), which a large β leaves its digits.
  Batch slope(const Exponentials& e, const Batch& mean) const {
    return e.hard * simd::fma(Batch(beta_), e.all - mean, e.all);
  }

  T scale_;
  T beta_;
  Anchors<T>& anchors_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
