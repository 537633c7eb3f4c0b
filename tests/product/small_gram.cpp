#include "selfsup/product/small_gram.hpp"

#include "catch.hpp"
#include "matrix.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace {

using selfsup::Chunks;
using selfsup::product::PaddedMatrix;
using selfsup::product::SmallGram;

// XᵀX by strips of `strip` rows.
template <class T>
double add_strips(const PaddedMatrix<T>& x, std::size_t strip, bool with_diagonal,
                  SmallGram<T>& gram) {
  const Chunks strips{x.rows(), strip};
  const Chunks chunks = SmallGram<T>::chunks(strips.count());
  gram.begin(x.cols(), chunks.count());
  for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) {
    for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
      const std::size_t s = chunks.first(chunk) + i;
      gram.add(chunk, x.row(strips.first(s)), x.stride(), strips.length(s), i == 0);
    }
  }
  return gram.finish(with_diagonal);
}

}  // namespace

TEMPLATE_TEST_CASE("a Gram matrix by strips is the product, whatever the strips", "", float,
                   double) {
  using T = TestType;
  for (const std::size_t edge : {1u, 2u, 15u, 16u, 17u, 33u, 50u, 131u}) {
    for (const std::size_t rows : {1u, 7u, 64u, 333u}) {
      const auto batch = tests::cast<T>(tests::random_matrix(rows, edge, edge + rows));
      PaddedMatrix<T> x;
      x.reshape(rows, edge);
      for (std::size_t n = 0; n < rows; ++n)
        std::copy_n(batch.entries().data() + n * edge, edge, x.row(n));
      for (const std::size_t strip : {5u, 64u, 400u}) {
        for (const bool with_diagonal : {true, false}) {
          INFO(rows << "x" << edge << ", strips of " << strip << ", diagonal " << with_diagonal);
          SmallGram<T> gram;
          const double found = add_strips(x, strip, with_diagonal, gram);
          double squares = 0, error = 0;
          for (std::size_t i = 0; i < edge; ++i) {
            for (std::size_t j = 0; j < edge; ++j) {
              double sum = 0;
              for (std::size_t n = 0; n < rows && (i != j || with_diagonal); ++n)
                sum += static_cast<double>(x.row(n)[i]) * static_cast<double>(x.row(n)[j]);
              squares += sum * sum;
              error = std::max(error, std::abs(sum - static_cast<double>(gram.matrix().row(i)[j])));
            }
          }
          // Each of the sums of `rows` products of size about 1 rounds `rows` times.
          const double tolerance = tests::tolerance::operations<T>(rows);
          CHECK(error <= tolerance * static_cast<double>(rows));
          CHECK(std::abs(found - squares) <=
                (2 * tolerance + tests::tolerance::rounding(edge * edge)) * squares);
        }
      }
    }
  }
}
