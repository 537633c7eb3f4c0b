#include "selfsup/kernels/columns/cross_correlation.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace {

using selfsup::CovarianceRoute;
using selfsup::kernels::CrossCorrelation;
using selfsup::kernels::GradientProduct;
using selfsup::kernels::StandardPair;
using selfsup::kernels::StandardView;
using selfsup::product::PaddedMatrix;
using tests::Matrix;

constexpr CovarianceRoute routes[] = {CovarianceRoute::automatic, CovarianceRoute::sample,
                                      CovarianceRoute::feature};
constexpr double epsilon = 1e-3;

// S = ÂᵀB̂ off the diagonal, and what sample space magnifies its rounding by.
struct Correlations {
  Matrix<double> s;
  double squares = 0;
  double magnified = 1;

  template <class T>
  explicit Correlations(const StandardPair<T>& pair)
      : s(pair.a().rows.cols(), pair.a().rows.cols()) {
    double diagonal = 0;
    for (std::size_t i = 0; i < s.rows(); ++i) {
      for (std::size_t j = 0; j < s.cols(); ++j) {
        for (std::size_t n = 0; n < pair.a().rows.rows(); ++n)
          s(i, j) += static_cast<double>(pair.a().rows.row(n)[i]) *
                     static_cast<double>(pair.b().rows.row(n)[j]);
        (i == j ? diagonal : squares) += s(i, j) * s(i, j);
      }
      s(i, i) = 0;
    }
    magnified += diagonal / squares;
  }
};

// ½ d/dẐ of one view: P, less the other view's columns times the diagonal in sample space.
template <class T>
Matrix<double> half_gradient(const StandardPair<T>& pair, const StandardView<T>& own,
                             const StandardView<T>& other, const GradientProduct<T>& product,
                             bool in_samples) {
  using Form = typename GradientProduct<T>::Form;
  const std::size_t N = own.rows.rows(), D = own.rows.cols();
  Matrix<double> d(N, D);
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t j = 0; j < D; ++j) {
      if (product.form == Form::whole) d(n, j) = static_cast<double>(product.matrix->row(n)[j]);
      for (std::size_t m = 0; m < N && product.form == Form::of_samples; ++m)
        d(n, j) += static_cast<double>(product.matrix->row(n)[m] * own.rows.row(m)[j]);
      for (std::size_t i = 0; i < D && product.form == Form::of_features; ++i)
        d(n, j) += static_cast<double>(other.rows.row(n)[i] * product.matrix->row(i)[j]);
      if (in_samples) d(n, j) -= static_cast<double>(other.rows.row(n)[j]) * pair.dots()[j];
    }
  }
  for (std::size_t j = 0; j < D && product.form == Form::of_features; ++j) {
    double along = 0;
    for (std::size_t n = 0; n < N; ++n) along += d(n, j) * static_cast<double>(own.rows.row(n)[j]);
    CHECK(std::abs(product.along[j] - along) <=
          tests::sum_allowed<T>(N + D) * static_cast<double>(N * N * D));
  }
  return d;
}

// B̂ offdiag(S)ᵀ, or Â offdiag(S).
template <class T>
Matrix<double> expected_half(const StandardView<T>& other, const Matrix<double>& s, bool of_a) {
  Matrix<double> d(other.rows.rows(), other.rows.cols());
  for (std::size_t n = 0; n < d.rows(); ++n)
    for (std::size_t j = 0; j < d.cols(); ++j)
      for (std::size_t i = 0; i < d.cols(); ++i)
        d(n, j) += static_cast<double>(other.rows.row(n)[i]) * (of_a ? s(j, i) : s(i, j));
  return d;
}

// As the loss calls them: strips while they are in cache, where the plan takes them.
template <class T>
double forward(const std::vector<Matrix<T>>& z, CovarianceRoute route, std::size_t memory_budget,
               StandardPair<T>& pair, CrossCorrelation<T>& correlation) {
  correlation.plan(z[0].rows(), z[0].cols(), route);
  if (correlation.takes_strips()) {
    pair.forward(z[0], z[1], epsilon,
                 [&](std::size_t chunk, bool begins, std::size_t first, std::size_t width) {
                   correlation.add_strip(pair, chunk, begins, first, width);
                 });
  } else {
    pair.forward(z[0], z[1], epsilon);
  }
  return correlation.forward(pair, memory_budget);
}

// Columns of a Hadamard matrix do not correlate; one more that is almost constant does a little,
// and those that are constant do not count.
template <class T>
void check_leaving(std::size_t D) {
  constexpr std::size_t N = 64;
  const T small = sizeof(T) == 4 ? T(0x1p-8) : T(0x1p-16);
  std::vector<Matrix<T>> z(2, Matrix<T>(N, D));
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t j = 0; j <= N; ++j) {
      const std::size_t column = j < N ? j : 5;
      T sign = 1;
      for (std::size_t bits = n & column; bits != 0; bits &= bits - 1) sign = -sign;
      z[0](n, j) = z[1](n, j) = j < N ? sign : sign * small;
    }
  }
  StandardPair<T> pair;
  CrossCorrelation<T> automatic, samples;
  forward(z, CovarianceRoute::sample, 0, pair, samples);
  CHECK(samples.in_samples());
  const double found = forward(z, CovarianceRoute::automatic, 0, pair, automatic);
  CHECK(!automatic.in_samples());
  const Correlations right(pair);
  // What is left is N equal terms, whose roundings do not cancel.
  CHECK(std::abs(found / right.squares - 1) <= tests::tolerance::operations<T>(N));
  automatic.reserve_backward(pair);
  automatic.backward(pair, true, true);
  const auto of_a = automatic.product_of_a(), of_b = automatic.product_of_b();
  CHECK(of_a.form == CrossCorrelation<T>::product_in_features(D).form);
  const auto d_a = half_gradient(pair, pair.a(), pair.b(), of_a, false);
  const auto d_b = half_gradient(pair, pair.b(), pair.a(), of_b, false);
  const double allowed = tests::entry_allowed<T>(N + D);
  CHECK(tests::entry_error(d_a, expected_half(pair.b(), right.s, true)) <= allowed);
  CHECK(tests::entry_error(d_b, expected_half(pair.a(), right.s, false)) <= allowed);
}

