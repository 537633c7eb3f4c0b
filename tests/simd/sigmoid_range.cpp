#include "selfsup/simd/sigmoid.hpp"

#include "catch.hpp"
#include "simd/batches.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace simd = selfsup::simd;

TEMPLATE_TEST_CASE("sigmoid and softplus keep their digits while e^-|x| is a normal number", "",
                   float, double) {
  using T = TestType;
  constexpr std::size_t L = simd::lanes<T>, batches = 40000 / L;
  const double edge = -std::log(static_cast<double>(std::numeric_limits<T>::min())) * 0.9999;
  double worst_sigmoid = 0, worst_softplus = 0;
  for (std::size_t b = 0; b < batches; ++b) {
    const auto x = tests::batch_of<T>([&](std::size_t i) {
      return edge * (2 * static_cast<double>(b * L + i) / static_cast<double>(batches * L) - 1);
    });
    const auto found = simd::sigmoid(x);
    const auto at = tests::lanes_of(x);
    const auto sigmoid = tests::lanes_of(found.sigmoid), softplus = tests::lanes_of(found.softplus);
    for (std::size_t i = 0; i < L; ++i) {
      const auto exact = static_cast<long double>(at[i]);
      const long double e = std::exp(-std::abs(exact));
      const auto error = [](T value, long double right) {
        return static_cast<double>(std::abs(static_cast<long double>(value) - right) / right);
      };
      worst_sigmoid = tests::worse(worst_sigmoid, error(sigmoid[i], (exact < 0 ? e : 1) / (1 + e)));
      worst_softplus =
          tests::worse(worst_softplus, error(softplus[i], std::max(exact, 0.0L) + std::log1p(e)));
    }
  }
  CHECK(worst_sigmoid <= tests::tolerance::operations<T>(4));
  CHECK(worst_softplus <= tests::tolerance::operations<T>(4));
}
