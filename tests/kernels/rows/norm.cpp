#include "selfsup/kernels/rows/norm.hpp"

#include "catch.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::is_finite;
using selfsup::NonFiniteError;
using selfsup::kernels::RowScaling;
using selfsup::kernels::ScaledNorm;
using selfsup::kernels::Unit;
using tests::Matrix;
namespace kernels = selfsup::kernels;
namespace tolerance = tests::tolerance;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Squares of the middle scale stay in the type's range, those of the others leave it.
template <class T>
std::vector<T> scales() {
  const int far = sizeof(T) == 4 ? 100 : 1000;
  return {std::ldexp(T(1), -far), T(1), std::ldexp(T(1), far)};
}

}  // namespace

TEMPLATE_TEST_CASE("the norm of a row of any magnitude is right", "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 2u, 15u, 16u, 17u, 33u, 300u}) {
    for (const T scale : scales<T>()) {
      auto z = tests::cast<T>(tests::random_matrix(1, D, D));
      long double squares = 0;
      for (T& entry : z.entries()) {
        entry *= scale;
        squares += static_cast<long double>(entry) * entry;
      }
      const long double exact = std::sqrt(squares);
      const ScaledNorm norm = kernels::scaled_norm(z.data(), D);
      INFO("D = " << D << ", scale " << scale);
      // Sixteen terms of a run are added in the type.
      CHECK(std::abs(static_cast<double>(norm.length() / exact - 1)) <=
            tolerance::operations<T>(8));
      CHECK((norm.scale == 1) == (scale == 1));
    }
  }
}

TEST_CASE("a norm keeps its digits where its square leaves double") {
  const double entries[] = {3e200, -4e200}, small[] = {-3e-200, 4e-200};
  const auto norm = [](const double* x) {
    return kernels::scaled_norm_of(2, [x](std::size_t d) { return x[d]; });
  };
  CHECK(std::abs(norm(entries).length() / 5e200 - 1) <= tolerance::operations<double>(4));
  CHECK(std::abs(norm(small).length() / 5e-200 - 1) <= tolerance::operations<double>(4));
  CHECK(norm(entries).scale == 4e200);
  CHECK(kernels::scaled_norm_of(3, [](std::size_t) { return 0.0; }).length() == 0);
}

TEMPLATE_TEST_CASE("the norm of a row that is not finite is not finite", "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 15u, 16u, 17u, 33u}) {
    for (std::size_t d = 0; d < D; ++d) {
      for (const double broken : {not_a_number, infinity, -infinity}) {
        std::vector<T> z(D, T(0.5));
        z[d] = static_cast<T>(broken);
        CHECK(!is_finite(kernels::scaled_norm(z.data(), D).length()));
      }
    }
  }
}

TEMPLATE_TEST_CASE("sums of squares are in range up to an epsilon from the type's ends", "", float,
                   double) {
  using Limits = std::numeric_limits<TestType>;
  const double epsilon = static_cast<double>(Limits::epsilon());
  const double least = static_cast<double>(Limits::min()) / epsilon;
  const double most = static_cast<double>(Limits::max()) * epsilon;
  for (const double squares : {least, 1.0, most}) CHECK(kernels::in_range<TestType>(squares));
  for (const double squares : {0.0, least / 2, 2 * most, infinity, not_a_number})
    CHECK(!kernels::in_range<TestType>(squares));
}

TEST_CASE("a row is divided by its length or by epsilon, and has a slope from epsilon on") {
  const Unit longer(4, 0.5), shorter(0.25, 0.5), equal(0.5, 0.5);
  CHECK(longer.inverse == 0.25);
  CHECK(longer.slope == 0.25);
  CHECK(shorter.inverse == 2);
  CHECK(shorter.slope == 0);
  CHECK(equal.inverse == 2);
  CHECK(equal.slope == 2);
  CHECK(shorter.length == 0.25);
}

TEST_CASE("the check of a length is finite when the length and its inverse are") {
  CHECK(is_finite(Unit(0, 1e-12).check()));
  CHECK(is_finite(1e9 * Unit(1e308, 1e-12).check()));
  CHECK(Unit(3, 1e-12).check() == 3 * Unit::check_scale);
  CHECK(!is_finite(Unit(0, 0).check()));
  CHECK(!is_finite(Unit(infinity, 1e-12).check()));
  CHECK(!is_finite(Unit(not_a_number, 1e-12).check()));
}

TEST_CASE("what has no norm is named") {
  Matrix<float> a(3, 2, 1), b(3, 2, 1);
  const auto message = [&](const RowScaling& scaling) {
    return tests::message<NonFiniteError>([&] {
      kernels::throw_no_norm<float>("X::forward", {{"a", a}, {"b", b}}, scaling);
    });
  };
  b(2, 0) = b(2, 1) = 0;
  CHECK(message({true, 0}) ==
        "X::forward: b is 0 in row 2, which has no direction with norm_epsilon 0");
  const auto overflow = "X::forward: overflow in float, largest |a| is 1 in column 0";
  CHECK(message({true, 1e-12}) == overflow);
  CHECK(message({false, 0}) == overflow);
  b(2, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK(message({true, 0}) == "X::forward: b is NaN in row 2, column 1");
}
