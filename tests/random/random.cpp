#include "selfsup/random/random.hpp"

#include "catch.hpp"

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

using selfsup::rng::RandomStream;

namespace {

double to_symmetric(std::uint64_t bits) {
  return (static_cast<double>(2 * bits + 1) - 4294967296.0) / 4294967296.0;
}

// The series of 2·artanh((f − 1)/(f + 1)), as the generator has it.
double log_of(double x) {
  int exponent;
  double f = std::frexp(x, &exponent);
  if (f < 0.70710678118654752) {
    f *= 2;
    --exponent;
  }
  const double w = (f - 1) / (f + 1), square = w * w;
  double series = 1.0 / 15;
  for (int divisor = 13; divisor > 0; divisor -= 2)
    series = std::fma(series, square, 1.0 / divisor);
  return std::fma(static_cast<double>(exponent), 0.69314718055994531, 2 * w * series);
}

std::pair<double, double> pair_of_normals(RandomStream& random) {
  double x, y, square;
  do {
    const std::uint64_t both = random.bits();
    x = to_symmetric(both >> 32);
    y = to_symmetric(both & 0xffffffffu);
    square = std::fma(x, x, y * y);
  } while (square >= 1);
  const double log = log_of(square);
  CHECK(std::abs(log - std::log(square)) <= 1e-12 * std::abs(std::log(square)));
  const double factor = std::sqrt(-2 * log / square);
  return {x * factor, y * factor};
}

}  // namespace

TEST_CASE("a random stream is splitmix64") {
  RandomStream random(0, 0, 0);  // starts at 0: the numbers of the published code for seed 0
  CHECK(random.bits() == 0xe220a8397b1dcdafu);
  CHECK(random.bits() == 0x6e789e6aa1b965f4u);
  CHECK(random.bits() == 0x06c45d188009454fu);
}

TEST_CASE("seed, step and stream each give other numbers") {
  std::vector<std::uint64_t> first;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint64_t step = 0; step < 4; ++step) {
      for (std::uint64_t stream = 0; stream < 4; ++stream)
        first.push_back(RandomStream(seed, step, stream).bits());
    }
  }
  std::sort(first.begin(), first.end());
  CHECK(std::adjacent_find(first.begin(), first.end()) == first.end());
}

TEST_CASE("numbers below a count are all as likely") {
  RandomStream random(1, 2);
  std::vector<double> found(7);
  for (int i = 0; i < 70000; ++i) ++found[random.below(7)];
  double chi_squared = 0;
  for (const double count : found) chi_squared += (count - 1e4) * (count - 1e4) / 1e4;
  CHECK(chi_squared <= 22.5);  // 6 degrees of freedom: one seed in a thousand would exceed it
  CHECK(random.below(1) == 0);
}

TEST_CASE("normal numbers are Marsaglia's of a pair at a time, to the last bit") {
  for (const std::size_t count : {0u, 1u, 2u, 7u, 127u, 128u, 129u, 1001u}) {
    RandomStream random(8, 9, count), one_by_one(8, 9, count);
    std::vector<double> found(count + 1, 7), expected;
    random.normals(count, found.data());
    while (expected.size() < count) {
      const auto [x, y] = pair_of_normals(one_by_one);
      expected.push_back(x);
      if (expected.size() < count) expected.push_back(y);
    }
    expected.push_back(7);
    CHECK(found == expected);
    CHECK(random.bits() == one_by_one.bits());
  }
}

TEST_CASE("normal numbers raise no exception of floating point, whatever their count") {
  for (const std::size_t count : {1u, 3u, 128u, 131u}) {
    std::vector<double> normals(count);
    std::feclearexcept(FE_ALL_EXCEPT);
    RandomStream(8, 9, count).normals(count, normals.data());
    CHECK(std::fetestexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW) == 0);
  }
}

TEST_CASE("normal numbers have the moments and tails of the normal distribution") {
  constexpr int count = 200000;
  RandomStream random(3, 4);
  double mean = 0, square = 0, fourth = 0, product = 0, beyond_2 = 0, largest = 0;
  std::vector<double> normals(count);
  random.normals(count, normals.data());
  for (std::size_t i = 0; i < count; i += 2) {
    product += normals[i] * normals[i + 1];
    for (const double z : {normals[i], normals[i + 1]}) {
      mean += z;
      square += z * z;
      fourth += z * z * z * z;
      beyond_2 += std::abs(z) > 2 ? 1 : 0;
      largest = std::max(largest, std::abs(z));
    }
  }
  const double error = 4 / std::sqrt(count);  // four standard errors of a mean with variance 1
  CHECK(std::abs(mean / count) <= error);
  CHECK(std::abs(square / count - 1) <= std::sqrt(2) * error);
  CHECK(std::abs(fourth / count - 3) <= std::sqrt(96) * error);
  CHECK(std::abs(product / (count / 2)) <= std::sqrt(2) * error);
  CHECK(std::abs(beyond_2 / count - 0.0455002639) <= std::sqrt(0.0455) * error);
  CHECK(largest > 4);
}

TEST_CASE("a shuffle is a permutation, and every one is as likely") {
  std::vector<unsigned> order(100);
  selfsup::rng::shuffle({5, 6}, order.size(), order.data());
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<unsigned> expected(100);
  std::iota(expected.begin(), expected.end(), 0u);
  CHECK(sorted == expected);
  CHECK(order != expected);
  std::vector<double> found(6);
  for (std::uint64_t step = 0; step < 60000; ++step) {
    unsigned three[3];
    selfsup::rng::shuffle({7, step}, 3, three);
    ++found[three[0] * 2 + (three[1] > three[2] ? 1 : 0)];
  }
  double chi_squared = 0;
  for (const double count : found) chi_squared += (count - 1e4) * (count - 1e4) / 1e4;
  CHECK(chi_squared <= 20.5);  // 5 degrees of freedom
}
