#include "selfsup/kernels/softmax/hardest_negatives.hpp"

#include "catch.hpp"

#include "selfsup/kernels/softmax/anchors.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/axpy.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace {

using Lists = selfsup::kernels::HardestNegatives<double>;
using Matrix = selfsup::product::PaddedMatrix<double>;
using selfsup::product::Output;

// Anchors of weight 1, for which a candidate weighs e^product.
selfsup::kernels::Anchors<double> plain_anchors(std::size_t count) {
  selfsup::kernels::Anchors<double> anchors;
  anchors.grow(count);
  std::fill_n(anchors.largest.data(), count, 0.0);
  std::fill_n(anchors.weight.data(), count, 1.0);
  return anchors;
}

Matrix column(std::size_t rows, double entry) {
  Matrix matrix;
  matrix.reshape(rows, 1);
  for (std::size_t r = 0; r < rows; ++r) matrix.row(r)[0] = entry;
  return matrix;
}

// Exact, but that with fast-math the compiler takes glibc's vector exponential, right to 4 ulp, for
// some loops.
constexpr double of_exponentials =
    SELFSUP_FAST_MATH ? 4 * std::numeric_limits<double>::epsilon() : 0;

}  // namespace

TEST_CASE("lists of any length hold the largest products, of equal ones those of lower index") {
  constexpr std::size_t candidates = 700;
  for (const std::size_t k : {1u, 2u, 10u, 127u, 128u, 129u, 130u, 500u, 699u, 700u}) {
    INFO("k = " << k);
    std::mt19937 random(static_cast<unsigned>(k));
    std::vector<double> products(candidates);
    for (double& product : products) product = static_cast<double>(random() % 40) / 16;
    std::vector<std::size_t> offered(candidates);
    std::iota(offered.begin(), offered.end(), std::size_t{0});
    std::vector<std::size_t> ranked = offered;
    std::stable_sort(ranked.begin(), ranked.end(),
                     [&](std::size_t a, std::size_t b) { return products[a] > products[b]; });
    std::shuffle(offered.begin(), offered.end(), random);

    Lists lists;
    lists.begin(1, k);
    for (const std::size_t c : offered) lists.offer(0, products[c], c);
    CHECK(lists.thresholds()[0] == products[ranked[k - 1]]);
    lists.sort(0);
    lists.weigh(plain_anchors(1), 1);

    Matrix d_candidates = column(candidates, 7);
    lists.to_candidates(column(1, 1), d_candidates, Output::write);
    std::vector<double> expected(candidates), found(candidates);
    for (std::size_t j = 0; j < k; ++j) expected[ranked[j]] = std::exp(products[ranked[j]]);
    for (std::size_t c = 0; c < candidates; ++c) found[c] = d_candidates.row(c)[0];
    for (std::size_t c = 0; c < candidates; ++c)
      if (!(std::abs(found[c] - expected[c]) <= of_exponentials * expected[c])) FAIL_CHECK(c);

    // Added from the least similar on: the order shows in the last bits.
    double sum = 0;
    for (std::size_t j = k; j > 0; --j) {
      const double row = 1 / (1.0 + static_cast<double>(ranked[j - 1]));
      selfsup::simd::axpy(expected[ranked[j - 1]], &row, &sum, 1);
    }
    Matrix rows = column(candidates, 0), d_anchors = column(1, 7);
    for (std::size_t c = 0; c < candidates; ++c)
      rows.row(c)[0] = 1 / (1.0 + static_cast<double>(c));
    lists.to_anchors(rows, d_anchors, Output::write);
    CHECK(std::abs(d_anchors.row(0)[0] - sum) <= of_exponentials * sum);
  }
}

TEST_CASE("a list that is not full holds what was offered") {
  Lists lists;
  lists.begin(1, 200);
  for (const std::size_t c : {5u, 3u, 9u}) lists.offer(0, static_cast<double>(c % 2), c);
  CHECK(std::isinf(lists.thresholds()[0]));
  lists.sort(0);
  lists.weigh(plain_anchors(1), 1);
  Matrix d_candidates = column(10, 0);
  lists.to_candidates(column(1, 1), d_candidates, Output::add);
  for (std::size_t c = 0; c < 10; ++c)
    CHECK((d_candidates.row(c)[0] > 0) == (c == 3 || c == 5 || c == 9));
}

TEST_CASE("lists of more than a million entries reach all their candidates") {
  constexpr std::size_t count = 1100;
  Lists lists;
  lists.begin(count, count - 1);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < count; ++c) {
      if (c != i) lists.offer(i, 0, c);
    }
    lists.sort(i);
  }
  lists.weigh(plain_anchors(count), 1);
  Matrix anchors = column(count, 0);
  for (std::size_t i = 0; i < count; ++i) anchors.row(i)[0] = static_cast<double>(i);
  for (const Output output : {Output::write, Output::add}) {
    Matrix d_candidates = column(count, 3);
    lists.to_candidates(anchors, d_candidates, output);
    bool right = true;
    for (std::size_t c = 0; c < count; ++c) {
      const double all = static_cast<double>(count * (count - 1) / 2) - static_cast<double>(c);
      right = right && d_candidates.row(c)[0] == all + (output == Output::add ? 3 : 0);
    }
    CHECK(right);
  }
}
