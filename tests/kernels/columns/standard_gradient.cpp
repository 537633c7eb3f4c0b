#include "selfsup/kernels/columns/standard_gradient.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace {

using selfsup::skip;
using selfsup::kernels::GradientProduct;
using selfsup::kernels::StandardGradient;
using selfsup::kernels::StandardPair;
using selfsup::kernels::StandardView;
using selfsup::product::PaddedMatrix;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace tolerance = tests::tolerance;

template <class T>
using Form = typename GradientProduct<T>::Form;

constexpr double gap_weight = -0.3, dot_weight = 0.02, product_weight = 0.4, weight = 1.5;

// A product of one view's gradient, and P itself.
template <class T>
struct Product {
  PaddedMatrix<T> matrix;
  Matrix<double> p;
  std::vector<double> along;
  GradientProduct<T> product;

  Product(Form<T> form, const StandardView<T>& own, const StandardView<T>& other,
          std::uint64_t seed)
      : p(own.rows.rows(), own.rows.cols()), along(own.rows.cols()) {
    const std::size_t N = p.rows(), D = p.cols();
    const std::size_t rows = form == Form<T>::of_features ? D : N;
    const std::size_t cols = form == Form<T>::of_samples ? N : D;
    const auto entries = tests::cast<T>(tests::random_matrix(rows, cols, seed));
    matrix = tests::padded(entries);
    for (std::size_t n = 0; n < N; ++n) {
      for (std::size_t j = 0; j < D; ++j) {
        if (form == Form<T>::whole) p(n, j) = static_cast<double>(entries(n, j));
        for (std::size_t m = 0; m < N && form == Form<T>::of_samples; ++m)
          p(n, j) += static_cast<double>(entries(n, m) * own.rows.row(m)[j]);
        for (std::size_t i = 0; i < D && form == Form<T>::of_features; ++i)
          p(n, j) += static_cast<double>(other.rows.row(n)[i] * entries(i, j));
        along[j] += p(n, j) * static_cast<double>(own.rows.row(n)[j]);
      }
    }
    product = {form, form == Form<T>::none ? nullptr : &matrix,
               form == Form<T>::of_features ? along.data() : nullptr};
  }
};

// dz_j = (dẑ_j − ẑ_j·mean(dẑ_j∘ẑ_j))/σ_j of dẑ = P + other·diag(f), in double.
template <class T>
Matrix<double> expected(const StandardPair<T>& pair, const StandardView<T>& own,
                        const StandardView<T>& other, const Matrix<double>& p) {
  const std::size_t N = p.rows(), D = p.cols();
  Matrix<double> d(N, D);
  for (std::size_t j = 0; j < D; ++j) {
    const double factor = gap_weight * pair.gaps()[j] + dot_weight * pair.dots()[j];
    double mean = 0;
    for (std::size_t n = 0; n < N; ++n) {
      d(n, j) = product_weight * p(n, j) + factor * static_cast<double>(other.rows.row(n)[j]);
      mean += d(n, j) * static_cast<double>(own.rows.row(n)[j]) / static_cast<double>(N);
    }
    for (std::size_t n = 0; n < N; ++n)
      d(n, j) = weight * own.inverse.data()[j] *
                (d(n, j) - mean * static_cast<double>(own.rows.row(n)[j]));
  }
  return d;
}

template <class T>
void write_both(const StandardPair<T>& pair, const GradientProduct<T>& of_a,
                const GradientProduct<T>& of_b, selfsup::MutView<T> d_a, selfsup::MutView<T> d_b) {
  StandardGradient<T> gradient;
  gradient.reserve(pair.a().rows.rows(), pair.a().rows.cols(), of_a);
  gradient.set_factors(pair, gap_weight, dot_weight);
  gradient.write({pair.a(), pair.b(), pair.dots(), of_a, product_weight, d_a},
                 {pair.b(), pair.a(), pair.dots(), of_b, product_weight, d_b}, weight);
}

}  // namespace

