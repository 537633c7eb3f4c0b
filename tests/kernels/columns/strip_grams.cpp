#include "selfsup/kernels/columns/strip_grams.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

namespace {

using selfsup::Chunks;
using selfsup::product::PaddedMatrix;
using selfsup::product::SmallGram;
using tests::Matrix;
namespace kernels = selfsup::kernels;
namespace tolerance = tests::tolerance;

template <class T>
struct View {
  const PaddedMatrix<T>& x;
  SmallGram<T>& gram;

  const PaddedMatrix<T>& rows() const { return x; }
};

// XᵀX of both, or XXᵀ, by strips.
template <class T>
std::vector<Matrix<T>> grams(const std::vector<Matrix<T>>& x, std::size_t strip, bool of_columns) {
  const PaddedMatrix<T> padded[] = {tests::padded(x[0]), tests::padded(x[1])};
  SmallGram<T> gram[2];
  const Chunks strips{of_columns ? x[0].cols() : x[0].rows(), strip};
  const Chunks chunks = SmallGram<T>::chunks(strips.count());
  for (SmallGram<T>& one : gram) one.begin(of_columns ? x[0].rows() : x[0].cols(), chunks.count());
  const std::initializer_list<View<T>> views = {{padded[0], gram[0]}, {padded[1], gram[1]}};
  if (of_columns) {
    PaddedMatrix<T> transposed;
    kernels::reserve_strips_of_columns(views, strips, chunks, transposed);
    kernels::add_strips_of_columns(views, strips, chunks, transposed);
  } else {
    kernels::add_strips_of_rows(views, strips, chunks);
  }
  for (SmallGram<T>& one : gram) one.finish(true);
  return {tests::unpadded(gram[0].matrix()), tests::unpadded(gram[1].matrix())};
}

// (N, D)(N, D)ᵀ, and the same of what bounds the rounding.
template <class T>
void check_gram(const Matrix<T>& found, const Matrix<T>& x, bool of_columns) {
  const std::size_t edge = of_columns ? x.rows() : x.cols();
  const std::size_t terms = of_columns ? x.cols() : x.rows();
  const auto at = [&](std::size_t k, std::size_t i) {
    return static_cast<double>(of_columns ? x(i, k) : x(k, i));
  };
  double excess = 0;
  for (std::size_t i = 0; i < edge; ++i) {
    for (std::size_t j = 0; j < edge; ++j) {
      double sum = 0, magnitude = 0;
      for (std::size_t k = 0; k < terms; ++k) {
        sum += at(k, i) * at(k, j);
        magnitude += std::abs(at(k, i) * at(k, j));
      }
      const double error = std::abs(static_cast<double>(found(i, j)) - sum);
      excess = tests::worse(excess, error - tolerance::operations<T>(terms) * magnitude);
    }
  }
  CHECK(excess <= 0);
}

}  // namespace

TEMPLATE_TEST_CASE("Gram matrices of two views by strips are the products, on any threads", "",
                   float, double) {
  using T = TestType;
  for (const std::size_t edge : {1u, 2u, 15u, 16u, 17u, 33u, 70u}) {
    for (const std::size_t length : {1u, 20u, 129u}) {
      for (const bool of_columns : {true, false}) {
        const std::size_t N = of_columns ? edge : length, D = of_columns ? length : edge;
        const std::vector<Matrix<T>> x = {tests::cast<T>(tests::random_matrix(N, D, 1)),
                                          tests::cast<T>(tests::random_matrix(N, D, 2))};
        for (const std::size_t strip : {7u, 16u, 200u}) {
          INFO(N << "x" << D << ", strips of " << strip << (of_columns ? " columns" : " rows"));
          const auto found = grams(x, strip, of_columns);
          check_gram(found[0], x[0], of_columns);
          check_gram(found[1], x[1], of_columns);
          CHECK(tests::same_on_any_threads([&] {
            const auto both = grams(x, strip, of_columns);
            return std::vector{both[0].entries(), both[1].entries()};
          }));
        }
      }
    }
  }
}

TEST_CASE("strips come step by step where more threads than chunks can share them") {
  const Chunks single{3, 1}, pairs{6, 2};  // three chunks each
  const tests::Threads few(3);
  CHECK(!kernels::step_by_step(pairs));
  const tests::Threads more(4);
  CHECK(kernels::step_by_step(pairs));
  CHECK(!kernels::step_by_step(single));
}
