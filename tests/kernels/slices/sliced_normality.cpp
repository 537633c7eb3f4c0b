#include "selfsup/kernels/slices/sliced_normality.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "kernels/rows/differences.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "reference/sigreg.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include "selfsup/core/check.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace {

using selfsup::Matmul;
using selfsup::kernels::Part;
using selfsup::kernels::SlicedNormality;
using selfsup::kernels::Slices;
using selfsup::product::PaddedMatrix;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace tolerance = tests::tolerance;

template <class T>
Slices<T> slices_of(std::size_t count, std::size_t D) {
  Slices<T> slices;
  slices.prepare("X::forward", count, D, {7, 3});
  return slices;
}

template <class T>
struct Found {
  typename SlicedNormality<T>::Sums sums;
  Matrix<T> gradient;
};

template <class T>
Found<T> run(selfsup::ConstView<T> z, const Slices<T>& slices) {
  SlicedNormality<T> normality;
  Matmul<T> matmul;
  PaddedMatrix<T> d_z;
  const auto sums = normality.forward(z, slices, matmul, &d_z);
  return {sums, tests::unpadded(d_z)};
}

// The mean over slices and its gradient, knot by knot.
template <class T>
tests::reference::Result expected(const Matrix<T>& z, const Slices<T>& slices) {
  Matrix<double> u(z.cols(), slices.count());
  for (std::size_t d = 0; d < u.rows(); ++d)
    for (std::size_t s = 0; s < u.cols(); ++s)
      u(d, s) = static_cast<double>(slices.columns()(d, s));
  return tests::reference::sigreg(tests::cast<double>(z), u);
}

}  // namespace

TEMPLATE_TEST_CASE("the statistic of a batch is the sum over its slices, in every layout", "",
                   float, double) {
  using T = TestType;
  for (const auto& [N, D] : {std::pair{2u, 1u}, {15u, 2u}, {16u, 15u}, {17u, 33u}, {33u, 16u}}) {
    const auto z = tests::cast<T>(tests::random_views(N, D, 1)[0]);
    for (const std::size_t count : {1u, 2u, 16u, 17u, 37u}) {
      const Slices<T> slices = slices_of<T>(count, D);
      const auto right = expected(z, slices);
      for (const Layout layout : tests::layouts) {
        INFO(N << "x" << D << ", " << count << " slices, " << tests::name(layout));
        const auto found = run<T>(Stored<T>(z, layout), slices);
        const double mean = found.sums.statistic / static_cast<double>(count);
        // Sixteen knots, each of a mean that is subtracted from another.
        CHECK(std::abs(mean / right.value - 1) <= 16 * tolerance::operations<T>(8));
        CHECK(tests::entry_error(found.gradient, right.gradients[0]) <=
              16 * tolerance::operations<T>(8));
        SlicedNormality<T> normality;
        Matmul<T> matmul;
        const auto value = normality.forward(Stored<T>(z, layout), slices, matmul, nullptr);
        CHECK(value.statistic == found.sums.statistic);
        CHECK(selfsup::is_finite(value.check));
      }
    }
  }
}

// A strip of them is 512 for batches of 128 to 256 rows on few threads.
TEST_CASE("more slices than a strip are added up, the same bits on any number of threads") {
  constexpr std::size_t N = 130, D = 3, count = 2100;
  const auto z = tests::cast<float>(tests::random_matrix(N, D, 1));
  const auto slices = slices_of<float>(count, D);
  const auto right = expected(z, slices);
  const auto found = run<float>(z, slices);
  CHECK(std::abs(found.sums.statistic / count / right.value - 1) <= tolerance::float_value);
  CHECK(tests::entry_error(found.gradient, right.gradients[0]) <= tolerance::float_entry);
  CHECK(tests::same_on_any_threads([&] {
    const auto again = run<float>(z, slices);
    return std::pair{again.sums.statistic, again.gradient.entries()};
  }));
}

TEST_CASE("the gradient of the mean over slices is that of differences") {
  const auto z = tests::random_matrix(5, 17, 1);
  const auto slices = slices_of<double>(9, 17);
  const auto mean = [&](const Matrix<double>& x) {
    return run<double>(x, slices).sums.statistic / 9;
  };
  CHECK(tests::entry_error(run<double>(z, slices).gradient, tests::differences(mean, z)) <=
        tolerance::difference);
}

TEMPLATE_TEST_CASE("a batch that is not finite has a statistic's check that is not", "", float,
                   double) {
  using T = TestType;
  const Slices<T> slices = slices_of<T>(3, 17);
  for (std::size_t i = 0; i < 5 * 17; ++i) {
    auto z = tests::cast<T>(tests::random_matrix(5, 17, 1));
    z.entries()[i] = std::numeric_limits<T>::quiet_NaN();
    CHECK(!selfsup::is_finite(run<T>(z, slices).sums.check));
  }
}

TEMPLATE_TEST_CASE("a sum of weighted matrices goes to every layout, and so does one of them", "",
                   float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 16u, 17u, 33u}) {
    const auto x = tests::cast<T>(tests::random_matrix(5, D, 1));
    const auto y = tests::cast<T>(tests::random_matrix(5, D, 2));
    const auto padded_x = tests::padded(x), padded_y = tests::padded(y);
    for (const Layout layout : tests::layouts) {
      for (const auto& [with_x, with_y] : {std::pair{true, true}, {true, false}, {false, true}}) {
        INFO("D = " << D << ", " << tests::name(layout) << ", " << with_x << with_y);
        Stored<T> out(Matrix<T>(5, D, std::numeric_limits<T>::quiet_NaN()), layout);
        PaddedMatrix<T> scratch;
        scratch.reshape(5, D);
        const Part<T> first{with_x ? &padded_x : nullptr, 0.75};
        const Part<T> second{with_y ? &padded_y : nullptr, -0.3};
        selfsup::kernels::write_sum<T>(first, second, scratch, out);
        const Matrix<T> found = out.matrix();
        double excess = 0;
        for (std::size_t i = 0; i < 5 * D; ++i) {
          const double of_x = with_x ? 0.75 * static_cast<double>(x.entries()[i]) : 0;
          const double of_y = with_y ? -0.3 * static_cast<double>(y.entries()[i]) : 0;
          const double error = std::abs(static_cast<double>(found.entries()[i]) - of_x - of_y);
          excess = tests::worse(
              excess, error - tolerance::operations<T>(2) * (std::abs(of_x) + std::abs(of_y)));
        }
        CHECK(excess <= 0);
        CHECK(out.surroundings_untouched());
      }
    }
  }
}
