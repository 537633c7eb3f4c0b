#include "selfsup/simd/lane_sums.hpp"

#include "catch.hpp"
#include "simd/batches.hpp"

#include <cmath>
#include <cstddef>

namespace simd = selfsup::simd;
using tests::batch_of;

namespace {

// 8^−i in lane i: a sum in double is exact and shows which lanes it has, one in float is not.
template <class T>
simd::Batch<T> digits() {
  return batch_of<T>([](std::size_t i) { return std::ldexp(1.0, -3 * static_cast<int>(i)); });
}
template <class T>
double sum_of_digits() {
  double sum = 0;
  for (std::size_t i = 0; i < simd::lanes<T>; ++i) sum += std::ldexp(1.0, -3 * static_cast<int>(i));
  return sum;
}

}  // namespace

TEMPLATE_TEST_CASE("a sum of lanes has each once, in double", "", float, double) {
  CHECK(simd::sum(digits<TestType>()) == sum_of_digits<TestType>());
}

TEMPLATE_TEST_CASE("sums of lanes take several batches", "", float, double) {
  simd::LaneSums<TestType> sums;
  CHECK(sums.total() == 0);
  for (int times = 0; times < 3; ++times) sums.add(digits<TestType>());
  CHECK(sums.total() == 3 * sum_of_digits<TestType>());
}

TEMPLATE_TEST_CASE("lanes are added each to an entry of its own, in double", "", float, double) {
  using T = TestType;
  double sums[simd::lanes<T>];
  for (double& sum : sums) sum = 1;
  const double small = std::ldexp(1.0, -40);  // lost beside 1 in float
  const auto x = batch_of<T>([&](std::size_t i) { return small * static_cast<double>(i + 1); });
  simd::add_lanes(x, sums);
  simd::add_lanes(x, sums);
  for (std::size_t i = 0; i < simd::lanes<T>; ++i)
    CHECK(sums[i] == 1 + 2 * small * static_cast<double>(i + 1));
}
