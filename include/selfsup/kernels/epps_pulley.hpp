// The Epps-Pulley statistic of many samples at a time: how far the characteristic function of each
// column of x (N, S) is from the standard normal's (Epps, Pulley 1983, Biometrika 70, 723-726),
//   T(x) = N·Σ_q ω_q[(mean_n cos t_q x_n − φ_q)² + (mean_n sin t_q x_n)²],
//   t_q = 3q/16, φ_q = e^(−t_q²/2), ω_q = 2Δφ_q with half of it at q = 0 and q = 16, Δ = 3/16.
// The knot t_0 = 0 adds nothing: cos is φ_0 = 1 and sin is 0 for every x.
//
// The angles are multiples of θ = t_1·x: one sine and cosine a sample, products for e^(2iθ) to
// e^(4iθ), cos 8θ and cos 12θ. The others stand in no register: with p = 4, 8, 12 and q = 1 … 4
//   cos(p + q)θ = 2 cos pθ·cos qθ − cos(p − q)θ,  sin(p + q)θ = 2 cos pθ·sin qθ + sin(p − q)θ,
// so that sums over samples of products with cos pθ give the sums at the later knots, and factors
// of those products give what has a factor at each knot: a multiply-add a knot and function.
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
  static constexpr std::size_t group = 4;  // knots whose sines and cosines are taken
  static constexpr std::size_t groups = knots / group;
  static constexpr double spacing = 3.0 / 16;
  static constexpr std::size_t rows_in_type = 16;  // added in T before they are added in double

  static double knot(std::size_t k) { return spacing * static_cast<double>(k + 1); }

  // φ and ω.
  struct Normal {
    double at[knots], weight[knots];

    Normal() {
      for (std::size_t k = 0; k < knots; ++k) {
        at[k] = std::exp(-0.5 * knot(k) * knot(k));
        weight[k] = (k + 1 == knots ? 1 : 2) * spacing * at[k];
      }
    }
  };

  // Knot number k + 1 = p + q of a later group: the knot number p − q.
  static constexpr std::size_t mirror(std::size_t k) { return k / group * group - (k % group + 1); }

  // Means over the samples of a batch of columns, at t_1 … t_16.
  struct Means {
    alignas(64) double cos[knots][L] = {};
    alignas(64) double sin[knots][L] = {};
  };

  // Of e^(iθ) to e^(4iθ), and at 0, 4θ, 8θ, 12θ.
  struct Angles {
    Batch cos[group], sin[group];
    Batch cos_of_group[groups];

    Angles() = default;
    explicit Angles(const Batch& x) {
      const simd::SinCos<T> one = simd::sincos<T>(x * Batch(static_cast<T>(spacing)));
      cos[0] = one.cos;
      sin[0] = one.sin;
      for (std::size_t q = 1; q < group; ++q) {
        const std::size_t half = (q - 1) / 2, rest = q - 1 - half;
        cos[q] = simd::fma(cos[half], cos[rest], -(sin[half] * sin[rest]));
        sin[q] = simd::fma(sin[half], cos[rest], cos[half] * sin[rest]);
      }
      const Batch four = cos[group - 1], sin_four = sin[group - 1];
      cos_of_group[0] = Batch(T(1));
      cos_of_group[1] = four;
      cos_of_group[2] = simd::fma(four, four, -(sin_four * sin_four));
      cos_of_group[3] = simd::fms(four + four, cos_of_group[2], four);
    }
  };

  // Returns Σ|x|.
  SELFSUP_FLATTEN static double take_means(const product::PaddedMatrix<T>& x, std::size_t col,
                                           Means& means) {
    simd::LaneSums<T> magnitudes;
    const Chunks runs{x.rows(), rows_in_type};
    for (std::size_t run = 0; run < runs.count(); ++run)
      add_run(x, runs.first(run), runs.length(run), col, means, magnitudes);
    const auto N = static_cast<double>(x.rows());
    for (std::size_t lane = 0; lane < L; ++lane) {
      for (std::size_t k = group; k < knots; ++k) {
        // At the knot p − q; at 0 stand a cosine of 1 and a sine of 0 for each sample.
        const std::size_t mirrored = mirror(k);
        means.cos[k][lane] =
            2 * means.cos[k][lane] - (mirrored ? means.cos[mirrored - 1][lane] : N);
        means.sin[k][lane] =
            2 * means.sin[k][lane] + (mirrored ? means.sin[mirrored - 1][lane] : 0);
      }
      for (std::size_t k = 0; k < knots; ++k) {
        means.cos[k][lane] /= N;
        means.sin[k][lane] /= N;
      }
    }
    return magnitudes.total();
  }

  // Adds to the sums of the first group, and of products with it at the later ones: a group at a
  // time, so that its sums stay in registers.
  SELFSUP_INLINE static void add_run(const product::PaddedMatrix<T>& x, std::size_t first,
                                     std::size_t rows, std::size_t col, Means& means,
                                     simd::LaneSums<T>& magnitudes) {
    Angles angles[rows_in_type];
    Batch magnitude(T(0));
    for (std::size_t i = 0; i < rows; ++i) {
      const Batch x_n = simd::load(x.row(first + i) + col);
      magnitude = magnitude + simd::abs(x_n);
      angles[i] = Angles(x_n);
    }
    magnitudes.add(magnitude);
    for (std::size_t g = 0; g < groups; ++g) {
      Batch cosines[group], sines[group];
      for (std::size_t q = 0; q < group; ++q) cosines[q] = sines[q] = Batch(T(0));
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t q = 0; q < group; ++q) {
          cosines[q] = simd::fma(angles[i].cos_of_group[g], angles[i].cos[q], cosines[q]);
          sines[q] = simd::fma(angles[i].cos_of_group[g], angles[i].sin[q], sines[q]);
        }
      }
      for (std::size_t q = 0; q < group; ++q) {
        simd::add_lanes<T>(cosines[q], means.cos[g * group + q]);
        simd::add_lanes<T>(sines[q], means.sin[g * group + q]);
      }
    }
  }

  double statistic(const Means& means, std::size_t N, std::size_t cols) const {
    double sum = 0;
    for (std::size_t q = 0; q < knots; ++q) {
      double squares = 0;
      for (std::size_t lane = 0; lane < cols; ++lane) {
        const double cos = means.cos[q][lane] - normal_.at[q], sin = means.sin[q][lane];
        squares += cos * cos + sin * sin;
      }
      sum += normal_.weight[q] * squares;
    }
    return static_cast<double>(N) * sum;
  }

  // dT/dx_n = Σ_q 2 ω_q t_q (mean sin·cos t_q x_n − (mean cos − φ_q)·sin t_q x_n). Columns beyond
  // `cols` become 0.
  SELFSUP_FLATTEN void write_gradient(const Means& means, double weight, std::size_t col,
                                      std::size_t cols, product::PaddedMatrix<T>& x) const {
    const Factors factors(normal_, means, weight, cols);
    for (std::size_t n = 0; n < x.rows(); ++n) {
      T* const at = x.row(n) + col;
      const Angles angles(simd::load(at));
      Batch sum = simd::load(factors.constant);
      for (std::size_t q = 0; q < group; ++q) sum = factors.add(q, q, angles, sum);
      for (std::size_t g = 1; g < groups; ++g) {
        Batch of_group(T(0));
        for (std::size_t q = 0; q < group; ++q)
          of_group = factors.add(g * group + q, q, angles, of_group);
        sum = simd::fma(angles.cos_of_group[g], of_group, sum);
      }
      simd::store(at, sum);
    }
  }

  // What the gradient multiplies each product of take_means by.
  struct Factors {
    alignas(64) T cos[knots][L];
    alignas(64) T sin[knots][L];
    alignas(64) T constant[L];

    Factors(const Normal& normal, const Means& means, double weight, std::size_t cols) {
      for (std::size_t lane = 0; lane < L; ++lane) {
        double of_cos[knots + 1] = {}, of_sin[knots + 1] = {};
        for (std::size_t k = knots; k > 0 && lane < cols; --k) {
          const double factor = weight * 2 * normal.weight[k - 1] * knot(k - 1);
          of_cos[k] += factor * means.sin[k - 1][lane];
          of_sin[k] -= factor * (means.cos[k - 1][lane] - normal.at[k - 1]);
          if (k <= group) continue;
          of_cos[mirror(k - 1)] -= of_cos[k];
          of_sin[mirror(k - 1)] += of_sin[k];
          of_cos[k] *= 2;
          of_sin[k] *= 2;
        }
        constant[lane] = static_cast<T>(of_cos[0]);
        for (std::size_t k = 0; k < knots; ++k) {
          cos[k][lane] = static_cast<T>(of_cos[k + 1]);
          sin[k][lane] = static_cast<T>(of_sin[k + 1]);
        }
      }
    }

    SELFSUP_INLINE Batch add(std::size_t k, std::size_t q, const Angles& angles,
                             const Batch& sum) const {
      return simd::fma(simd::load(cos[k]), angles.cos[q],
                       simd::fma(simd::load(sin[k]), angles.sin[q], sum));
    }
  };

  Normal normal_;
  // Scratch.
  Buffer<Sums> strip_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
