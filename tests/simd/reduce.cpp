#include "selfsup/simd/reduce.hpp"

#include "catch.hpp"
#include "simd/marked.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

namespace simd = selfsup::simd;

namespace {

template <class T>
constexpr std::size_t run = 16 * simd::lanes<T>;

// Small whole numbers: their sums are exact, and one entry too many or too few shows.
template <class T>
tests::Marked<T> whole_numbers(std::size_t n, std::size_t seed) {
  tests::Marked<T> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<T>((i * i + seed) % 11) - T(4);
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("a dot product has every term once, at every length", "", float, double) {
  using T = TestType;
  const std::size_t most = 3 * run<T> + 3;
  auto x = whole_numbers<T>(most, 1), y = whole_numbers<T>(most, 5);
  double sum = 0;
  for (std::size_t n = 0; n <= most; ++n) {
    CHECK(simd::dot(x.data(), y.data(), n) == sum);
    if (n < most) sum += static_cast<double>(x[n] * y[n]);
  }
}

TEMPLATE_TEST_CASE("several sums over the same entries are apart", "", float, double) {
  using T = TestType;
  for (std::size_t n = 0; n <= 2 * run<T> + 3; ++n) {
    auto x = whole_numbers<T>(n, 2);
    double expected[3] = {};
    for (std::size_t i = 0; i < n; ++i) {
      const auto entry = static_cast<double>(x[i]);
      expected[0] += entry;
      expected[1] += entry * entry;
      expected[2] -= 3 * entry;
    }
    const auto found = simd::sums<T, 3>(n, [&](std::size_t i, auto part, auto&& add) {
      const auto entries = simd::load(x.data() + i, part);
      add(0, entries, simd::Batch<T>(T(1)));
      add(1, entries, entries);
      add(2, entries, simd::Batch<T>(T(-3)));
    });
    for (std::size_t k = 0; k < 3; ++k) CHECK(found[k] == expected[k]);
  }
}

TEMPLATE_TEST_CASE("a long sum has the error of a short one", "", float, double) {
  using T = TestType;
  const std::size_t n = 20000;
  for (const T entry : {T(0.1), T(0.3), T(0.7)}) {  // equal terms: a long run rounds all one way
    const std::vector<T> x(n, entry), y(n, T(1));
    const long double sum = static_cast<long double>(n) * static_cast<long double>(entry);
    const auto found = static_cast<long double>(simd::dot(x.data(), y.data(), n));
    // Two sums of eight terms, added: half an epsilon for each step at most. In double the sum over
    // runs rounds, too.
    const std::size_t runs = sizeof(T) == sizeof(double) ? n / run<T> + 1 : 0;
    CHECK(static_cast<double>(std::abs(found - sum) / sum) <=
          tests::tolerance::operations<T>(5 + runs / 2));
  }
}
