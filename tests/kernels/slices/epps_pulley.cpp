#include "selfsup/kernels/slices/epps_pulley.hpp"

#include "catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

struct Expected {
  double statistic = 0;
  std::vector<double> gradient;
};

// As the formula has it, knot by knot.
Expected expected(const std::vector<double>& x) {
  const auto N = static_cast<double>(x.size());
  Expected result{0, std::vector<double>(x.size())};
  for (int q = 0; q <= 16; ++q) {
    const double t = 3.0 * q / 16, phi = std::exp(-t * t / 2);
    const double omega = 2 * 3.0 / 16 * phi * (q == 0 || q == 16 ? 0.5 : 1);
    double cos = 0, sin = 0;
    for (const double x_n : x) {
      cos += std::cos(t * x_n) / N;
      sin += std::sin(t * x_n) / N;
    }
    result.statistic += N * omega * ((cos - phi) * (cos - phi) + sin * sin);
    for (std::size_t n = 0; n < x.size(); ++n)
      result.gradient[n] +=
          2 * omega * t * (sin * std::cos(t * x[n]) - (cos - phi) * std::sin(t * x[n]));
  }
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE(
    "the Epps-Pulley statistic and its derivative, any angles and numbers of samples", "", float,
    double) {
  using T = TestType;
  constexpr std::size_t cols = 2 * selfsup::simd::lanes<T> + 3;
  const auto epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (const double scale : {0.1, 1.0, 3.0, 20.0}) {  // beyond 4 angles leave the quarter turn
    for (const std::size_t N : {1u, 2u, 15u, 16u, 17u, 50u}) {
      if (N == 1 && scale > 4) continue;  // terms that cancel: no derivative is left
      selfsup::product::PaddedMatrix<T> x;
      x.reshape(N, cols);
      std::vector<std::vector<double>> columns(cols, std::vector<double>(N));
      for (std::size_t n = 0; n < N; ++n) {
        for (std::size_t s = 0; s < cols; ++s) {
          x.row(n)[s] = static_cast<T>(scale * std::sin(1.3 + static_cast<double>(7 * n + 3 * s)));
          columns[s][n] = static_cast<double>(x.row(n)[s]);
        }
      }
      selfsup::kernels::EppsPulley<T> statistic;
      selfsup::product::PaddedMatrix<T> same;
      same.reshape(N, cols);
      for (std::size_t n = 0; n < N; ++n) std::copy_n(x.row(n), cols, same.row(n));
      const double found = statistic.forward(same, false, 1).statistic;
      const double after_100 = statistic.forward(x, true, 0.5, {100, 0}).statistic;
      CHECK(std::abs(after_100 - (100 + found)) <= 1e-14 * after_100);
      double sum = 0, error = 0, length = 0;
      for (std::size_t s = 0; s < cols; ++s) {
        const Expected right = expected(columns[s]);
        sum += right.statistic;
        for (std::size_t n = 0; n < N; ++n) {
          error += std::pow(static_cast<double>(x.row(n)[s]) - right.gradient[n] / 2, 2);
          length += std::pow(right.gradient[n] / 2, 2);
        }
      }
      INFO("scale " << scale << ", " << N << " samples");
      // Angles of 3·20 carry the rounding of t_1·x sixteen times.
      CHECK(std::abs(found - sum) <= 4 * std::max(1.0, scale / 3) * epsilon * sum);
      CHECK(std::sqrt(error / length) <= 8 * std::max(1.0, scale / 3) * epsilon);
    }
  }
}
