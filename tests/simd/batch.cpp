#include "selfsup/simd/batch.hpp"

#include "catch.hpp"
#include "matrix.hpp"
#include "simd/batches.hpp"
#include "simd/marked.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <vector>

namespace simd = selfsup::simd;
using tests::batch_of;
using tests::lanes_of;
using tests::Marked;

namespace {

// Batches of SSE2 have no instruction that multiplies and adds, though a compiler that knows a
// later machine may use one.
constexpr bool fuses = !std::is_same_v<simd::Arch, xsimd::sse2>;
template <class T>
bool is_multiply_add(T found, T a, T b, T c) {
  const volatile T product = a * b;
  return found == std::fma(a, b, c) || (!fuses && found == product + c);
}

// e^x, one number a lane.
template <class T>
T exp_of(T x) {
  return lanes_of(simd::exp(simd::Batch<T>(x)))[0];
}

// The largest |found − e^x|/e^x, in epsilons, of evenly spaced x.
template <class T>
double worst_exp(double low, double high) {
  constexpr std::size_t L = simd::lanes<T>, batches = 60000 / L;
  const double step = (high - low) / static_cast<double>(batches * L);
  double worst = 0;
  for (std::size_t b = 0; b < batches; ++b) {
    const auto x = batch_of<T>([&](std::size_t i) {
      return std::clamp(low + step * static_cast<double>(b * L + i), low, high);
    });
    const auto at = lanes_of(x), found = lanes_of(simd::exp(x));
    for (std::size_t i = 0; i < L; ++i) {
      const long double right = std::exp(static_cast<long double>(at[i]));
      const auto error = std::abs(static_cast<long double>(found[i]) - right) / right;
      worst = tests::worse(worst, static_cast<double>(error));
    }
  }
  return worst / static_cast<double>(std::numeric_limits<T>::epsilon());
}

}  // namespace

TEMPLATE_TEST_CASE("batches of a range come to each entry once, whole ones first", "", float,
                   double) {
  constexpr std::size_t L = simd::lanes<TestType>;
  for (std::size_t first = 0; first < 3; ++first) {
    for (std::size_t last = first; last <= first + 2 * L; ++last) {
      std::size_t next = first;
      simd::for_batches<TestType>(first, last, [&](std::size_t i, auto part) {
        CHECK(i == next);
        if constexpr (std::is_same_v<decltype(part), simd::FirstLanes>) {
          CHECK(part.count == last - i);
          CHECK(part.count < L);
          next += part.count;
        } else {
          next += L;
        }
      });
      CHECK(next == last);
    }
  }
}

TEMPLATE_TEST_CASE("a load and a store of a range touch nothing outside it", "", float, double) {
  using T = TestType;
  constexpr std::size_t L = simd::lanes<T>;
  for (std::size_t n = 0; n <= 2 * L; ++n) {
    std::vector<T> from(n);  // of no entry more: AddressSanitizer sees a load that goes too far
    for (std::size_t i = 0; i < n; ++i) from[i] = static_cast<T>(i + 1);
    for (std::size_t offset = 0; offset < 2; ++offset) {
      Marked<T> to(n, offset);
      simd::for_batches<T>(0, n, [&](std::size_t i, auto part) {
        simd::store(to.data() + i, simd::load(from.data() + i, part), part);
      });
      CHECK(std::equal(from.begin(), from.end(), to.data()));
      CHECK(to.marks_untouched());
    }
  }
}

TEMPLATE_TEST_CASE("lanes that a part leaves out are what they are asked to be", "", float,
                   double) {
  using T = TestType;
  constexpr std::size_t L = simd::lanes<T>;
  const std::vector<T> from(L, T(3));
  const auto x = simd::load(from.data());
  CHECK(lanes_of(x) == from);
  CHECK(lanes_of(simd::keep(x, simd::AllLanes{})) == from);
  CHECK(lanes_of(simd::load(from.data(), simd::AllLanes{}, T(7))) == from);
  for (std::size_t count = 0; count < L; ++count) {
    const simd::FirstLanes part{count};
    const auto first = [&](T rest) {
      return lanes_of(batch_of<T>([&](std::size_t i) { return i < count ? T(3) : rest; }));
    };
    CHECK(lanes_of(simd::load(from.data(), part)) == first(0));
    CHECK(lanes_of(simd::load(from.data(), part, T(7))) == first(7));
    CHECK(lanes_of(simd::keep(x, part)) == first(0));
  }
}

TEMPLATE_TEST_CASE("a multiply-add is rounded once where the machine has it", "", float, double) {
  using T = TestType;
  tests::Random random(1);
  for (int trial = 0; trial < 1000; ++trial) {
    const auto any = [&](std::size_t) { return random() / 3; };
    const auto a = batch_of<T>(any), b = batch_of<T>(any), c = batch_of<T>(any);
    const auto x = lanes_of(a), y = lanes_of(b), z = lanes_of(c),
               found = lanes_of(simd::fma(a, b, c));
    for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(is_multiply_add(found[i], x[i], y[i], z[i]));
  }
}

TEMPLATE_TEST_CASE("a multiply-subtract gives what the rounding of a product lost", "", float,
                   double) {
  using T = TestType;
  tests::Random random(2);
  for (int trial = 0; trial < 1000; ++trial) {
    const auto any = [&](std::size_t) { return random() / 3; };
    const auto a = batch_of<T>(any), b = batch_of<T>(any);
    const auto x = lanes_of(a), y = lanes_of(b), found = lanes_of(simd::fms(a, b, a * b));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const volatile T product = x[i] * y[i];
      if constexpr (sizeof(T) == sizeof(float)) {
        REQUIRE(found[i] == std::fma(x[i], y[i], -product));
      } else {
        REQUIRE(is_multiply_add(found[i], x[i], y[i], -product));
      }
    }
  }
}

