#include "retrieval.hpp"

#include "catch.hpp"
#include "normal.hpp"
#include "random.hpp"
#include "report.hpp"
#include "threads.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using trainer::Matrix;
using trainer::Neighbour;

namespace {

using Labels = std::vector<std::uint8_t>;
using Numbers = std::vector<std::size_t>;

Matrix<float> random_rows(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  trainer::Random random(seed, trainer::Stream::view);
  Matrix<float> result(rows, cols);
  for (std::size_t i = 0; i < result.size(); ++i) {
    result.data()[i] = static_cast<float>(tests::normal(random));
  }
  return result;
}

double cosine(const Matrix<float>& a, std::size_t i, const Matrix<float>& b, std::size_t j) {
  double dot = 0, a_square = 0, b_square = 0;
  for (std::size_t c = 0; c < a.cols(); ++c) {
    dot += static_cast<double>(a(i, c)) * static_cast<double>(b(j, c));
    a_square += std::pow(static_cast<double>(a(i, c)), 2);
    b_square += std::pow(static_cast<double>(b(j, c)), 2);
  }
  return dot / std::sqrt(a_square * b_square);
}

// Looks for the best that is left, again and again.
Numbers slow_search(const Matrix<float>& rows, const Matrix<float>& queries, std::size_t query,
                    std::size_t k) {
  Numbers found;
  std::vector<bool> taken(rows.rows());
  while (found.size() < k) {
    std::size_t best = rows.rows();
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      if (taken[r]) continue;
      if (best == rows.rows() ||
          cosine(rows, r, queries, query) > cosine(rows, best, queries, query)) {
        best = r;
      }
    }
    taken[best] = true;
    found.push_back(best);
  }
  return found;
}

// Two training images of 1x2 pixels and two channels, one test image.
struct Pictures {
  trainer::LabelledImages train;
  trainer::LabelledImages test;
  Pictures() {
    train.size = test.size = {1, 2, 2};
    train.labels = {3, 5};
    test.labels = {5};
    train.images.resize(2, 4);
    test.images.resize(1, 4);
    const std::vector<float> pixels = {0, 0.5F, 1, 0.2F, -0.3F, 1.7F, 0.25F, 0.75F};
    std::copy(pixels.begin(), pixels.end(), train.images.data());
    test.images.fill(1);
  }
};

}  // namespace

TEST_CASE("retrieval finds what a slow search by cosine finds, in its order, on any threads") {
  const Matrix<float> train = random_rows(301, 7, 1);
  const Matrix<float> test = random_rows(40, 7, 2);
  const Numbers queries = {3, 0, 39, 17};
  trainer::Features features{train, test};
  trainer::normalise_rows(features.train);
  trainer::normalise_rows(features.test);
  const trainer::Retrieval found = trainer::retrieve("some", features, queries);
  CHECK(found.representation == "some");
  REQUIRE(found.neighbours.size() == queries.size());
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const Numbers expected = slow_search(train, test, queries[q], 8);
    REQUIRE(found.neighbours[q].size() == 8);
    for (std::size_t i = 0; i < 8; ++i) {
      const Neighbour& neighbour = found.neighbours[q][i];
      CHECK(neighbour.row == expected[i]);
      CHECK(std::abs(static_cast<double>(neighbour.similarity) -
                     cosine(train, neighbour.row, test, queries[q])) < 1e-6);
    }
  }
  const std::string csv = trainer::retrieval_csv(queries, {found}, Labels(301), Labels(40));
  for (const int count : {1, 2, 5}) {
    const tests::Threads threads(count);
    const trainer::Retrieval again = trainer::retrieve("some", features, queries);
    CHECK(trainer::retrieval_csv(queries, {again}, Labels(301), Labels(40)) == csv);
  }
}

TEST_CASE("among equally similar images the lower row comes first; all of few are found") {
  trainer::Features features{Matrix<float>(5, 2), Matrix<float>(1, 2)};
  features.train.fill(0);
  for (std::size_t r = 0; r < 5; ++r) features.train(r, r == 2 ? 1 : 0) = 1;
  features.test.fill(0);
  features.test(0, 1) = 1;
  const trainer::Retrieval found = trainer::retrieve("some", features, {0});
  Numbers rows;
  for (const Neighbour& neighbour : found.neighbours[0]) rows.push_back(neighbour.row);
  CHECK(rows == Numbers{2, 0, 1, 3, 4});
}

TEST_CASE("queries are the first of each class, then the second, at most twelve") {
  CHECK(trainer::choose_queries({7, 7, 2, 7, 2}) == Numbers{2, 0, 4, 1, 3});
  Labels labels;
  for (std::size_t i = 0; i < 100; ++i) labels.push_back(static_cast<std::uint8_t>(9 - i % 10));
  CHECK(trainer::choose_queries(labels) == Numbers{9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 19, 18});
  for (std::size_t i = 0; i < 100; ++i) labels[i] = static_cast<std::uint8_t>(2 * i);
  CHECK(trainer::choose_queries(labels) == Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(trainer::choose_queries({}).empty());
}

TEST_CASE("retrieval.csv has a row a neighbour") {
  const trainer::Retrieval retrieval{"raw pixels", {{{1, 0.5F}, {0, -0.25F}}}};
  CHECK(trainer::retrieval_csv({0}, {retrieval}, {3, 5}, {5}) ==
        "representation,query,label,rank,neighbour,neighbour_label,similarity\n"
        "raw pixels,0,5,1,1,5,0.5\n"
        "raw pixels,0,5,2,0,3,-0.25\n");
}

TEST_CASE("images.bin is as its header says, and holds each image once") {
  const Pictures pictures;
  const trainer::Retrieval retrieval{"raw pixels", {{{1, 0.5F}, {0, -0.25F}}}};
  const std::string file =
      trainer::images_file({0}, {retrieval, retrieval}, pictures.train, pictures.test);
  std::string expected = "selfsimg";
  const auto add = [&expected](const std::vector<int>& numbers, int bytes) {
    for (const int number : numbers) {
      for (int i = 0; i < bytes; ++i) expected += static_cast<char>(i == 0 ? number : 0);
    }
  };
  add({1, 2, 1, 2, 3}, 4);  // version; channels, rows, columns; images
  add({0, 0}, 4);
  add({0, 128, 255, 51}, 1);
  add({0, 1}, 4);
  add({0, 255, 64, 191}, 1);  // what the noise takes out of 0 … 1 is cut off
  add({1, 0}, 4);
  add({255, 255, 255, 255}, 1);
  REQUIRE(file.size() == expected.size() + 4);
  CHECK(file.substr(0, expected.size()) == expected);
  const auto crc = static_cast<std::uint32_t>(crc32(
      0, reinterpret_cast<const Bytef*>(expected.data()), static_cast<uInt>(expected.size())));
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(static_cast<std::uint8_t>(file[expected.size() + i]) == (crc >> 8 * i & 0xff));
  }
}
