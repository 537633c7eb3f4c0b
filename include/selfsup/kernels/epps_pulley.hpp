// The Epps-Pulley statistic of many samples at a time: how far the characteristic function of each
// column of x (N, S) is from the standard normal's (Epps, Pulley 1983, Biometrika 70, 723-726),
//   T(x) = N·Σ_q ω_q[(mean_n cos t_q x_n − φ_q)² + (mean_n sin t_q x_n)²],
//   t_q = 3q/16, φ_q = e^(−t_q²/2), ω_q = 2Δφ_q with half of it at q = 0 and q = 16, Δ = 3/16.
// The knot t_0 = 0 adds nothing: cos is φ_0 = 1 and sin is 0 for every x.
//
// All angles are multiples of θ = t_1·x: one sine and cosine a sample, then e^(i(q+1)θ) =
// e^(iqθ)·e^(iθ). An error of e^(iθ) grows to q times itself, as the rounding of t_q·x would.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/lane_sums.hpp"
#include "selfsup/simd/sincos.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

template <class T>
class EppsPulley {
  using Batch = simd::Batch<T>;

 public:
  struct Sums {
    double statistic;  ///< Σ_s T(x_s)
    double check;      ///< not finite when an entry of x is not
  };

  /// Reads x (N, S) and returns its sums added to those before. With `gradient`, overwrites it with
  /// weight·dΣT/dx.
  Sums forward(product::PaddedMatrix<T>& x, bool gradient, double weight, Sums total = {0, 0}) {
    const std::size_t S = x.cols();
    const Chunks strips{S, L};
    Sums* const sums = strip_sums_.grow(strips.count());
    parallel_for(strips.count(), 8 * x.rows() * L, [&](std::size_t strip) {
      Means means;
      const double check = take_means(x, strips.first(strip), means);
      sums[strip] = {statistic(means, x.rows(), strips.length(strip)), check};
      if (gradient) write_gradient(means, weight, strips.first(strip), strips.length(strip), x);
    });
    for (std::size_t strip = 0; strip < strips.count(); ++strip) {
      total.statistic += sums[strip].statistic;
      total.check += sums[strip].check;
    }
    return total;
  }

  std::size_t bytes() const { return strip_sums_.bytes(); }

 private:
  static constexpr std::size_t L = simd::lanes<T>;
  static constexpr std::size_t knots = 16;
  static constexpr double spacing = 3.0 / 16;
  static constexpr std::size_t rows_in_type = 16;  // added in T before they are added in double

  static double knot(std::size_t q) { return spacing * static_cast<double>(q + 1); }
  static double normal(std::size_t q) { return std::exp(-0.5 * knot(q) * knot(q)); }
  static double weight_of(std::size_t q) { return (q + 1 == knots ? 1 : 2) * spacing * normal(q); }

  // Means over the samples of a batch of columns, at t_1 … t_16.
  struct Means {
    alignas(64) double cos[knots][L] = {};
    alignas(64) double sin[knots][L] = {};
  };

  // Returns Σ|x|.
  SELFSUP_FLATTEN static double take_means(const product::PaddedMatrix<T>& x, std::size_t col,
                                           Means& means) {
    simd::LaneSums<T> magnitudes;
    const Chunks runs{x.rows(), rows_in_type};
    for (std::size_t run = 0; run < runs.count(); ++run) {
      Batch cosines[knots], sines[knots], magnitude(T(0));
      for (std::size_t q = 0; q < knots; ++q) cosines[q] = sines[q] = Batch(T(0));
      for (std::size_t i = 0; i < runs.length(run); ++i) {
        const Batch x_n = simd::load(x.row(runs.first(run) + i) + col);
        magnitude = magnitude + simd::abs(x_n);
        const simd::SinCos<T> one = simd::sincos<T>(x_n * Batch(static_cast<T>(spacing)));
        const Batch minus_sin = -one.sin;
        Batch cos = one.cos, sin = one.sin;
        for (std::size_t q = 0; q < knots; ++q) {
          cosines[q] = cosines[q] + cos;
          sines[q] = sines[q] + sin;
          const Batch next = simd::fma(cos, one.cos, sin * minus_sin);
          sin = simd::fma(sin, one.cos, cos * one.sin);
          cos = next;
        }
      }
      for (std::size_t q = 0; q < knots; ++q) {
        simd::add_lanes<T>(cosines[q], means.cos[q]);
        simd::add_lanes<T>(sines[q], means.sin[q]);
      }
      magnitudes.add(magnitude);
    }
    const auto N = static_cast<double>(x.rows());
    for (std::size_t q = 0; q < knots; ++q) {
      for (std::size_t lane = 0; lane < L; ++lane) {
        means.cos[q][lane] /= N;
        means.sin[q][lane] /= N;
      }
    }
    return magnitudes.total();
  }

  static double statistic(const Means& means, std::size_t N, std::size_t cols) {
    double sum = 0;
    for (std::size_t q = 0; q < knots; ++q) {
      double squares = 0;
      for (std::size_t lane = 0; lane < cols; ++lane) {
        const double cos = means.cos[q][lane] - normal(q), sin = means.sin[q][lane];
        squares += cos * cos + sin * sin;
      }
      sum += weight_of(q) * squares;
    }
    return static_cast<double>(N) * sum;
  }

  // dT/dx_n = Σ_q 2 ω_q t_q (mean sin·cos t_q x_n − (mean cos − φ_q)·sin t_q x_n) is the real part
  // of Σ_q w_q e^(iqθ), taken by Horner's rule. Columns beyond `cols` become 0.
  SELFSUP_FLATTEN static void write_gradient(const Means& means, double weight, std::size_t col,
                                             std::size_t cols, product::PaddedMatrix<T>& x) {
    alignas(64) T real[knots][L] = {}, imaginary[knots][L] = {};
    for (std::size_t q = 0; q < knots; ++q) {
      const double factor = weight * 2 * weight_of(q) * knot(q);
      for (std::size_t lane = 0; lane < cols; ++lane) {
        real[q][lane] = static_cast<T>(factor * means.sin[q][lane]);
        imaginary[q][lane] = static_cast<T>(factor * (means.cos[q][lane] - normal(q)));
      }
    }
    for (std::size_t n = 0; n < x.rows(); ++n) {
      T* const at = x.row(n) + col;
      const simd::SinCos<T> one = simd::sincos<T>(simd::load(at) * Batch(static_cast<T>(spacing)));
      const Batch minus_sin = -one.sin;
      Batch re = simd::load(real[knots - 1]), im = simd::load(imaginary[knots - 1]);
      for (std::size_t q = knots - 1; q-- > 0;) {
        const Batch next = simd::fma(re, one.cos, simd::fma(im, minus_sin, simd::load(real[q])));
        im = simd::fma(re, one.sin, simd::fma(im, one.cos, simd::load(imaginary[q])));
        re = next;
      }
      simd::store(at, simd::fma(re, one.cos, im * minus_sin));
    }
  }

  // Scratch.
  Buffer<Sums> strip_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
