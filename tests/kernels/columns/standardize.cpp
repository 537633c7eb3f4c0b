#include "selfsup/kernels/columns/standardize.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include "selfsup/core/check.hpp"

#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::Chunks;
using selfsup::kernels::StandardPair;
using selfsup::kernels::StandardView;
using selfsup::product::SmallGram;
using tests::Matrix;
namespace kernels = selfsup::kernels;
namespace tolerance = tests::tolerance;

// Entries that are added in the type round once a row.
template <class T>
constexpr double of_run = tolerance::operations<T>(kernels::rows_in_type);

struct Standard {
  Matrix<long double> rows;
  std::vector<double> squares, inverse;
};

template <class T>
Standard expected(const Matrix<T>& z, double epsilon) {
  Standard standard{tests::centred(z), std::vector<double>(z.cols()),
                    std::vector<double>(z.cols())};
  for (std::size_t j = 0; j < z.cols(); ++j) {
    long double squares = 0;
    for (std::size_t n = 0; n < z.rows(); ++n) squares += standard.rows(n, j) * standard.rows(n, j);
    const long double sigma = std::sqrt(squares / static_cast<long double>(z.rows()) + epsilon);
    for (std::size_t n = 0; n < z.rows(); ++n) standard.rows(n, j) /= sigma;
    standard.squares[j] = static_cast<double>(squares);
    standard.inverse[j] = static_cast<double>(1 / sigma);
  }
  return standard;
}

// Everything a pair holds, in a row.
template <class T>
std::vector<double> numbers(const StandardPair<T>& pair) {
  std::vector<double> all;
  const std::size_t D = pair.a().rows.cols();
  for (const StandardView<T>* view : {&pair.a(), &pair.b()}) {
    const auto rows = tests::cast<double>(tests::unpadded(view->rows));
    all.insert(all.end(), rows.entries().begin(), rows.entries().end());
    all.insert(all.end(), view->squares.data(), view->squares.data() + D);
    all.insert(all.end(), view->inverse.data(), view->inverse.data() + D);
  }
  all.insert(all.end(), pair.dots(), pair.dots() + D);
  all.insert(all.end(), pair.gaps(), pair.gaps() + D);
  return all;
}

template <class T>
void check_view(const StandardView<T>& found, const Matrix<T>& z, double epsilon) {
  const Standard right = expected(z, epsilon);
  double error = 0, of_squares = 0, of_inverse = 0;
  for (std::size_t j = 0; j < z.cols(); ++j) {
    of_squares = tests::worse(of_squares, std::abs(found.squares.data()[j] / right.squares[j] - 1));
    of_inverse = tests::worse(of_inverse, std::abs(found.inverse.data()[j] / right.inverse[j] - 1));
    for (std::size_t n = 0; n < z.rows(); ++n)
      error = tests::worse(error,
                           static_cast<double>(std::abs(found.rows.row(n)[j] - right.rows(n, j))));
  }
  CHECK(of_squares <= 2 * of_run<T>);
  CHECK(of_inverse <= of_run<T>);
  CHECK(error <= 8 * of_run<T>);  // entries are up to 4 deviations from their middle one
}

}  // namespace

TEMPLATE_TEST_CASE("columns of both views have mean 0 and variance 1, whatever their offset", "",
                   float, double) {
  using T = TestType;
  for (const std::size_t N : {5u, 16u, 64u, 65u, 130u}) {
    for (const std::size_t D : {1u, 2u, 15u, 16u, 17u, 33u, 300u}) {
      for (const double offset : {0.0, 1e4}) {
        INFO(N << "x" << D << " about " << offset);
        const auto a = tests::offset_matrix<T>(N, D, offset);
        const auto b = tests::cast<T>(tests::random_matrix(N, D, 9));
        StandardPair<T> pair;
        const double check = pair.forward(a, b, 1e-3);
        check_view(pair.a(), a, 1e-3);
        check_view(pair.b(), b, 1e-3);
        double squares = 0, squared_gaps = 0, error = 0;
        for (std::size_t j = 0; j < D; ++j) {
          squares += pair.a().squares.data()[j] + pair.b().squares.data()[j];
          squared_gaps += std::pow(pair.gaps()[j], 2);
          double dot = 0;
          for (std::size_t n = 0; n < N; ++n)
            dot += static_cast<double>(pair.a().rows.row(n)[j]) *
                   static_cast<double>(pair.b().rows.row(n)[j]);
          error = tests::worse(error, std::abs(pair.dots()[j] - dot) / static_cast<double>(N));
          error = tests::worse(error, std::abs(pair.gaps()[j] - 1 + dot / static_cast<double>(N)));
        }
        CHECK(error <= of_run<T>);
        CHECK(std::abs(check / squares - 1) <= tolerance::rounding(D));
        CHECK(std::abs(pair.squared_gaps() / squared_gaps - 1) <= tolerance::rounding(D));
      }
    }
  }
}

