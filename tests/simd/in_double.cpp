#include "selfsup/simd/in_double.hpp"

#include "catch.hpp"
#include "simd/batches.hpp"
#include "simd/marked.hpp"

#include <cmath>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace simd = selfsup::simd;
using tests::batch_of;
using tests::lanes_of;
using tests::Marked;

namespace {

using Doubles = simd::Batch<double>;

// Beside an entry of about 1 a float loses it, a double does not.
const double small = std::ldexp(1.0, -26);

template <class T>
std::vector<T> entries(std::size_t n, std::size_t seed) {
  std::vector<T> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<T>(1 + (i * i + seed) % 7);
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("batches as doubles name each lane of a part once", "", float, double) {
  using T = TestType;
  const auto x = batch_of<T>([](std::size_t i) { return i + 1; });
  const auto y = batch_of<T>([](std::size_t i) { return 100 + i; });
  for (std::size_t n = 1; n <= simd::lanes<T>; ++n) {
    std::size_t next = 0;
    simd::for_batches<T>(0, n, [&](std::size_t, auto part) {
      simd::for_doubles(
          part,
          [&](std::size_t first, auto half, const Doubles& x_half, const Doubles& y_half) {
            CHECK(first == (next == 0 ? 0 : simd::lanes<double>));
            std::size_t count = simd::lanes<double>;
            if constexpr (std::is_same_v<decltype(half), simd::FirstLanes>) count = half.count;
            for (std::size_t i = 0; i < count; ++i, ++next) {
              CHECK(lanes_of(x_half)[i] == static_cast<double>(next + 1));
              CHECK(lanes_of(y_half)[i] == static_cast<double>(100 + next));
            }
          },
          x, y);
    });
    CHECK(next == n);
  }
}

TEMPLATE_TEST_CASE("a multiple of a row is added in double, to nothing beside it", "", float,
                   double) {
  using T = TestType;
  for (std::size_t n = 0; n <= 2 * simd::lanes<T> + 1; ++n) {
    const auto from = entries<T>(n, 1);
    Marked<double> to(n, 1);
    for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<double>(i);
    simd::axpy_in_double(1 + small, from.data(), to.data(), n);
    for (std::size_t i = 0; i < n; ++i)
      CHECK(to[i] == static_cast<double>(i) + (1 + small) * static_cast<double>(from[i]));
    CHECK(to.marks_untouched());
  }
}

TEMPLATE_TEST_CASE("a dot product in double, at every length", "", float, double) {
  using T = TestType;
  for (std::size_t n = 0; n <= 3 * simd::lanes<T> + 1; ++n) {
    // (1 + √small)² has a term that a product in float loses.
    std::vector<T> x = entries<T>(n, 1), y = entries<T>(n, 4);
    const T factor = T(1) + static_cast<T>(std::sqrt(small));
    double sum = 0, of_index = 0;
    for (std::size_t i = 0; i < n; ++i) {
      x[i] *= factor;
      y[i] *= factor;
      const double product = static_cast<double>(x[i]) * static_cast<double>(y[i]);
      sum += product;
      of_index += product * static_cast<double>(i + 1);
    }
    CHECK(simd::dot_in_double(x.data(), y.data(), n) == sum);
    // Weighed by its place, so that f gets what lies there.
    std::vector<double> place(n);
    for (std::size_t i = 0; i < n; ++i) place[i] = static_cast<double>(i + 1);
    const double found = simd::dot_in_double(x.data(), y.data(), n,
                                             [&](std::size_t i, auto half, const Doubles& y_i) {
                                               return y_i * simd::load(place.data() + i, half);
                                             });
    CHECK(found == of_index);
  }
}

TEMPLATE_TEST_CASE("a function of batches in double is rounded once, lane by lane", "", float,
                   double) {
  using T = TestType;
  const auto x = batch_of<T>([](std::size_t i) { return i + 1; });
  const auto y = batch_of<T>([](std::size_t i) { return 2 * i + 3; });
  const auto f = [](const Doubles& a, const Doubles& b) {
    return (a + Doubles(small)) * b - a * b;  // nothing is left of it in float
  };
  const auto found = lanes_of(simd::in_double(f, x, y));
  for (std::size_t i = 0; i < simd::lanes<T>; ++i)
    CHECK(found[i] == static_cast<T>(small * static_cast<double>(2 * i + 3)));
}
