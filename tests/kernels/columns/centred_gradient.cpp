#include "selfsup/kernels/columns/centred_gradient.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::kernels::CentredGradient;
using selfsup::kernels::CentredView;
using selfsup::kernels::VarianceHinge;
using selfsup::product::PaddedMatrix;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace tolerance = tests::tolerance;

// The parts of a gradient, entry by entry, and what bounds their rounding.
struct Expected {
  Matrix<double> sums, magnitudes;

  Expected(std::size_t N, std::size_t D) : sums(N, D), magnitudes(N, D) {}
  void add(std::size_t n, std::size_t j, double term) {
    sums(n, j) += term;
    magnitudes(n, j) += std::abs(term);
  }
};

template <class T>
void check(const Stored<T>& out, const Expected& expected, std::size_t operations) {
  const Matrix<T> found = out.matrix();
  double excess = 0;
  for (std::size_t i = 0; i < found.entries().size(); ++i) {
    const double error =
        std::abs(static_cast<double>(found.entries()[i]) - expected.sums.entries()[i]);
    excess = tests::worse(
        excess, error - tolerance::operations<T>(operations) * expected.magnitudes.entries()[i]);
  }
  CHECK(excess <= 0);
  CHECK(out.surroundings_untouched());
}

template <class T>
Stored<T> output(std::size_t N, std::size_t D, Layout layout) {
  return {Matrix<T>(N, D, std::numeric_limits<T>::quiet_NaN()), layout};
}

std::vector<double> some_numbers(std::size_t D) { return tests::random_matrix(1, D, 5).entries(); }

}  // namespace

TEMPLATE_TEST_CASE("a gradient is the sum of its parts, in every layout", "", float, double) {
  using T = TestType;
  constexpr std::size_t N = 5;
  for (const std::size_t D : {1u, 2u, 15u, 16u, 17u, 33u, 300u}) {
    const auto zc = tests::cast<T>(tests::random_matrix(N, D, 1));
    const auto difference = tests::cast<T>(tests::random_matrix(N, D, 2));
    const auto product = tests::cast<T>(tests::random_matrix(N, D, 3));
    const auto own = tests::centred_view(zc);
    const auto own_difference = tests::padded(difference), own_product = tests::padded(product);
    const auto numbers = some_numbers(D);
    for (const Layout layout : tests::layouts) {
      for (const bool with_difference : {true, false}) {
        for (const bool with_product : {true, false}) {
          INFO(tests::name(layout) << ", D = " << D << ", difference " << with_difference
                                   << ", product " << with_product);
          Expected expected(N, D);
          for (std::size_t n = 0; n < N; ++n) {
            for (std::size_t j = 0; j < D; ++j) {
              expected.add(n, j, 0.7 * numbers[j] * static_cast<double>(zc(n, j)));
              if (with_difference) expected.add(n, j, -0.4 * static_cast<double>(difference(n, j)));
              if (with_product) expected.add(n, j, 0.3 * static_cast<double>(product(n, j)));
            }
          }
          auto out = output<T>(N, D, layout);
          CentredGradient<T> gradient;
          gradient.reserve(N, D, {out});
          gradient.clear_factors(D);
          gradient.add(numbers.data(), 0.7, D);
          gradient.write({own, with_difference ? &own_difference : nullptr, -0.4, 0.3},
                         with_product ? &own_product : nullptr, out);
          check(out, expected, 6);
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("a product with a Gram matrix enters the gradient, in every layout", "", float,
                   double) {
  using T = TestType;
  for (const std::size_t edge : {1u, 2u, 15u, 16u, 17u, 33u}) {
    for (const std::size_t length : {2u, 17u, 300u}) {
      for (const bool in_samples : {true, false}) {
        const std::size_t N = in_samples ? edge : length, D = in_samples ? length : edge;
        const auto zc = tests::cast<T>(tests::random_matrix(N, D, 1));
        const auto difference = tests::cast<T>(tests::random_matrix(N, D, 2));
        const auto gram = tests::cast<T>(tests::random_matrix(edge, edge, 3));
        const auto numbers = some_numbers(D);
        Expected expected(N, D);
        for (std::size_t n = 0; n < N; ++n) {
          for (std::size_t j = 0; j < D; ++j) {
            const auto zc_nj = static_cast<double>(zc(n, j));
            expected.add(n, j, 0.7 * numbers[j] * zc_nj);
            expected.add(n, j, -0.4 * static_cast<double>(difference(n, j)));
            for (std::size_t k = 0; k < edge; ++k) {
              const T term = in_samples ? gram(n, k) * zc(k, j) : zc(n, k) * gram(k, j);
              expected.add(n, j, 0.3 * static_cast<double>(term));
            }
          }
        }
        const auto own = tests::centred_view(zc);
        const auto own_difference = tests::padded(difference), own_gram = tests::padded(gram);
        const auto write = [&](Stored<T> out) {
          CentredGradient<T> gradient;
          gradient.clear_factors(D);
          gradient.add(numbers.data(), 0.7, D);
          gradient.write_with_gram({own, &own_difference, -0.4, 0.3}, own_gram, in_samples, out);
          return out;
        };
        for (const Layout layout : tests::layouts) {
          INFO(N << "x" << D << (in_samples ? ", samples, " : ", features, ")
                 << tests::name(layout));
          check(write(output<T>(N, D, layout)), expected, edge + 6);
        }
        CHECK(tests::same_on_any_threads(
            [&] { return write(output<T>(N, D, Layout::row_major)).matrix().entries(); }));
      }
    }
  }
}

TEST_CASE("the diagonal and the hinge change the factors of the columns") {
  constexpr std::size_t N = 5, D = 17;
  const auto zc = tests::random_matrix(N, D, 1);
  const CentredView<double> own = tests::centred_view(zc);
  const VarianceHinge hinge{N, D, 0.6, 1e-4};
  std::vector<double> factors(D);
  hinge.add_gradient(own.squares.data(), 3, factors.data());
  Expected expected(N, D);
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t j = 0; j < D; ++j) {
      expected.add(n, j, factors[j] * zc(n, j));
      expected.add(n, j, -0.25 * own.squares.data()[j] * zc(n, j));
    }
  }
  CHECK(factors != std::vector<double>(D));
  auto out = output<double>(N, D, Layout::row_major);
  CentredGradient<double> gradient;
  gradient.clear_factors(D);
  gradient.add(factors.data(), 100, D);
  gradient.clear_factors(D);
  gradient.add(hinge, own, 3);
  gradient.subtract_diagonal(own, 0.25);
  gradient.write({own, nullptr, 0, 0}, nullptr, out);
  check(out, expected, 6);
}
