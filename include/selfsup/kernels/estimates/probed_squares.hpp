// The sum of squared off-diagonal covariances by random probes: for S = Zcᵀ Zc of a centred batch
// Zc (N, D), s_j = S_jj, and signs ω with E[ωωᵀ] = 1,
//   y = offdiag(S)·ω = Zcᵀ(Zc ω) − s∘ω,   E|y|² = Σ_{i≠j} S_ij²,
//   d|y|²/dZc = 2·((Zc ω)yᵀ + (Zc y)ωᵀ − 2 Zc∘(y∘ω)).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/centred_gradient.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/product/matmul.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/random/random.hpp"
#include "selfsup/simd/reduce.hpp"

#include <cstddef>
#include <cstdint>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class ProbedSquares {
 public:
  /// Returns the sum over `count` probes of |y|². With `keep`, keeps what backward needs.
  double forward(const CentredView<T>& z, std::size_t count, rng::RandomPoint point, bool keep) {
    const std::size_t N = z.rows.rows(), D = z.rows.cols();
    count_ = count;
    by_sample_.reshape(N, checked_product(2, count));
    by_column_.reshape(D, 2 * count);
    draw(point);
    const ConstView<T> zc = z.rows.view();
    matmul_.write(zc, by_column_.columns(count, count), by_sample_.columns(0, count));
    matmul_.write(zc.transposed(), by_sample_.columns(0, count), by_column_.columns(0, count));
    const double squares = subtract_diagonal(z.squares.data());
    if (keep) matmul_.write(zc, by_column_.columns(0, count), by_sample_.columns(count, count));
    return squares;
  }

  /// Takes what backward will need, so that it cannot run out of memory.
  void reserve_backward(const CentredView<T>& z, MutView<T> d_z) {
    product_.reshape(z.rows.rows(), z.rows.cols());
    gradient_.reserve(z.rows.rows(), z.rows.cols(), {d_z});
  }

  /// Writes d_z (N, D) = weight·dΣ|y|²/dZc, whose columns sum to 0.
  void backward(const CentredView<T>& z, double weight, MutView<T> d_z) {
    const std::size_t D = z.rows.cols();
    matmul_.write(by_sample_.columns(0, 2 * count_), by_column_.columns(0, 2 * count_).transposed(),
                  product_.view());
    gradient_.clear_factors(D);
    gradient_.add(along_.data(), -4 * weight, D);
    gradient_.write({z, nullptr, 0, 2 * weight}, &product_, d_z);
  }

  std::size_t bytes() const {
    return by_sample_.bytes() + by_column_.bytes() + along_.bytes() + squares_.bytes() +
           product_.bytes() + matmul_.bytes() + gradient_.bytes();
  }

 private:
  // Probe p is stream p: its signs do not depend on the number of probes.
  void draw(rng::RandomPoint point) {
    const std::size_t D = by_column_.rows();
    parallel_for(count_, D, [&](std::size_t p) {
      rng::RandomStream random(point.seed, point.step, p);
      std::uint64_t bits = 0;
      for (std::size_t j = 0; j < D; ++j) {
        bits = j % 64 == 0 ? random.bits() : bits >> 1;
        by_column_.row(j)[count_ + p] = (bits & 1) != 0 ? T(1) : T(-1);
      }
    });
  }

  // Writes y and along_j = Σ y_j·ω_j over the probes; returns Σ|y|².
  double subtract_diagonal(const double* diagonal) {
    const std::size_t D = by_column_.rows();
    double* const squares = squares_.grow(D);
    double* const along = along_.grow(D);
    parallel_for(D, count_, [&](std::size_t j) {
      T* const y = by_column_.row(j);
      const T* const omega = y + count_;
      const simd::Batch<T> minus_s(static_cast<T>(-diagonal[j]));
      const auto sums = simd::sums<T, 2>(count_, [&](std::size_t p, auto part, auto&& add) {
        const auto sign = simd::load(omega + p, part);
        const auto y_p = simd::fma(minus_s, sign, simd::load(y + p, part));
        simd::store(y + p, y_p, part);
        add(0, y_p, y_p);
        add(1, y_p, sign);
      });
      squares[j] = sums[0];
      along[j] = sums[1];
    });
    return total(squares, D);
  }

  std::size_t count_ = 0;
  // Kept for backward.
  product::PaddedMatrix<T> by_sample_;  // (N, 2·count): Zc ω, Zc y
  product::PaddedMatrix<T> by_column_;  // (D, 2·count): y, ω
  Buffer<double> along_;                // (D)
  // Scratch.
  Buffer<double> squares_;
  product::PaddedMatrix<T> product_;  // (N, D)
  Matmul<T> matmul_;
  CentredGradient<T> gradient_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
