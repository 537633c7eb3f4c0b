// A program's own flags reach the intrinsics where Eigen includes them before selfsup does.
#include <Eigen/Core>

#include "selfsup/simd/sigmoid.hpp"
#include "selfsup/simd/sincos.hpp"

#include "catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>

#include "selfsup/core/enter.hpp"  // precise under fast-math

namespace simd = selfsup::simd;

TEMPLATE_TEST_CASE("exp, sincos and softplus keep their accuracy where Eigen came first", "", float,
                   double) {
  using T = TestType;
  constexpr std::size_t L = simd::lanes<T>;
  double worst_exp = 0, worst_angle = 0, worst_softplus = 0;
  for (int step = -30000; step < 30000; step += static_cast<int>(L)) {
    T x[L], exp[L], sin[L], cos[L], softplus[L];
    for (std::size_t i = 0; i < L; ++i) x[i] = T(step + static_cast<int>(i)) / T(1024);
    const auto batch = simd::load(x);
    const auto angle = simd::sincos(batch);
    simd::store(exp, simd::exp(batch));
    simd::store(sin, angle.sin);
    simd::store(cos, angle.cos);
    simd::store(softplus, simd::sigmoid(batch).softplus);
    for (std::size_t i = 0; i < L; ++i) {
      const double at = static_cast<double>(x[i]), e = std::exp(at), log = std::log1p(e);
      const auto error = [](T found, double right) {
        return std::fabs(static_cast<double>(found) - right);
      };
      worst_exp = std::fmax(worst_exp, error(exp[i], e) / e);
      worst_angle = std::fmax(worst_angle, error(sin[i], std::sin(at)));
      worst_angle = std::fmax(worst_angle, error(cos[i], std::cos(at)));
      worst_softplus = std::fmax(worst_softplus, error(softplus[i], log) / log);
    }
  }
  const auto epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
  CHECK(worst_exp <= 1.5 * epsilon);
  CHECK(worst_angle <= 0.9 * epsilon);
  CHECK(worst_softplus <= 4 * epsilon);
}

#include "selfsup/core/leave.hpp"