TEST_CASE("multiply-adds of numbers, and those rounded once on every machine") {
  tests::Random random(3);
  for (int trial = 0; trial < 1000; ++trial) {
    const auto any = [&](std::size_t) { return random() / 3; };
    const auto a = batch_of<double>(any), b = batch_of<double>(any), c = batch_of<double>(any);
    const auto x = lanes_of(a), y = lanes_of(b), z = lanes_of(c);
    const auto found = lanes_of(simd::fma_rounded_once(a, b, c));
    for (std::size_t i = 0; i < x.size(); ++i) {
      REQUIRE(found[i] == std::fma(x[i], y[i], z[i]));
      REQUIRE(is_multiply_add(simd::fma(x[i], y[i], z[i]), x[i], y[i], z[i]));
    }
  }
}

TEMPLATE_TEST_CASE("a product that is rounded is not fused with what is added", "", float, double) {
  using T = TestType;
  // (1 + i·epsilon)² without its last term, i²·epsilon², which a fused product keeps.
  const volatile T epsilon = std::numeric_limits<T>::epsilon();  // unknown to the compiler
  const auto x = batch_of<T>([&](std::size_t i) { return 1 + static_cast<T>(i) * epsilon; });
  const auto found = lanes_of(simd::rounded(x * x) - x);
  for (std::size_t i = 0; i < simd::lanes<T>; ++i) CHECK(found[i] == static_cast<T>(i) * epsilon);
}

TEMPLATE_TEST_CASE("a mask selects lane by lane", "", float, double) {
  using T = TestType;
  const auto x = batch_of<T>([](std::size_t i) { return i % 3 == 0 ? 1 : -1; });
  const auto a = batch_of<T>([](std::size_t i) { return i + 10; });
  const auto b = batch_of<T>([](std::size_t i) { return i + 50; });
  const auto chosen = batch_of<T>([](std::size_t i) { return i % 3 == 0 ? i + 10 : i + 50; });
  CHECK(lanes_of(simd::select<T>(x > simd::Batch<T>(T(0)), a, b)) == lanes_of(chosen));
}

TEST_CASE("the exponential keeps its digits over its whole range") {
  CHECK(worst_exp<float>(-87.3, 88.3) <= 1.5);
  CHECK(worst_exp<float>(-1, 1) <= 1.5);
  CHECK(worst_exp<double>(-708, 709.4) <= 0.85);
  CHECK(worst_exp<double>(-1, 1) <= 0.85);
}

TEST_CASE("the exponential beyond its range") {
  CHECK(exp_of(-88.4f) == 0);
  CHECK(std::isinf(exp_of(88.4f)));
  CHECK(exp_of(-709.0) == 0);
  CHECK(std::isinf(exp_of(709.8)));
  CHECK(exp_of(0.0f) == 1);
  CHECK(exp_of(0.0) == 1);
}

TEMPLATE_TEST_CASE("the exponential of the lowest numbers is 0, of the largest infinite", "", float,
                   double) {
  using T = TestType;
  const T infinity = std::numeric_limits<T>::infinity(), largest = std::numeric_limits<T>::max();
  for (const T x : {T(-1001), T(-1e9), -largest, -infinity}) CHECK(exp_of(x) == 0);
  for (const T x : {T(1001), T(1e9), largest, infinity}) CHECK(exp_of(x) == infinity);
  // One such lane leaves the others alone.
  const auto mixed = batch_of<T>([&](std::size_t i) { return i == 0 ? -infinity : T(0); });
  const auto right = batch_of<T>([](std::size_t i) { return i == 0 ? 0 : 1; });
  CHECK(lanes_of(simd::exp(mixed)) == lanes_of(right));
}

TEMPLATE_TEST_CASE("the largest lane, wherever it is", "", float, double) {
  using T = TestType;
  for (std::size_t at = 0; at < simd::lanes<T>; ++at) {
    const auto x = batch_of<T>([&](std::size_t i) { return i == at ? -1.0 : -2.0 - double(i); });
    CHECK(simd::largest(x) == T(-1));
    const simd::Batch<T> bound(T(-1)), above(T(-0.5));
    CHECK(simd::any_not_less(x, bound));
    CHECK_FALSE(simd::any_not_less(x, above));
  }
}

TEMPLATE_TEST_CASE("absolute values, roots, and the larger and the smaller of two", "", float,
                   double) {
  using T = TestType;
  const auto x = batch_of<T>([](std::size_t i) { return i % 2 == 0 ? -2.0 - double(i) : 3.0; });
  const auto y = batch_of<T>([](std::size_t i) { return i % 2 == 0 ? 5.0 : -double(i); });
  const auto a = lanes_of(x), b = lanes_of(y);
  const auto abs = lanes_of(simd::abs(x)), root = lanes_of(simd::sqrt(simd::abs(x)));
  const auto max = lanes_of(simd::max(x, y)), min = lanes_of(simd::min(x, y));
  for (std::size_t i = 0; i < simd::lanes<T>; ++i) {
    CHECK(abs[i] == std::abs(a[i]));
    CHECK(root[i] == std::sqrt(std::abs(a[i])));
    CHECK(max[i] == std::max(a[i], b[i]));
    CHECK(min[i] == std::min(a[i], b[i]));
  }
}