const std::pair<std::size_t, std::size_t> shapes[] = {
    {4, 2}, {16, 15}, {5, 17}, {17, 16}, {33, 33}, {9, 140}, {150, 9}, {5, 390}, {390, 5}};

}  // namespace

TEMPLATE_TEST_CASE("squared correlations by every route are the double sum", "", float, double) {
  using T = TestType;
  for (const auto& [N, D] : shapes) {
    const auto z = tests::cast<T>(tests::random_views(N, D, 1));
    for (const CovarianceRoute route : routes) {
      StandardPair<T> pair;
      CrossCorrelation<T> correlation;
      const double found = forward(z, route, 1 << 20, pair, correlation);
      const Correlations right(pair);
      INFO(N << "x" << D << ", route " << static_cast<int>(route));
      const double magnified = correlation.in_samples() ? right.magnified : 1;
      CHECK(std::abs(found / right.squares - 1) <= magnified * tests::sum_allowed<T>(N + D));
      correlation.reserve_backward(pair);
      correlation.backward(pair, true, true);
      const auto d_a = half_gradient(pair, pair.a(), pair.b(), correlation.product_of_a(),
                                     correlation.in_samples());
      const auto d_b = half_gradient(pair, pair.b(), pair.a(), correlation.product_of_b(),
                                     correlation.in_samples());
      const double allowed = magnified * tests::entry_allowed<T>(N + D);
      CHECK(tests::entry_error(d_a, expected_half(pair.b(), right.s, true)) <= allowed);
      CHECK(tests::entry_error(d_b, expected_half(pair.a(), right.s, false)) <= allowed);
    }
  }
}

TEST_CASE(
    "samples are multiplied where there are fewer than columns, unless it is told otherwise") {
  const auto in_samples = [](std::size_t N, std::size_t D, CovarianceRoute route) {
    CrossCorrelation<float> correlation;
    correlation.plan(N, D, route);
    return correlation.in_samples();
  };
  CHECK(in_samples(9, 10, CovarianceRoute::automatic));
  CHECK(!in_samples(10, 10, CovarianceRoute::automatic));
  CHECK(!in_samples(9, 10, CovarianceRoute::feature));
  CHECK(in_samples(10, 9, CovarianceRoute::sample));
}

TEMPLATE_TEST_CASE("correlations leave sample space where its subtraction would lose digits", "",
                   float, double) {
  check_leaving<TestType>(65);
  check_leaving<TestType>(390);
}

TEMPLATE_TEST_CASE("one view's product is the same without the other's", "", float, double) {
  using T = TestType;
  for (const auto& [N, D] : {std::pair{5u, 390u}, {390u, 5u}}) {
    const auto z = tests::cast<T>(tests::random_views(N, D, 1));
    for (const CovarianceRoute route : {CovarianceRoute::sample, CovarianceRoute::feature}) {
      StandardPair<T> pair;
      CrossCorrelation<T> correlation;
      forward(z, route, 1 << 20, pair, correlation);
      correlation.reserve_backward(pair);
      const auto entries = [](const GradientProduct<T>& product) {
        return tests::unpadded(*product.matrix).entries();
      };
      correlation.backward(pair, true, true);
      const auto a = entries(correlation.product_of_a()), b = entries(correlation.product_of_b());
      correlation.backward(pair, true, false);
      CHECK(entries(correlation.product_of_a()) == a);
      correlation.backward(pair, false, true);
      CHECK(entries(correlation.product_of_b()) == b);
    }
  }
}

TEST_CASE("squared correlations are the same bits within any memory and on any threads") {
  for (const auto& [N, D] : shapes) {
    const auto z = tests::cast<float>(tests::random_views(N, D, 1));
    for (const CovarianceRoute route : routes) {
      INFO(N << "x" << D << ", route " << static_cast<int>(route));
      const auto run = [&, route = route](std::size_t memory_budget) {
        StandardPair<float> pair;
        CrossCorrelation<float> correlation;
        const double sum = forward(z, route, memory_budget, pair, correlation);
        correlation.reserve_backward(pair);
        correlation.backward(pair, true, true);
        return std::pair{sum,
                         std::pair{tests::unpadded(*correlation.product_of_a().matrix).entries(),
                                   tests::unpadded(*correlation.product_of_b().matrix).entries()}};
      };
      CHECK(run(0) == run(1 << 20));
      CHECK(tests::same_on_any_threads([&] { return run(1 << 20); }));
    }
  }
}