// 1 − s/N of these would be off by a fifth in float.
TEMPLATE_TEST_CASE("gaps keep their digits where the views agree", "", float, double) {
  using T = TestType;
  constexpr std::size_t N = 65, D = 17;
  const auto views = tests::random_views(N, D, 1, 2, 1e-3);
  const auto a = tests::cast<T>(views[0]), b = tests::cast<T>(views[1]);
  for (const double epsilon : {0.0, 1e-9}) {
    StandardPair<T> pair;
    pair.forward(a, b, epsilon);
    const Standard right_a = expected(a, epsilon), right_b = expected(b, epsilon);
    for (std::size_t j = 0; j < D; ++j) {
      long double c = 0;
      for (std::size_t n = 0; n < N; ++n) c += right_a.rows(n, j) * right_b.rows(n, j) / N;
      // Rows round beside 1, their difference is down to 1e-4 of that.
      CHECK(std::abs(pair.gaps()[j] / static_cast<double>(1 - c) - 1) <=
            1e4 * tolerance::operations<T>(8));
    }
  }
}

TEMPLATE_TEST_CASE("equal views have no gap", "", float, double) {
  using T = TestType;
  const auto z = tests::offset_matrix<T>(65, 17, 1e4);
  StandardPair<T> pair;
  pair.forward(z, z, 0);
  CHECK(pair.squared_gaps() == 0);
}

TEMPLATE_TEST_CASE("strips of columns give the same bits as runs of rows, each when it is there",
                   "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 17u, 33u, 130u, 300u, 700u}) {
    INFO("D = " << D);
    const auto a = tests::offset_matrix<T>(70, D, 1e4), b = tests::offset_matrix<T>(70, D, 1);
    StandardPair<T> by_runs;
    const double check = by_runs.forward(a, b, 1e-3);
    const Chunks strips = kernels::standard_strips<T>(D);
    CHECK(strips.total == D);
    CHECK(strips.size <= kernels::strip_length<T>);
    const Chunks chunks = SmallGram<T>::chunks(strips.count());
    StandardPair<T> by_strips;
    std::vector<std::atomic<int>> seen(D), begun(chunks.count());
    std::atomic<bool> there{true};
    const double same = by_strips.forward(
        a, b, 1e-3,
        [&](std::size_t chunk, bool first_of_chunk, std::size_t first, std::size_t width) {
          begun[chunk] += first_of_chunk ? 1 : 0;
          for (std::size_t j = first; j < first + width; ++j) {
            ++seen[j];
            if (by_strips.a().rows.row(69)[j] != by_runs.a().rows.row(69)[j] ||
                by_strips.gaps()[j] != by_runs.gaps()[j])
              there = false;
          }
        });
    CHECK(there);
    for (const auto& times : seen) CHECK(times == 1);
    for (const auto& times : begun) CHECK(times == 1);
    CHECK(same == check);
    CHECK(numbers(by_strips) == numbers(by_runs));
  }
}

TEST_CASE("standardised views are the same bits on any number of threads") {
  const auto a = tests::offset_matrix<float>(300, 330, 1e4);
  const auto b = tests::offset_matrix<float>(300, 330, 1);
  const auto nothing = [](std::size_t, bool, std::size_t, std::size_t) {};
  CHECK(tests::same_on_any_threads([&] {
    StandardPair<float> pair;
    pair.forward(a, b, 1e-3);
    return numbers(pair);
  }));
  CHECK(tests::same_on_any_threads([&] {
    StandardPair<float> pair;
    pair.forward(a, b, 1e-3, nothing);
    return numbers(pair);
  }));
}

TEST_CASE("a column without variance is named") {
  auto a = tests::cast<float>(tests::random_matrix(5, 17, 1));
  const auto b = a;
  for (std::size_t n = 0; n < 5; ++n) a(n, 16) = 0.1f;
  const auto message = [](const Matrix<float>& z_a, const Matrix<float>& z_b) {
    StandardPair<float> pair;
    pair.forward(z_a, z_b, 0);
    return tests::message<selfsup::NonFiniteError>([&] { pair.require_variance("X::forward"); });
  };
  const std::string end = " has no variance in float, which epsilon 0 would divide by";
  CHECK(message(a, b) == "X::forward: column 16 of z_a" + end);
  CHECK(message(b, a) == "X::forward: column 16 of z_b" + end);
  CHECK(message(b, b) == "nothing thrown");
}

TEMPLATE_TEST_CASE("views that are not finite have no finite check value", "", float, double) {
  using T = TestType;
  for (std::size_t i = 0; i < 5 * 17; ++i) {
    std::vector<Matrix<T>> z(2, tests::offset_matrix<T>(5, 17, 0));
    z[i % 2].entries()[i] = std::numeric_limits<T>::quiet_NaN();
    StandardPair<T> pair;
    CHECK(!selfsup::is_finite(pair.forward(z[0], z[1], 1e-3)));
    const auto nothing = [](std::size_t, bool, std::size_t, std::size_t) {};
    CHECK(!selfsup::is_finite(pair.forward(z[0], z[1], 1e-3, nothing)));
  }
}
