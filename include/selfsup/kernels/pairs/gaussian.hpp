// The mean of a Gaussian over all pairs of rows, in the logarithm: the core of uniformity.
//
// With h_i = ½|z_i|², x_ij = −t·|z_i − z_j|² = 2t·(s_ij − h_i − h_j), and with a shift m
//   e_ij = e^(x_ij − m)   R_i = Σ_{j≠i} e_ij   L = log(Σ_i R_i) + m − log(M(M − 1)).
// Of rows of any length h_i is half of the product that a tile has for z_i and itself: rows that
// are equal then lie at distance 0 to the last bit. dL/dz_i = 4t/Σ_i R_i · (Σ_j e_ij z_j − R_i
// z_i). The second term is along z_i: for rows of length one it does not survive the normalisation,
// and adding it would round the first at its magnitude, which for rows spread over the sphere is √M
// times larger (in float 6e-6 of the gradient at 8,192 rows, and 4e-7 without it).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/finite.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/pairs/entrywise.hpp"
#include "selfsup/kernels/pairs/exponent_range.hpp"
#include "selfsup/kernels/pairs/skip.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/paired_products.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/product/visitor.hpp"
#include "selfsup/simd/axpy.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// e^x of a pair less the shift, by an x that is not above 0; its own slope but for 2t.
template <class T>
struct GaussianEntry {
  using Batch = simd::Batch<T>;
  T scale, shift;  // 2t, m
  const T* halves;

  static constexpr T left_out = -std::numeric_limits<T>::infinity();

  template <class Part>
  Batch exponent(const Batch& s, std::size_t i, std::size_t j, Part part) const {
    const Batch apart = (s - Batch(halves[i])) - simd::load(halves + j, part);
    return simd::fma(simd::min(apart, Batch(T(0))), Batch(scale), Batch(-shift));
  }
  template <class Part>
  Cost<Batch> operator()(const Batch& s, std::size_t i, std::size_t j, Part part) const {
    const Batch e = simd::exp(exponent(s, i, j, part));
    return {e, e};
  }
};

/// Finds the largest exponent of each tile right of the diagonal.
template <class T>
class NearestVisitor : public product::Visitor {
 public:
  NearestVisitor(const GaussianEntry<T>& entry, Buffer<T>& nearest)
      : entry_(entry), nearest_(nearest) {}

  void reserve(std::size_t tiles, std::size_t) const { nearest_.grow(tiles); }

  SELFSUP_FLATTEN void visit(const product::Tile<T>& tile) const {
    constexpr T lowest = std::numeric_limits<T>::lowest();
    simd::Batch<T> largest(lowest);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      simd::for_batches<T>(tile.diagonal ? r + 1 : 0, tile.cols, [&](std::size_t c, auto part) {
        const auto s = simd::load(tile.row(r) + c, part, lowest);
        largest = simd::max(largest, entry_.exponent(s, tile.row0 + r, tile.col0 + c, part));
      });
    }
    nearest_[tile.slot] = simd::largest<T>(largest);
  }

 private:
  GaussianEntry<T> entry_;
  Buffer<T>& nearest_;
};

template <class T>
class PairGaussian {
 public:
  /// Returns log mean_{i<j} e^(−scale·|z_i − z_j|²) over the rows of z (M, D), M > 1; infinity
  /// where squares overflow. `unit_rows`: no row is longer than one.
  double forward(const product::PaddedMatrix<T>& z, double scale, bool unit_rows,
                 std::size_t memory_budget) {
    const std::size_t M = z.rows();
    scale_ = scale;
    // Beside such an exponent of unit rows it does not matter how a length was summed and rounded.
    const bool as_a_tile =
        !unit_rows || static_cast<double>(std::numeric_limits<T>::epsilon()) * scale > 1e-3;
    const double largest = scale * set_up(z, as_a_tile);
    if (!is_finite(largest)) return std::numeric_limits<double>::infinity();
    // Pairs lie at most 2·max|z| apart. Where e^−(t·4·max|z|²) is a normal number no shift is
    // needed; else the nearest pair gives it, for one more product.
    shift_ = 4 * largest <= exponent_range<T> ? T(0) : nearest(z);
    sums_.begin(M);
    walk_.symmetric(z, memory_budget, visitor());
    total_ = 0;
    for (std::size_t i = 0; i < M; ++i) total_ += sums_.rows()[i];
    const auto rows = static_cast<double>(M);
    const double value = std::log(total_ / (rows * (rows - 1))) + static_cast<double>(shift_);
    return std::min<double>(value, 0);  // a NaN stays one
  }

  /// After forward: writes d_z with dL/dz = slope()·d_z; `tangential`: but for a multiple of each
  /// row of z.
  void backward(const product::PaddedMatrix<T>& z, product::PaddedMatrix<T>& d_z, bool tangential) {
    walk_.symmetric_backward(z, d_z, visitor());
    if (tangential) return;
    parallel_for(z.rows(), z.cols(), [&](std::size_t i) {
      simd::axpy(static_cast<T>(-sums_.rows()[i]), z.row(i), d_z.row(i), z.cols());
    });
  }
  double slope() const { return 4 * scale_ / total_; }

  std::size_t bytes() const {
    return halves_.bytes() + nearest_.bytes() + sums_.bytes() + walk_.bytes() + paired_.bytes();
  }

 private:
  GaussianEntry<T> entry(T shift) const {
    return {static_cast<T>(2 * scale_), shift, halves_.data()};
  }
  EntrywiseVisitor<T, GaussianEntry<T>, EntriesByRow<T>> visitor() {
    return {entry(shift_), Skip(), sums_};
  }

  // Returns max |z_i|².
  double set_up(const product::PaddedMatrix<T>& z, bool as_a_tile) {
    T* const halves = halves_.grow(z.rows());
    nearest_.grow(
        walk_.tiles_of_symmetric(z.rows(), z.cols()));  // whether it is needed, the entries say
    if (as_a_tile) {
      paired_.write(z, z, halves);
    } else {
      parallel_for(z.rows(), z.cols(), [&](std::size_t i) {
        halves[i] = static_cast<T>(simd::dot(z.row(i), z.row(i), z.cols()));
      });
    }
    const auto largest = static_cast<double>(*std::max_element(halves, halves + z.rows()));
    for (std::size_t i = 0; i < z.rows(); ++i) halves[i] /= 2;
    return largest;
  }

  T nearest(const product::PaddedMatrix<T>& z) {
    walk_.symmetric(z, 0, NearestVisitor<T>(entry(T(0)), nearest_));
    return *std::max_element(nearest_.data(), nearest_.data() + walk_.tiles());
  }

  // Kept for backward.
  double scale_ = 0;
  double total_ = 1;
  T shift_ = 0;
  Buffer<T> halves_;      // h_i
  EntriesByRow<T> sums_;  // R_i
  product::TileWalk<T> walk_;
  // Scratch.
  Buffer<T> nearest_;
  product::PairedProducts<T> paired_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