TEMPLATE_TEST_CASE("gradients of both views have every form of product, in every layout", "", float,
                   double) {
  using T = TestType;
  for (const auto& [N, D] : {std::pair{5u, 1u},
                             {5u, 2u},
                             {16u, 15u},
                             {7u, 16u},
                             {33u, 17u},
                             {15u, 33u},
                             {70u, 3u},
                             {9u, 150u},
                             {150u, 17u}}) {
    const auto views = tests::cast<T>(tests::random_views(N, D, 1));
    StandardPair<T> pair;
    pair.forward(views[0], views[1], 1e-3);
    for (const auto form :
         {Form<T>::none, Form<T>::whole, Form<T>::of_samples, Form<T>::of_features}) {
      const Product<T> of_a(form, pair.a(), pair.b(), 1), of_b(form, pair.b(), pair.a(), 2);
      const auto right_a = expected(pair, pair.a(), pair.b(), of_a.p);
      const auto right_b = expected(pair, pair.b(), pair.a(), of_b.p);
      for (const Layout layout : tests::layouts) {
        INFO(N << "x" << D << ", form " << static_cast<int>(form) << ", " << tests::name(layout));
        const Matrix<T> nothing(N, D, std::numeric_limits<T>::quiet_NaN());
        Stored<T> d_a(nothing, layout), d_b(nothing, layout), alone(nothing, layout);
        write_both<T>(pair, of_a.product, of_b.product, d_a, d_b);
        CHECK(tests::entry_error(d_a.matrix(), right_a) <= tests::entry_allowed<T>(N + D));
        CHECK(tests::entry_error(d_b.matrix(), right_b) <= tests::entry_allowed<T>(N + D));
        write_both<T>(pair, of_a.product, of_b.product, skip, alone);
        CHECK(alone.matrix().entries() == d_b.matrix().entries());
        write_both<T>(pair, of_a.product, of_b.product, alone, skip);
        CHECK(alone.matrix().entries() == d_a.matrix().entries());
        CHECK(d_a.surroundings_untouched());
        CHECK(d_b.surroundings_untouched());
      }
    }
  }
}

// f_j = −(1 − c_j) and s_j are the slopes of N/2·Σ(1 − c_j)² and ½·Σ s_j² by ẑ.
TEST_CASE("the gradients of gaps and dots are those of differences") {
  constexpr std::size_t N = 6, D = 9;
  const auto z = tests::random_views(N, D, 1);
  StandardPair<double> pair;
  const auto value = [&](const Matrix<double>& a, const Matrix<double>& b) {
    pair.forward(a, b, 0.1);
    double sum = -gap_weight * static_cast<double>(N) / 2 * pair.squared_gaps();
    for (std::size_t j = 0; j < D; ++j) sum += dot_weight / 2 * std::pow(pair.dots()[j], 2);
    return weight * sum;
  };
  const auto right_a = tests::differences([&](const auto& x) { return value(x, z[1]); }, z[0]);
  const auto right_b = tests::differences([&](const auto& x) { return value(z[0], x); }, z[1]);
  value(z[0], z[1]);
  Matrix<double> d_a(N, D), d_b(N, D);
  write_both<double>(pair, {}, {}, d_a, d_b);
  CHECK(tests::entry_error(d_a, right_a) <= tolerance::difference);
  CHECK(tests::entry_error(d_b, right_b) <= tolerance::difference);
}

TEST_CASE("gradients of standardised views are the same bits on any number of threads") {
  const auto views = tests::cast<float>(tests::random_views(150, 300, 1));
  StandardPair<float> pair;
  pair.forward(views[0], views[1], 1e-3);
  for (const auto form :
       {Form<float>::none, Form<float>::whole, Form<float>::of_samples, Form<float>::of_features}) {
    const Product<float> of_a(form, pair.a(), pair.b(), 1), of_b(form, pair.b(), pair.a(), 2);
    CHECK(tests::same_on_any_threads([&] {
      Matrix<float> d_a(150, 300), d_b(150, 300);
      write_both<float>(pair, of_a.product, of_b.product, d_a, d_b);
      return std::pair{d_a.entries(), d_b.entries()};
    }));
  }
}
