// The Epps-Pulley statistic of many samples at a time: how far the characteristic function of each
// column of x (N, S) is from the standard normal's (Epps, Pulley 1983, Biometrika 70, 723-726),
//   T(x) = N·Σ_q ω_q[(mean_n cos t_q x_n − φ_q)² + (mean_n sin t_q x_n)²],
//   t_q = 3q/16, φ_q = e^(−t_q²/2), ω_q = 2Δφ_q with half of it at q = 0 and q = 16, Δ = 3/16.
// The knot t_0 = 0 adds nothing: cos is φ_0 = 1 and sin is 0 for every x.
//
// The angles are multiples of θ = t_1·x: one sine and cosine a sample, and products for those at
// qθ, q = 1 … 4, and at pθ, p = 7 and 13. The other ten knots are p ± q, whose functions are sums
// of two products: four sums over samples give four, a multiply-add a knot and function. An error
// of e^(iθ) grows to q times itself, as the rounding of t_q·x would.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/inline.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/lane_sums.hpp"
#include "selfsup/simd/sincos.hpp"

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
  static constexpr std::size_t near = 4;  // knots q whose sine and cosine are taken
  struct Centre {
    std::size_t p, width;  // the knots p − width … p + width
  };
  static constexpr Centre centres[] = {{7, 2}, {13, 3}};
  static constexpr std::size_t centre_count = sizeof(centres) / sizeof(centres[0]);
  static constexpr double spacing = 3.0 / 16;
  static constexpr std::size_t rows_in_type = 16;  // added in T before they are added in double

  static double knot(std::size_t k) { return spacing * static_cast<double>(k); }

  // φ and ω.
  struct Normal {
    double at[knots + 1], weight[knots + 1];

    Normal() {
      for (std::size_t k = 1; k <= knots; ++k) {
        at[k] = std::exp(-0.5 * knot(k) * knot(k));
        weight[k] = (k == knots ? 1 : 2) * spacing * at[k];
      }
    }
  };

  // Means over the samples of a batch of columns, at t_1 … t_16.
  struct Means {
    alignas(64) double cos[knots + 1][L] = {};
    alignas(64) double sin[knots + 1][L] = {};
  };

  struct Angles {
    Batch cos[near], sin[near];  // at qθ, from q = 1 on
    Batch cos_p[centre_count], sin_p[centre_count];

    Angles() = default;
    explicit Angles(const Batch& x) {
      const simd::SinCos<T> one = simd::sincos<T>(x * Batch(static_cast<T>(spacing)));
      cos[0] = one.cos;
      sin[0] = one.sin;
      twice(cos[0], sin[0], cos[1], sin[1]);
      twice(cos[1], sin[1], cos[3], sin[3]);
      add(cos[1], sin[1], cos[0], sin[0], cos[2], sin[2]);
      add(cos[3], sin[3], cos[2], sin[2], cos_p[0], sin_p[0]);
      Batch cos_6, sin_6;
      add(cos[3], sin[3], cos[1], sin[1], cos_6, sin_6);
      add(cos_p[0], sin_p[0], cos_6, sin_6, cos_p[1], sin_p[1]);
    }
    // Of small angles.
    static void twice(const Batch& cos, const Batch& sin, Batch& cos_twice, Batch& sin_twice) {
      const Batch two = sin + sin;
      cos_twice = simd::fma(-two, sin, Batch(T(1)));
      sin_twice = two * cos;
    }
    static void add(const Batch& cos_a, const Batch& sin_a, const Batch& cos_b, const Batch& sin_b,
                    Batch& cos, Batch& sin) {
      cos = simd::fma(cos_a, cos_b, -(sin_a * sin_b));
      sin = simd::fma(sin_a, cos_b, cos_a * sin_b);
    }
  };

  // Returns Σ|x|.
  SELFSUP_FLATTEN static double take_means(const product::PaddedMatrix<T>& x, std::size_t col,
                                           Means& means) {
    simd::LaneSums<T> magnitudes;
    const Chunks runs{x.rows(), rows_in_type};
    for (std::size_t run = 0; run < runs.count(); ++run)
      add_run(x, runs.first(run), runs.length(run), col, means, magnitudes);
    for (const Centre& centre : centres) {
      for (std::size_t q = 1; q <= centre.width; ++q) {
        for (std::size_t lane = 0; lane < L; ++lane) {
          turn(means.cos[centre.p + q][lane], means.cos[centre.p - q][lane]);
          turn(means.sin[centre.p - q][lane], means.sin[centre.p + q][lane]);
        }
      }
    }
    const auto N = static_cast<double>(x.rows());
    for (std::size_t k = 1; k <= knots; ++k) {
      for (std::size_t lane = 0; lane < L; ++lane) {
        means.cos[k][lane] /= N;
        means.sin[k][lane] /= N;
      }
    }
    return magnitudes.total();
  }

  // a and b become a − b and a + b.
  static void turn(double& a, double& b) {
    const double difference = a - b;
    b += a;
    a = difference;
  }

  // Adds to the sums at near knots and centres, and where the others stand sums of products: of two
  // cosines at p + q, of two sines at p − q; of a sine of p at p − q, of a cosine of p at p + q.
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
    add_known(angles, rows, means);
    add_products<0>(angles, rows, means);
    add_products<1>(angles, rows, means);
  }
  SELFSUP_INLINE static void add_known(const Angles* angles, std::size_t rows, Means& means) {
    Batch cos[near + centre_count], sin[near + centre_count];
    for (std::size_t i = 0; i < near + centre_count; ++i) cos[i] = sin[i] = Batch(T(0));
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t q = 0; q < near; ++q) {
        cos[q] = cos[q] + angles[i].cos[q];
        sin[q] = sin[q] + angles[i].sin[q];
      }
      for (std::size_t c = 0; c < centre_count; ++c) {
        cos[near + c] = cos[near + c] + angles[i].cos_p[c];
        sin[near + c] = sin[near + c] + angles[i].sin_p[c];
      }
    }
    for (std::size_t i = 0; i < near + centre_count; ++i) {
      const std::size_t k = i < near ? i + 1 : centres[i - near].p;
      simd::add_lanes<T>(cos[i], means.cos[k]);
      simd::add_lanes<T>(sin[i], means.sin[k]);
    }
  }
  template <std::size_t C>
  SELFSUP_INLINE static void add_products(const Angles* angles, std::size_t rows, Means& means) {
    constexpr std::size_t p = centres[C].p, width = centres[C].width;
    Batch cos_cos[width], sin_sin[width], sin_cos[width], cos_sin[width];
    for (std::size_t j = 0; j < width; ++j)
      cos_cos[j] = sin_sin[j] = sin_cos[j] = cos_sin[j] = Batch(T(0));
    for (std::size_t i = 0; i < rows; ++i) {
      const Batch cos_p = angles[i].cos_p[C], sin_p = angles[i].sin_p[C];
      for (std::size_t j = 0; j < width; ++j) {
        const Batch cos_q = angles[i].cos[j], sin_q = angles[i].sin[j];
        cos_cos[j] = simd::fma(cos_p, cos_q, cos_cos[j]);
        sin_sin[j] = simd::fma(sin_p, sin_q, sin_sin[j]);
        sin_cos[j] = simd::fma(sin_p, cos_q, sin_cos[j]);
        cos_sin[j] = simd::fma(cos_p, sin_q, cos_sin[j]);
      }
    }
    for (std::size_t j = 0; j < width; ++j) {
      const std::size_t above = p + 1 + j, below = p - 1 - j;
      simd::add_lanes<T>(cos_cos[j], means.cos[above]);
      simd::add_lanes<T>(sin_sin[j], means.cos[below]);
      simd::add_lanes<T>(sin_cos[j], means.sin[below]);
      simd::add_lanes<T>(cos_sin[j], means.sin[above]);
    }
  }

  double statistic(const Means& means, std::size_t N, std::size_t cols) const {
    double sum = 0;
    for (std::size_t k = 1; k <= knots; ++k) {
      double squares = 0;
      for (std::size_t lane = 0; lane < cols; ++lane) {
        const double cos = means.cos[k][lane] - normal_.at[k], sin = means.sin[k][lane];
        squares += simd::fma(cos, cos, sin * sin);
      }
      sum += normal_.weight[k] * squares;
    }
    return static_cast<double>(N) * sum;
  }

  // Of cosine and sine at each knot in the gradient; where sums of products stand in add_run(), of
  // those products.
  struct Factors {
    alignas(64) T cos[knots + 1][L];
    alignas(64) T sin[knots + 1][L];

    Factors(const Normal& normal, const Means& means, double weight, std::size_t cols) {
      for (std::size_t lane = 0; lane < L; ++lane) {
        double of_cos[knots + 1] = {}, of_sin[knots + 1] = {};
        for (std::size_t k = 1; k <= knots && lane < cols; ++k) {
          const double factor = weight * 2 * normal.weight[k] * knot(k);
          of_cos[k] = factor * means.sin[k][lane];
          of_sin[k] = -factor * (means.cos[k][lane] - normal.at[k]);
        }
        for (const Centre& centre : centres) {
          for (std::size_t q = 1; q <= centre.width; ++q) {
            const std::size_t above = centre.p + q, below = centre.p - q;
            turn(of_cos[below], of_cos[above]);
            turn(of_sin[above], of_sin[below]);
          }
        }
        for (std::size_t k = 1; k <= knots; ++k) {
          cos[k][lane] = static_cast<T>(of_cos[k]);
          sin[k][lane] = static_cast<T>(of_sin[k]);
        }
      }
    }
  };

  // dT/dx_n = Σ_q 2 ω_q t_q (mean sin·cos t_q x_n − (mean cos − φ_q)·sin t_q x_n). Columns beyond
  // `cols` become 0.
  SELFSUP_FLATTEN void write_gradient(const Means& means, double weight, std::size_t col,
                                      std::size_t cols, product::PaddedMatrix<T>& x) const {
    const Factors factors(normal_, means, weight, cols);
    for (std::size_t n = 0; n < x.rows(); ++n) {
      T* const at = x.row(n) + col;
      const Angles angles(simd::load(at));
      Batch sum(T(0));
      for (std::size_t q = 1; q <= near; ++q)
        sum = times(factors.cos[q], factors.sin[q], q, angles, sum);
      sum = about_centre<0>(factors, angles, sum);
      sum = about_centre<1>(factors, angles, sum);
      simd::store(at, sum);
    }
  }
  template <std::size_t C>
  SELFSUP_INLINE static Batch about_centre(const Factors& factors, const Angles& angles,
                                           const Batch& sum) {
    constexpr std::size_t p = centres[C].p, width = centres[C].width;
    Batch of_cos = simd::load(factors.cos[p]), of_sin = simd::load(factors.sin[p]);
    for (std::size_t q = 1; q <= width; ++q) {
      of_cos = times(factors.cos[p + q], factors.sin[p + q], q, angles, of_cos);
      of_sin = times(factors.sin[p - q], factors.cos[p - q], q, angles, of_sin);
    }
    return simd::fma(angles.cos_p[C], of_cos, simd::fma(angles.sin_p[C], of_sin, sum));
  }
  SELFSUP_INLINE static Batch times(const T* of_cos, const T* of_sin, std::size_t q,
                                    const Angles& angles, const Batch& sum) {
    return simd::fma(simd::load(of_cos), angles.cos[q - 1],
                     simd::fma(simd::load(of_sin), angles.sin[q - 1], sum));
  }

  Normal normal_;
  // Scratch.
  Buffer<Sums> strip_sums_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
