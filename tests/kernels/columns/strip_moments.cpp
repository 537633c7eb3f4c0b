#include "selfsup/kernels/columns/strip_moments.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include "selfsup/core/check.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::kernels::CentredView;
using selfsup::kernels::StripMoments;
using selfsup::product::PaddedMatrix;
using selfsup::product::SmallGram;
using tests::Matrix;
namespace tolerance = tests::tolerance;

template <class T>
struct Branch {
  CentredView<T> centred;
  SmallGram<T> gram;
};

template <class T>
struct Found {
  typename StripMoments<T>::Sums sums{0, 0};
  Branch<T> branches[2];
  PaddedMatrix<T> difference;

  std::vector<T> entries(std::size_t views) const {
    std::vector<T> all;
    const auto append = [&](const PaddedMatrix<T>& rows) {
      const Matrix<T> matrix = tests::unpadded(rows);
      all.insert(all.end(), matrix.entries().begin(), matrix.entries().end());
    };
    for (std::size_t v = 0; v < views; ++v) {
      append(branches[v].centred.rows);
      append(branches[v].gram.matrix());
    }
    append(difference);
    return all;
  }
};

// One view, or two and their difference.
template <class T>
void run(const std::vector<Matrix<T>>& z, bool in_samples, Found<T>& found) {
  StripMoments<T> moments;
  const auto strips = [&](std::initializer_list<typename StripMoments<T>::View> views,
                          PaddedMatrix<T>* difference) {
    found.sums =
        in_samples ? moments.in_samples(views, difference) : moments.in_features(views, difference);
  };
  Branch<T>&a = found.branches[0], &b = found.branches[1];
  if (z.size() == 1) {
    strips({{z[0], a.centred, a.gram}}, nullptr);
  } else {
    strips({{z[0], a.centred, a.gram}, {z[1], b.centred, b.gram}}, &found.difference);
    b.gram.finish(true);
  }
  a.gram.finish(true);
}

// The columns against exact ones; their squares and products against those of what was found.
template <class T>
double check_branch(const Branch<T>& branch, const Matrix<T>& z, bool in_samples) {
  const std::size_t N = z.rows(), D = z.cols();
  const auto exact = tests::centred(z);
  const auto zc = tests::cast<double>(tests::unpadded(branch.centred.rows));
  // Entries about their middle one are below 2; the mean adds rows in the type.
  const double allowed = 2 * tolerance::operations<T>(selfsup::kernels::rows_in_type);
  double error = 0, excess = 0, total = 0;
  for (std::size_t j = 0; j < D; ++j) {
    double squares = 0;
    for (std::size_t n = 0; n < N; ++n) {
      error = tests::worse(error, std::abs(zc(n, j) - static_cast<double>(exact(n, j))));
      squares += zc(n, j) * zc(n, j);
    }
    total += squares;
    excess = tests::worse(excess,
                          std::abs(branch.centred.squares.data()[j] - squares) - allowed * squares);
  }
  CHECK(error <= allowed);
  CHECK(excess <= 0);
  const std::size_t edge = in_samples ? N : D, terms = in_samples ? D : N;
  for (std::size_t i = 0; i < edge; ++i) {
    for (std::size_t j = 0; j < edge; ++j) {
      double sum = 0, magnitude = 0;
      for (std::size_t k = 0; k < terms; ++k) {
        const double term = in_samples ? zc(i, k) * zc(j, k) : zc(k, i) * zc(k, j);
        sum += term;
        magnitude += std::abs(term);
      }
      excess =
          tests::worse(excess, std::abs(static_cast<double>(branch.gram.matrix().row(i)[j]) - sum) -
                                   tolerance::operations<T>(terms) * magnitude);
    }
  }
  CHECK(branch.gram.matrix().rows() == edge);
  CHECK(excess <= 0);
  return total;
}

}  // namespace

TEMPLATE_TEST_CASE("views are centred and multiplied by strips of rows and of columns", "", float,
                   double) {
  using T = TestType;
  const std::size_t strip = selfsup::kernels::strip_length<T>;
  for (const std::size_t edge : {2u, 15u, 16u, 17u, 33u}) {
    for (const std::size_t length : {std::size_t{3}, strip - 1, strip, strip + 1, 3 * strip + 5}) {
      for (const bool in_samples : {true, false}) {
        const std::size_t N = in_samples ? edge : length, D = in_samples ? length : edge;
        INFO(N << "x" << D << (in_samples ? ", samples" : ", features"));
        const std::vector<Matrix<T>> z = {tests::offset_matrix<T>(N, D, 1e4),
                                          tests::cast<T>(tests::random_matrix(N, D, 9))};
        Found<T> one, two;
        run({z[0]}, in_samples, one);
        run(z, in_samples, two);
        CHECK(one.entries(1) == [&] {
          auto first = two.entries(2);
          first.resize(one.entries(1).size());
          return first;
        }());
        const double squares = check_branch(two.branches[0], z[0], in_samples) +
                               check_branch(two.branches[1], z[1], in_samples);
        CHECK(std::abs(two.sums.squares - squares) <=
              tolerance::operations<T>(2 * selfsup::kernels::rows_in_type) * squares);
        double distance = 0;
        bool exact = true;
        for (std::size_t n = 0; n < N; ++n) {
          for (std::size_t j = 0; j < D; ++j) {
            const T x = z[0](n, j) - z[1](n, j);
            exact = exact && two.difference.row(n)[j] == x;
            distance += static_cast<double>(x) * static_cast<double>(x);
          }
        }
        CHECK(exact);
        CHECK(std::abs(two.sums.difference - distance) <= tolerance::operations<T>(16) * distance);
        CHECK(tests::same_on_any_threads([&] {
          Found<T> found;
          run(z, in_samples, found);
          return found.entries(2);
        }));
      }
    }
  }
}

TEMPLATE_TEST_CASE("constant columns become exactly 0 by strips", "", float, double) {
  using T = TestType;
  for (const bool in_samples : {true, false}) {
    Found<T> found;
    run<T>({Matrix<T>(150, 17, T(0.1))}, in_samples, found);
    CHECK(found.sums.squares == 0);
    const auto entries = found.entries(1);
    CHECK(entries == std::vector<T>(entries.size(), 0));
  }
}

TEMPLATE_TEST_CASE("the check value of strips that are not finite is not", "", float, double) {
  using T = TestType;
  for (const bool in_samples : {true, false}) {
    for (const std::size_t n : {0u, 2u, 4u}) {
      for (const std::size_t j : {0u, 15u, 16u}) {
        std::vector<Matrix<T>> z(2, tests::offset_matrix<T>(5, 17, 0));
        z[n % 4 / 2](n, j) = std::numeric_limits<T>::infinity();
        Found<T> found;
        run(z, in_samples, found);
        CHECK(!selfsup::is_finite(found.sums.squares));
      }
    }
  }
}
