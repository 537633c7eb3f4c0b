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
#include "selfsup/core/check.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/pairs/slot_sums.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/paired_products.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/product/visitor.hpp"
#include "selfsup/simd/axpy.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Turns similarities of one row into exponents scale·(x_j − row − cols_j) − shift in place, none
/// of them above −shift.
template <class T>
SELFSUP_NOINLINE SELFSUP_FLATTEN void gaussian_exponents(T* x, std::size_t n, T scale, T row,
                                                         const T* cols, T shift) {
  const simd::Batch<T> factor(scale), half(row), offset(-shift), zero(T(0));
  simd::for_batches<T>(0, n, [&](std::size_t j, auto part) {
    const auto apart = (simd::load(x + j, part) - half) - simd::load(cols + j, part);
    simd::store(x + j, simd::fma(simd::min(apart, zero), factor, offset), part);
  });
}

/// Finds the largest exponent of each tile right of the diagonal.
template <class T>
class NearestVisitor : public product::Visitor {
 public:
  NearestVisitor(T scale, const T* halves, Buffer<T>& nearest)
      : scale_(scale), halves_(halves), nearest_(nearest) {}

  void reserve(std::size_t tiles, std::size_t) const { nearest_.grow(tiles); }

  void visit(const product::Tile<T>& tile) const {
    constexpr T lowest = std::numeric_limits<T>::lowest();
    simd::Batch<T> largest(lowest);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t first = tile.diagonal ? r + 1 : 0;
      T* const row = tile.row(r);
      gaussian_exponents(row + first, tile.cols - first, scale_, halves_[tile.row0 + r],
                         halves_ + tile.col0 + first, T(0));
      simd::for_batches<T>(first, tile.cols, [&](std::size_t c, auto part) {
        largest = simd::max(largest, simd::load(row + c, part, lowest));
      });
    }
    nearest_.data()[tile.slot] = simd::largest<T>(largest);
  }

 private:
  T scale_;
  const T* halves_;
  Buffer<T>& nearest_;
};

/// Tiles keep e_ij, which is the weight of a pair.
template <class T>
class GaussianVisitor : public product::Visitor {
  using Tile = product::Tile<T>;
  static constexpr std::size_t edge = product::Blocking<T>::tile;

 public:
  GaussianVisitor(T scale, T shift, const T* halves, double* sums, SlotSums<double>& slots)
      : scale_(scale), shift_(shift), halves_(halves), sums_(sums), slots_(slots) {}

  static constexpr bool adds_to_blocks = true;

  void reserve(std::size_t slots, std::size_t edge_of_tiles) const {
    slots_.grow(slots, edge_of_tiles);
  }

  void visit(const Tile& tile) const {
    revisit(tile);
    alignas(64) T col_sums[edge] = {};
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const T* row = tile.row(r);
      simd::Batch<T> sum(T(0));
      simd::for_batches<T>(tile.diagonal ? r + 1 : 0, tile.cols, [&](std::size_t c, auto part) {
        const auto e = simd::load(row + c, part);
        sum = sum + e;
        simd::store(col_sums + c, simd::load(col_sums + c, part) + e, part);
      });
      slots_.rows(tile.slot)[r] = simd::sum<T>(sum);
    }
    std::copy_n(col_sums, tile.cols, slots_.cols(tile.slot));
  }

  void add_to_rows(const Tile& tile) const {
    add_sums(slots_.rows(tile.slot), tile.rows, sums_ + tile.row0);
  }
  void add_to_cols(const Tile& tile) const {
    add_sums(slots_.cols(tile.slot), tile.cols, sums_ + tile.col0);
  }

  void revisit(const Tile& tile) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t first = tile.first_col(r);
      gaussian_row(tile.row(r) + first, tile.cols - first, halves_[tile.row0 + r],
                   halves_ + tile.col0 + first);
      if (tile.diagonal) tile.row(r)[r] = 0;  // no row pairs with itself
    }
  }

 private:
  SELFSUP_NOINLINE SELFSUP_FLATTEN void gaussian_row(T* x, std::size_t n, T row,
                                                     const T* cols) const {
    gaussian_exponents(x, n, scale_, row, cols, shift_);
    simd::for_batches<T>(0, n, [&](std::size_t j, auto part) {
      simd::store(x + j, simd::exp(simd::load(x + j, part)), part);
    });
  }

  T scale_;
  T shift_;
  const T* halves_;
  double* sums_;
  SlotSums<double>& slots_;
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
    constexpr double range = sizeof(T) == 4 ? 80 : 680;
    shift_ = 4 * largest <= range ? T(0) : nearest(z);
    walk_.symmetric(z, memory_budget, visitor());
    total_ = 0;
    for (std::size_t i = 0; i < M; ++i) total_ += sums_.data()[i];
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
      simd::axpy(static_cast<T>(-sums_.data()[i]), z.row(i), d_z.row(i), z.cols());
    });
  }
  double slope() const { return 4 * scale_ / total_; }

  std::size_t bytes() const {
    return halves_.bytes() + nearest_.bytes() + sums_.bytes() + slots_.bytes() + walk_.bytes() +
           paired_.bytes();
  }

 private:
  T product_scale() const { return static_cast<T>(2 * scale_); }
  GaussianVisitor<T> visitor() {
    return {product_scale(), shift_, halves_.data(), sums_.data(), slots_};
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
    std::fill_n(sums_.grow(z.rows()), z.rows(), 0.0);
    return largest;
  }

  T nearest(const product::PaddedMatrix<T>& z) {
    walk_.symmetric(z, 0, NearestVisitor<T>(product_scale(), halves_.data(), nearest_));
    return *std::max_element(nearest_.data(), nearest_.data() + walk_.tiles());
  }

  // Kept for backward.
  double scale_ = 0;
  double total_ = 1;
  T shift_ = 0;
  Buffer<T> halves_;     // h_i
  Buffer<double> sums_;  // R_i
  product::TileWalk<T> walk_;
  // Scratch.
  Buffer<T> nearest_;
  SlotSums<double> slots_;
  product::PairedProducts<T> paired_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
