#include "selfsup/kernels/estimates/column_shuffle.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "layout.hpp"
#include "matrix.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace {

using selfsup::kernels::ColumnShuffle;
using selfsup::product::PaddedMatrix;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace rng = selfsup::rng;

// By which entry each place is filled.
std::vector<std::size_t> order_of(const ColumnShuffle& shuffle, std::size_t D) {
  std::vector<std::size_t> places(D), order(D);
  std::iota(places.begin(), places.end(), std::size_t{0});
  shuffle.gather(places.data(), D, order.data());
  return order;
}

std::vector<std::size_t> order_at(rng::RandomPoint point, std::size_t D, bool shuffled = true) {
  ColumnShuffle shuffle;
  shuffle.prepare(D, point, shuffled);
  return order_of(shuffle, D);
}

}  // namespace

TEST_CASE("the order is that of seed and step, or the columns' own") {
  for (const std::size_t D : {1u, 2u, 17u, 300u}) {
    std::vector<std::size_t> expected(D), own(D);
    rng::shuffle({7, 3}, D, expected.data());
    std::iota(own.begin(), own.end(), std::size_t{0});
    CHECK(order_at({7, 3}, D) == expected);
    CHECK(order_at({7, 3}, D, false) == own);
    std::sort(expected.begin(), expected.end());
    CHECK(expected == own);
  }
  CHECK(order_at({7, 3}, 300) != order_at({8, 3}, 300));
  CHECK(order_at({7, 3}, 300) != order_at({7, 4}, 300));
  CHECK(order_at({7, 3}, 300) != order_at({3, 7}, 300));
}

TEST_CASE("a shuffle may be prepared again for fewer columns") {
  ColumnShuffle shuffle;
  shuffle.prepare(300, {1, 1});
  shuffle.prepare(17, {7, 3});
  CHECK(order_of(shuffle, 17) == order_at({7, 3}, 17));
}

TEMPLATE_TEST_CASE("columns are gathered in the order and scattered back, in every layout", "",
                   float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 2u, 16u, 17u, 300u}) {
    const auto z = tests::cast<T>(tests::random_matrix(70, D, D));
    const auto order = order_at({7, 3}, D);
    ColumnShuffle shuffle;
    shuffle.prepare(D, {7, 3});
    Matrix<T> expected(70, D);
    for (std::size_t n = 0; n < 70; ++n)
      for (std::size_t j = 0; j < D; ++j) expected(n, j) = z(n, order[j]);
    for (const Layout layout : tests::layouts) {
      INFO("D = " << D << ", " << tests::name(layout));
      const Stored<T> stored(z, layout);
      PaddedMatrix<T> shuffled;
      shuffle.gather<T>(stored, shuffled);
      CHECK(tests::unpadded(shuffled).entries() == expected.entries());
      Stored<T> back(Matrix<T>(70, D, 7), layout);
      shuffle.scatter<T>(shuffled, back);
      CHECK(back.matrix().entries() == z.entries());
      CHECK(back.surroundings_untouched());
    }
  }
}

TEST_CASE("one row is scattered with a weight, rounded to the type") {
  constexpr std::size_t D = 17;
  const auto from = tests::random_matrix(1, D, 1);
  const auto order = order_at({7, 3}, D);
  ColumnShuffle shuffle;
  shuffle.prepare(D, {7, 3});
  Matrix<float> z(3, D, 7);
  shuffle.scatter<double, float>(from.data(), 0.3, 1, z);
  for (std::size_t j = 0; j < D; ++j) {
    CHECK(z(0, j) == 7);
    CHECK(z(1, order[j]) == static_cast<float>(0.3 * from(0, j)));
    CHECK(z(2, j) == 7);
  }
}
