#include "selfsup/kernels/random.hpp"

#include "catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

using selfsup::kernels::RandomStream;

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

TEST_CASE("normal numbers have the moments and tails of the normal distribution") {
  constexpr int count = 200000;
  RandomStream random(3, 4);
  double mean = 0, square = 0, fourth = 0, product = 0, beyond_2 = 0, largest = 0;
  for (int i = 0; i < count / 2; ++i) {
    const auto [x, y] = random.normals();
    product += x * y;
    for (const double z : {x, y}) {
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
  selfsup::kernels::shuffle({5, 6}, order.size(), order.data());
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<unsigned> expected(100);
  std::iota(expected.begin(), expected.end(), 0u);
  CHECK(sorted == expected);
  CHECK(order != expected);
  std::vector<double> found(6);
  for (std::uint64_t step = 0; step < 60000; ++step) {
    unsigned three[3];
    selfsup::kernels::shuffle({7, step}, 3, three);
    ++found[three[0] * 2 + (three[1] > three[2] ? 1 : 0)];
  }
  double chi_squared = 0;
  for (const double count : found) chi_squared += (count - 1e4) * (count - 1e4) / 1e4;
  CHECK(chi_squared <= 20.5);  // 5 degrees of freedom
}
