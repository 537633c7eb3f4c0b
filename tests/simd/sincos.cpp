#include "selfsup/simd/sincos.hpp"

#include "catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>

namespace simd = selfsup::simd;

TEMPLATE_TEST_CASE("sines and cosines within a quarter of a turn are as exact as beyond it", "",
                   float, double) {
  using T = TestType;
  constexpr std::size_t L = simd::lanes<T>;
  double absolute = 0, relative = 0;
  for (int step = -200000; step < 200000; step += static_cast<int>(L)) {
    T x[L], sin[L], cos[L];
    for (std::size_t i = 0; i < L; ++i)
      x[i] = static_cast<T>(step + static_cast<int>(i)) / T(200003);
    const auto angle = simd::sincos(simd::load(x));
    simd::store(sin, angle.sin);
    simd::store(cos, angle.cos);
    for (std::size_t i = 0; i < L; ++i) {
      const auto right = static_cast<long double>(x[i]);
      const double of_sin =
          static_cast<double>(std::fabs(static_cast<long double>(sin[i]) - std::sin(right)));
      const double of_cos =
          static_cast<double>(std::fabs(static_cast<long double>(cos[i]) - std::cos(right)));
      absolute = std::fmax(absolute, std::fmax(of_sin, of_cos));
      if (x[i] == 0) continue;
      relative = std::fmax(relative, of_sin / static_cast<double>(std::fabs(std::sin(right))));
      relative = std::fmax(relative, of_cos / static_cast<double>(std::cos(right)));
    }
  }
  const auto epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
  CHECK(absolute <= 0.9 * epsilon);
  CHECK(relative <= 1.5 * epsilon);
}

TEST_CASE("sines and cosines: 0 is exact, an infinity or NaN gives NaN in its lane alone") {
  constexpr std::size_t L = simd::lanes<float>;
  for (const float entry :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    float x[L] = {}, sin[L], cos[L];
    x[L - 1] = entry;
    const auto angle = simd::sincos(simd::load(x));
    simd::store(sin, angle.sin);
    simd::store(cos, angle.cos);
    CHECK(std::isnan(sin[L - 1]));
    CHECK(std::isnan(cos[L - 1]));
    CHECK(sin[0] == 0);
    CHECK(cos[0] == 1);
  }
}
