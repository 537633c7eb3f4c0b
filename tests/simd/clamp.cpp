#include "selfsup/simd/clamp.hpp"

#include "catch.hpp"
#include "simd/batches.hpp"

#include <cmath>
#include <cstddef>
#include <limits>

namespace simd = selfsup::simd;

TEMPLATE_TEST_CASE("entries are kept within bounds, lane by lane; NaN is handed on", "", float,
                   double) {
  using T = TestType;
  constexpr std::size_t L = simd::lanes<T>;
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const T numbers[] = {-infinity, T(-3), T(-1), T(0), T(1), T(2), infinity, nan};
  const auto same = [](T a, T b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  for (std::size_t bound_at = 0; bound_at < 8; ++bound_at) {
    for (std::size_t shift = 0; shift < 8; ++shift) {
      // Each lane has numbers of its own.
      const auto bound =
          tests::batch_of<T>([&](std::size_t i) { return numbers[(i + bound_at) % 8]; });
      const auto x =
          tests::batch_of<T>([&](std::size_t i) { return numbers[(3 * i + shift) % 8]; });
      const auto b = tests::lanes_of(bound), entry = tests::lanes_of(x);
      const auto high = tests::lanes_of(simd::at_least<T>(bound, x));
      const auto low = tests::lanes_of(simd::at_most<T>(bound, x));
      for (std::size_t i = 0; i < L; ++i) {
        INFO("bound " << b[i] << ", x " << entry[i]);
        CHECK(same(high[i], entry[i] < b[i] ? b[i] : entry[i]));
        CHECK(same(low[i], entry[i] > b[i] ? b[i] : entry[i]));
      }
    }
  }
}
