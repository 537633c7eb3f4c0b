// A logistic regression of every pair of rows: the core of SigLIP.
//
// Row i of one side and row j of the other belong together when i = j. With logits x_ij = t·s_ij +
// b a pair costs softplus(x_ij), its derivative is σ(x_ij); a pair that belongs together costs
// softplus(−x_ii), with the derivative −σ(−x_ii), which is never computed as σ(x_ii) − 1.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/product/visitor.hpp"
#include "selfsup/simd/axpy.hpp"
#include "selfsup/simd/lane_sums.hpp"
#include "selfsup/simd/reduce.hpp"
#include "selfsup/simd/sigmoid.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Sums over some of the pairs.
struct SigmoidSums {
  double loss = 0;    ///< Σ softplus
  double d_bias = 0;  ///< Σ σ, its derivative by b

  SigmoidSums& operator+=(const SigmoidSums& other) {
    loss += other.loss;
    d_bias += other.d_bias;
    return *this;
  }
};

/// The same, lane by lane: lanes are added up once a tile.
template <class T>
struct SigmoidLanes {
  simd::LaneSums<T> loss;
  simd::LaneSums<T> d_bias;
};

/// Turns similarities into σ(scale·x + bias) in place, and adds to their sums.
template <class T>
SELFSUP_NOINLINE SELFSUP_FLATTEN void sigmoid_of_logits(T* x, std::size_t n, T scale, T bias,
                                                        SigmoidLanes<T>& sums) {
  const simd::Batch<T> factor(scale), offset(bias);
  simd::Batch<T> loss(T(0)), slope(T(0));
  simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
    const auto pair = simd::sigmoid<T>(simd::fma(simd::load(x + i, part), factor, offset));
    simd::store(x + i, pair.sigmoid, part);
    loss = loss + simd::keep(pair.softplus, part);
    slope = slope + simd::keep(pair.sigmoid, part);
  });
  sums.loss.add(loss);
  sums.d_bias.add(slope);
}

/// The pairs that do not belong together; tiles keep σ, which is the weight of a pair.
template <class T>
class PairSigmoidVisitor : public product::Visitor {
  using Tile = product::Tile<T>;

 public:
  PairSigmoidVisitor(T scale, T bias, Buffer<SigmoidSums>& tile_sums)
      : scale_(scale), bias_(bias), tile_sums_(tile_sums) {}

  void reserve(std::size_t tiles, std::size_t) const { tile_sums_.grow(tiles); }

  void visit(const Tile& tile) const {
    const SigmoidLanes<T> sums = pass(tile);
    tile_sums_.data()[tile.slot] = {sums.loss.total(), sums.d_bias.total()};
  }
  void revisit(const Tile& tile) const { pass(tile); }

 private:
  SigmoidLanes<T> pass(const Tile& tile) const {
    SigmoidLanes<T> sums;
    for (std::size_t r = 0; r < tile.rows; ++r) {
      // The pair that belongs together is left out by index; wraps when it lies to the left.
      const std::size_t same = tile.row0 + r - tile.col0;
      if (same < tile.cols) tile.row(r)[same] = -std::numeric_limits<T>::infinity();
      sigmoid_of_logits(tile.row(r), tile.cols, scale_, bias_, sums);
    }
    return sums;
  }

  T scale_;
  T bias_;
  Buffer<SigmoidSums>& tile_sums_;
};

template <class T>
class PairSigmoid {
 public:
  /// Rows a (N, D) against rows b (N, D). Returns the sums over all N² pairs, with the derivative
  /// of the whole loss by b.
  SigmoidSums forward(const product::PaddedMatrix<T>& a, const product::PaddedMatrix<T>& b,
                      double scale, double bias, std::size_t memory_budget) {
    scale_ = scale;
    bias_ = static_cast<T>(bias);
    const std::size_t N = a.rows();
    set_up(a, b);
    walk_.rectangular(a, b, memory_budget, visitor());
    SigmoidSums total;
    for (std::size_t i = 0; i < N; ++i) total += sums_.data()[i];
    for (std::size_t tile = 0; tile < walk_.tiles(); ++tile) total += tile_sums_.data()[tile];
    return total;
  }

  /// After forward: writes d_a, d_b with dΣ/da = t·d_a and dΣ/db = t·d_b; a null pointer skips an
  /// output.
  void backward(const product::PaddedMatrix<T>& a, const product::PaddedMatrix<T>& b,
                product::PaddedMatrix<T>* d_a, product::PaddedMatrix<T>* d_b) {
    walk_.rectangular_backward(a, b, d_a, d_b, visitor());
    if (d_a) add_same(b, *d_a);
    if (d_b) add_same(a, *d_b);
  }

  /// t of the last forward.
  double scale() const { return scale_; }

  std::size_t bytes() const {
    return sums_.bytes() + tile_sums_.bytes() + miss_.bytes() + walk_.bytes();
  }

 private:
  T factor() const { return static_cast<T>(scale_); }
  PairSigmoidVisitor<T> visitor() { return {factor(), bias_, tile_sums_}; }

  // The pairs that belong together, in double.
  void set_up(const product::PaddedMatrix<T>& a, const product::PaddedMatrix<T>& b) {
    sums_.grow(a.rows());
    miss_.grow(a.rows());
    parallel_for(a.rows(), a.cols(), [&](std::size_t i) {
      const double x = static_cast<double>(factor()) * simd::dot(a.row(i), b.row(i), a.cols()) +
                       static_cast<double>(bias_);
      const double miss = simd::sigmoid(-x);
      sums_.data()[i] = {simd::softplus(-x), -miss};
      miss_.data()[i] = static_cast<T>(miss);
    });
  }

  // Adds −σ(−x_ii)·z_i after the sum over the other pairs, which may be much smaller and would be
  // rounded at its magnitude.
  void add_same(const product::PaddedMatrix<T>& z, product::PaddedMatrix<T>& d_z) const {
    parallel_for(d_z.rows(), d_z.cols(), [&](std::size_t i) {
      simd::axpy(-miss_.data()[i], z.row(i), d_z.row(i), d_z.cols());
    });
  }

  // Kept for backward.
  double scale_ = 0;
  T bias_ = 0;
  Buffer<T> miss_;  // σ(−x_ii)
  product::TileWalk<T> walk_;
  // Scratch.
  Buffer<SigmoidSums> sums_;  // of the pairs that belong together
  Buffer<SigmoidSums> tile_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
