#include "evaluate.hpp"

#include "catch.hpp"
#include "linear_probe.hpp"
#include "nearest_neighbours.hpp"
#include "normal.hpp"
#include "principal_plane.hpp"
#include "random.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <vector>

using trainer::Matrix;

namespace {

Matrix<float> matrix(std::size_t cols, const std::vector<float>& entries) {
  Matrix<float> result(entries.size() / cols, cols);
  std::copy(entries.begin(), entries.end(), result.data());
  return result;
}

using Labels = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("nearest neighbours go by angle, not by length") {
  Matrix<float> labelled = matrix(2, {10, 0, 0, 1, -1, 0});
  Matrix<float> queries = matrix(2, {0.1F, 0.02F, 0.3F, 5, -7, 1});
  trainer::normalise_rows(labelled);
  trainer::normalise_rows(queries);
  CHECK(trainer::nearest_neighbours(labelled, {0, 1, 2}, queries, 1, 3) == Labels{0, 1, 2});
}

TEST_CASE("k neighbours vote; a draw goes to the larger sum of similarities") {
  Matrix<float> labelled = matrix(2, {1, 0, 1, 0.3F, 1, 0.4F, 0, 1});
  Matrix<float> query = matrix(2, {1, 0});
  trainer::normalise_rows(labelled);
  const Labels labels = {0, 1, 1, 0};
  CHECK(trainer::nearest_neighbours(labelled, labels, query, 1, 2) == Labels{0});
  CHECK(trainer::nearest_neighbours(labelled, labels, query, 2, 2) == Labels{0});
  CHECK(trainer::nearest_neighbours(labelled, labels, query, 3, 2) == Labels{1});
  CHECK(trainer::nearest_neighbours(labelled, labels, query, 4, 2) == Labels{1});
}

TEST_CASE("more queries than fit into one piece of work") {
  Matrix<float> labelled = matrix(2, {1, 0, 0, 1});
  Matrix<float> queries(600, 2);
  Labels expected;
  for (std::size_t i = 0; i < 600; ++i) {
    expected.push_back(static_cast<std::uint8_t>(i % 3 == 0 ? 1 : 0));
    queries(i, 0) = i % 3 == 0 ? 0.1F : 0.9F;
    queries(i, 1) = 0.5F;
  }
  CHECK(trainer::nearest_neighbours(labelled, {0, 1}, queries, 1, 2) == expected);
}

TEST_CASE("rows of zeros survive normalisation") {
  Matrix<float> rows = matrix(2, {0, 0, 3, 4});
  trainer::normalise_rows(rows);
  CHECK(rows(0, 0) == 0);
  CHECK(std::abs(rows(1, 0) - 0.6F) < 1e-6F);
}

TEST_CASE("accuracy is the share of hits") {
  CHECK(trainer::accuracy({1, 2, 3, 4}, {1, 2, 0, 0}) == 0.5);
}

TEST_CASE("the probe separates what is linearly separable, with an offset") {
  trainer::Random random(1, trainer::Stream::labels);
  Matrix<float> rows(300, 3);
  Labels labels;
  for (std::size_t i = 0; i < 300; ++i) {
    const std::size_t c = i % 3;
    labels.push_back(static_cast<std::uint8_t>(c));
    for (std::size_t d = 0; d < 3; ++d) {
      rows(i, d) = static_cast<float>(100 + (c == d ? 1.0 : 0.0) + 0.1 * tests::normal(random));
    }
  }
  const Matrix<float> x = trainer::standardised(rows, rows);
  CHECK(trainer::linear_probe(x, labels, x, 3) == labels);
}

TEST_CASE("the probe reaches the optimum of its objective") {
  // Two points ±1 of two classes and a column of ones: by symmetry w = (t, −t) with
  // σ(−2t) = l2·t, the stationary point of log(1 + e^{−2t}) + l2·t².
  const Matrix<float> x = matrix(2, {1, 1, -1, 1});
  const Matrix<float> queries = matrix(2, {0.01F, 1, -0.01F, 1});
  CHECK(trainer::linear_probe(x, {0, 1}, queries, 2) == Labels{0, 1});
}

TEST_CASE("standardised columns have mean 0 and variance 1; constant ones become 0") {
  const Matrix<float> rows = matrix(2, {1, 5, 2, 5, 3, 5, 6, 5});
  const Matrix<float> x = trainer::standardised(rows, rows);
  REQUIRE(x.cols() == 3);
  float sum = 0;
  float square = 0;
  for (std::size_t r = 0; r < 4; ++r) {
    sum += x(r, 0);
    square += x(r, 0) * x(r, 0);
    CHECK(x(r, 1) == 0);
    CHECK(x(r, 2) == 1);
  }
  CHECK(std::abs(sum) < 1e-6F);
  CHECK(std::abs(square - 4) < 1e-5F);
}

TEST_CASE("draws of labels are balanced, repeatable and differ") {
  Labels labels;
  for (std::size_t i = 0; i < 1000; ++i) labels.push_back(static_cast<std::uint8_t>(i * i % 10));
  // Squares end in 0, 1, 4, 5, 6 or 9: six classes occur.
  const auto drawn = trainer::draw_labels(labels, 10, 0.02, 0);
  CHECK(drawn.size() == 20);
  CHECK(std::is_sorted(drawn.begin(), drawn.end()));
  CHECK(std::set<std::size_t>(drawn.begin(), drawn.end()).size() == 20);
  std::vector<std::size_t> counts(10);
  for (const std::size_t id : drawn) ++counts[labels[id]];
  for (const std::size_t c : {0U, 1U, 4U, 5U, 6U, 9U}) CHECK((counts[c] == 3 || counts[c] == 4));
  CHECK(trainer::draw_labels(labels, 10, 0.02, 0) == drawn);
  CHECK(trainer::draw_labels(labels, 10, 0.02, 1) != drawn);
  CHECK(trainer::draw_labels(labels, 10, 0.001, 0).size() == 6);  // one a class at least
  CHECK(trainer::draw_labels(labels, 10, 1, 0).size() == 1000);
}

TEST_CASE("a perfect representation scores 1, and the deviation of equal draws is 0") {
  trainer::Features features{Matrix<float>(200, 4), Matrix<float>(40, 4)};
  Labels train;
  Labels test;
  for (auto [rows, labels] : {std::pair{&features.train, &train}, {&features.test, &test}}) {
    rows->fill(0);
    for (std::size_t i = 0; i < rows->rows(); ++i) {
      labels->push_back(static_cast<std::uint8_t>(i % 4));
      (*rows)(i, i % 4) = 2;
    }
  }
  const trainer::Evaluation result = trainer::evaluate("perfect", features, train, test, 4, 3);
  CHECK(result.representation == "perfect");
  for (const auto& scores : {result.neighbours, result.probe}) {
    for (const trainer::Score& score : scores) {
      CHECK(score.mean == 1);
      CHECK(score.deviation == 0);
    }
  }
}

TEST_CASE("the principal plane finds the two long axes") {
  trainer::Random random(2, trainer::Stream::view);
  Matrix<float> rows(500, 3);
  for (std::size_t i = 0; i < 500; ++i) {
    const auto u = static_cast<float>(5 * tests::normal(random));
    const auto v = static_cast<float>(2 * tests::normal(random));
    rows(i, 0) = 7 + v;  // second axis
    rows(i, 1) = static_cast<float>(0.01 * tests::normal(random));
    rows(i, 2) = u;  // first axis
  }
  const Matrix<float> plane = trainer::principal_plane(rows);
  REQUIRE(plane.rows() == 500);
  REQUIRE(plane.cols() == 2);
  float mean = 0;
  for (std::size_t i = 0; i < 500; ++i) mean += rows(i, 2) / 500;
  for (std::size_t i = 0; i < 500; i += 50) {
    // The axes found differ from the true ones by sampling, a correlation of about 1/√500.
    CHECK(std::abs(plane(i, 0) - (rows(i, 2) - mean)) < 0.5F);
  }
}

TEST_CASE("the principal plane of rows without variance is 0") {
  Matrix<float> rows(5, 3);
  rows.fill(4);
  const Matrix<float> plane = trainer::principal_plane(rows);
  for (std::size_t i = 0; i < plane.size(); ++i) CHECK(plane.data()[i] == 0);
}
