// The hinge on each column's standard deviation, and what a centred column is multiplied by in its
// gradient.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/simd/batch.hpp"

#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// σ_j = sqrt(squares_j/(N−1) + ε) of the columns of a centred (N, D) batch, against the target γ.
struct VarianceHinge {
  std::size_t N;
  std::size_t D;
  double target;   // γ
  double epsilon;  // ε

  /// Returns the mean over columns of max(0, γ − σ_j), added in order.
  double value(const double* squares) const {
    double sum = 0;
    simd::for_batches<double>(0, D, [&](std::size_t j, auto part) {
      const Batch below = Batch(target) - deviations(squares + j, part), zero(0.0);
      alignas(64) double terms[simd::lanes<double>];
      simd::store(terms, simd::select<double>(below > zero, below, zero));
      for (std::size_t i = 0; i < lanes_of(part); ++i) sum += terms[i];
    });
    return sum / static_cast<double>(D);
  }

  /// Adds weight · −1/((N−1)·D·σ_j) to factor_j of each column with σ_j < γ: the gradient is
  /// factor_j·zc_nj.
  void add_gradient(const double* squares, double weight, double* factor) const {
    // Selected, not branched on: a column below the target is nothing to predict.
    const Batch scale(weight / (static_cast<double>(N - 1) * static_cast<double>(D)));
    simd::for_batches<double>(0, D, [&](std::size_t j, auto part) {
      const Batch sigma = deviations(squares + j, part), before = simd::load(factor + j, part);
      const Batch after =
          simd::select<double>(sigma < Batch(target), before - scale / sigma, before);
      simd::store(factor + j, after, part);
    });
  }

 private:
  using Batch = simd::Batch<double>;

  template <class Part>
  Batch deviations(const double* squares, Part part) const {
    const Batch degrees(static_cast<double>(N - 1));
    return simd::sqrt<double>(simd::load<double>(squares, part, 1) / degrees + Batch(epsilon));
  }
  static std::size_t lanes_of(simd::AllLanes) { return simd::lanes<double>; }
  static std::size_t lanes_of(simd::FirstLanes part) { return part.count; }
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
