#include "selfsup/simd/sigmoid.hpp"

#include "catch.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace simd = selfsup::simd;

namespace {

// σ and softplus of one number by a whole batch.
template <class T>
struct Found {
  T sigmoid, softplus;
};
template <class T>
Found<T> by_batch(T x) {
  const auto batch = simd::sigmoid<T>(simd::Batch<T>(x));
  return {simd::largest<T>(batch.sigmoid), simd::largest<T>(batch.softplus)};
}

}  // namespace

TEMPLATE_TEST_CASE("sigmoid and softplus keep their digits on either side", "", float, double) {
  using T = TestType;
  double worst_sigmoid = 0, worst_softplus = 0;
  for (int i = -800; i <= 800; ++i) {
    const T x = static_cast<T>(i) / T(10);
    // long double, and log1p and e^−|x| on either side: nothing cancels here.
    const long double e = std::exp(-std::abs(static_cast<long double>(x)));
    const long double sigmoid = (x < 0 ? e : 1) / (1 + e);
    const long double softplus = std::max(static_cast<long double>(x), 0.0L) + std::log1p(e);
    const auto found = by_batch(x);
    const auto error = [](T value, long double right) {
      return static_cast<double>(std::abs(static_cast<long double>(value) - right) / right);
    };
    worst_sigmoid = tests::worse(worst_sigmoid, error(found.sigmoid, sigmoid));
    worst_softplus = tests::worse(worst_softplus, error(found.softplus, softplus));
    const auto x_double = static_cast<double>(x);
    CHECK(std::abs(simd::sigmoid(x_double) - static_cast<double>(sigmoid)) <=
          4 * std::numeric_limits<double>::epsilon() * static_cast<double>(sigmoid));
    CHECK(std::abs(simd::softplus(x_double) - static_cast<double>(softplus)) <=
          4 * std::numeric_limits<double>::epsilon() * static_cast<double>(softplus));
  }
  CHECK(worst_sigmoid <= tests::tolerance::operations<T>(4));
  CHECK(worst_softplus <= tests::tolerance::operations<T>(4));
}

TEMPLATE_TEST_CASE("sigmoid and softplus far out", "", float, double) {
  using T = TestType;
  const auto low = by_batch(-std::numeric_limits<T>::infinity());
  CHECK(low.sigmoid == 0);
  CHECK(low.softplus == 0);
  const auto high = by_batch(T(1e5));
  CHECK(high.sigmoid == 1);
  CHECK(high.softplus == T(1e5));
}
