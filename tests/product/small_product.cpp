#include "selfsup/product/small_product.hpp"

#include "catch.hpp"
#include "matrix.hpp"
#include "tolerances.hpp"

#include "selfsup/product/small_gram.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace {

using selfsup::Chunks;
using selfsup::product::LeftByCols;
using selfsup::product::PaddedMatrix;
using selfsup::product::Right;
using selfsup::product::SmallGram;
using selfsup::product::SmallProduct;

template <class T>
PaddedMatrix<T> random(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  const auto from = tests::cast<T>(tests::random_matrix(rows, cols, seed));
  PaddedMatrix<T> x;
  x.reshape(rows, cols);
  for (std::size_t n = 0; n < rows; ++n)
    std::copy_n(from.entries().data() + n * cols, cols, x.row(n));
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("a small product by strips is the product, whatever the strips", "", float,
                   double) {
  using T = TestType;
  SmallProduct<T> product;  // one for all sizes
  for (const auto& [rows, cols] : {std::pair{1u, 1u}, std::pair{17u, 5u}, {33u, 131u}, {16u, 2u}}) {
    for (const std::size_t length : {1u, 7u, 64u, 333u}) {
      const auto x = random<T>(length, rows, 1), y = random<T>(length, cols, 2);
      for (const std::size_t strip : {5u, 64u, 400u}) {
        INFO(length << " rows, " << rows << "x" << cols << ", strips of " << strip);
        const Chunks strips{length, strip};
        const Chunks chunks = SmallGram<T>::chunks(strips.count());
        product.begin(rows, cols, chunks.count());
        for (std::size_t s = 0; s < strips.count(); ++s) {
          const std::size_t first = strips.first(s);
          product.add(s / chunks.size, LeftByCols<T>{x.row(first), x.stride()},
                      Right<T>{y.row(first), y.stride()}, strips.length(s), s % chunks.size == 0);
        }
        const PaddedMatrix<T>& found = product.finish();
        double error = 0;
        for (std::size_t i = 0; i < rows; ++i) {
          for (std::size_t j = 0; j < cols; ++j) {
            double sum = 0;
            for (std::size_t n = 0; n < length; ++n)
              sum += static_cast<double>(x.row(n)[i]) * static_cast<double>(y.row(n)[j]);
            error = std::max(error, std::abs(sum - static_cast<double>(found.row(i)[j])));
          }
        }
        // A sum of `length` products of size about 1 rounds as often.
        CHECK(error <= tests::tolerance::operations<T>(length) * static_cast<double>(length));
      }
    }
  }
}
