#include "selfsup/kernels/rows/unit_rows.hpp"

#include "catch.hpp"
#include "denormals.hpp"
#include "kernels/rows/differences.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::NonFiniteError;
using selfsup::skip;
using selfsup::kernels::RowScaling;
using selfsup::kernels::Unit;
using selfsup::kernels::UnitRows;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace kernels = selfsup::kernels;
namespace tolerance = tests::tolerance;

template <class T>
long double norm(const Matrix<T>& z, std::size_t n) {
  long double squares = 0;
  for (std::size_t d = 0; d < z.cols(); ++d) squares += static_cast<long double>(z(n, d)) * z(n, d);
  return std::sqrt(squares);
}

template <class T>
void set_d_rows(UnitRows<T>& rows, const Matrix<T>& d_rows) {
  rows.d_rows().reshape(d_rows.rows(), d_rows.cols());
  for (std::size_t n = 0; n < d_rows.rows(); ++n)
    for (std::size_t d = 0; d < d_rows.cols(); ++d) rows.d_rows().row(n)[d] = d_rows(n, d);
}

// Entries of a row of length one round with the product and the inverse; the length carries the
// sixteen terms that are added in the type.
template <class T>
constexpr double of_unit_row = tolerance::operations<T>(10);

}  // namespace

TEMPLATE_TEST_CASE("rows of one view or two have length one, in every layout", "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 2u, 15u, 16u, 17u, 33u, 300u}) {
    for (const std::size_t N : {1u, 5u, 17u}) {
      const Matrix<T> z[] = {tests::cast<T>(tests::random_matrix(N, D, D)),
                             tests::cast<T>(tests::random_matrix(N, D, D + 1))};
      for (const Layout layout : tests::layouts) {
        INFO(N << "x" << D << ", " << tests::name(layout));
        UnitRows<T> one, two;
        one.take({Stored<T>(z[0], layout)}, {});
        const double check = two.take({Stored<T>(z[0], layout), z[1]}, {});
        double error = 0, sum = 0, longest = 0;
        bool same = true;
        for (std::size_t v = 0; v < 2; ++v) {
          for (std::size_t n = 0; n < N; ++n) {
            const long double length = norm(z[v], n);
            sum += static_cast<double>(length);
            longest = std::max(longest, static_cast<double>(length));
            for (std::size_t d = 0; d < D; ++d) {
              const T found = two.rows().row(v * N + n)[d];
              error =
                  tests::worse(error, static_cast<double>(std::abs(found - z[v](n, d) / length)));
              same = same && (v == 1 || one.rows().row(n)[d] == found);
            }
          }
        }
        CHECK(error <= of_unit_row<T>);
        CHECK(same);
        CHECK(std::abs(check / Unit::check_scale - sum) <= of_unit_row<T> * sum);
        CHECK(std::abs(two.longest() - longest) <= of_unit_row<T> * longest);
      }
    }
  }
}

TEMPLATE_TEST_CASE("rows whose squares leave the type have their direction and gradient", "", float,
                   double) {
  using T = TestType;
  const auto z = tests::cast<T>(tests::random_matrix(1, 17, 3));
  const auto d_rows = tests::cast<T>(tests::random_matrix(1, 17, 4));
  const auto run = [&](int exponent) {
    Matrix<T> scaled = z, d_z(1, 17);
    for (T& entry : scaled.entries()) entry = std::ldexp(entry, exponent);
    UnitRows<T> rows;
    rows.take({scaled}, {true, 0});
    set_d_rows(rows, d_rows);
    // The factor makes up for the length, so that the gradient is the same.
    rows.backward(std::ldexp(1.0, exponent), {d_z});
    std::vector<T> found(rows.rows().row(0), rows.rows().row(0) + 17);
    found.insert(found.end(), d_z.entries().begin(), d_z.entries().end());
    return found;
  };
  const auto expected = run(0);
  const int far = sizeof(T) == 4 ? 100 : 1000;
  for (const int exponent : {-far, far}) {
    const auto found = run(exponent);
    for (std::size_t i = 0; i < found.size(); ++i)
      CHECK(std::abs(static_cast<double>(found[i] - expected[i])) <= of_unit_row<T>);
  }
}

TEST_CASE("a factor beyond the type gives the gradient that the type has") {
  const float tiny = 0x1p-100f;
  const Matrix<float> z(1, 2, tiny);
  Matrix<float> d_rows(1, 2), d_z(1, 2);
  d_rows(0, 0) = 0x1p-60f;
  UnitRows<float> rows;
  rows.take({z}, {true, 0});
  set_d_rows(rows, d_rows);
  rows.backward(0x1p60, {d_z});                     // times 2^100/√2
  const double expected = 0x1p99 / std::sqrt(2.0);  // half of it lies along the row
  CHECK(std::abs(static_cast<double>(d_z(0, 0)) / expected - 1) <= of_unit_row<float>);
  CHECK(std::abs(static_cast<double>(d_z(0, 1)) / expected + 1) <= of_unit_row<float>);
}

TEST_CASE("a row has its direction where the inverse of its length leaves the type") {
  if (!tests::keeps_denormals()) return;
  Matrix<float> z(1, 2);
  z(0, 0) = 3 * 0x1p-140f;
  z(0, 1) = -4 * 0x1p-140f;
  UnitRows<float> rows;
  rows.take({z}, {true, 0});
  CHECK(std::abs(static_cast<double>(rows.rows().row(0)[0]) - 0.6) <= of_unit_row<float>);
  CHECK(std::abs(static_cast<double>(rows.rows().row(0)[1]) + 0.8) <= of_unit_row<float>);
}

TEMPLATE_TEST_CASE("without scaling rows and gradients are as they were given", "", float, double) {
  using T = TestType;
  const auto z = tests::cast<T>(tests::random_matrix(3, 17, 1));
  auto d_rows = tests::cast<T>(tests::random_matrix(3, 17, 2));
  UnitRows<T> rows;
  const double check = rows.take({z}, {false, 1e-12});
  double sum = 0;
  for (std::size_t n = 0; n < 3; ++n) sum += static_cast<double>(norm(z, n));
  CHECK(std::abs(check / Unit::check_scale - sum) <= of_unit_row<T> * sum);
  CHECK(!rows.normalized());
  set_d_rows(rows, d_rows);
  Matrix<T> d_z(3, 17);
  rows.backward(0.5, {d_z});
  for (std::size_t n = 0; n < 3; ++n) {
    for (std::size_t d = 0; d < 17; ++d) {
      CHECK(rows.rows().row(n)[d] == z(n, d));
      CHECK(d_z(n, d) == d_rows(n, d) / 2);
    }
  }
}

TEST_CASE("the gradient through unit rows is that of differences, and so is its factor's") {
  for (const std::size_t D : {2u, 15u, 16u, 17u, 33u}) {
    constexpr std::size_t N = 3;
    constexpr double factor = 0.7;
    const auto z = tests::random_matrix(2 * N, D, D), weights = tests::random_matrix(2 * N, D, 9);
    const auto parts = tests::unstacked(z, 2);
    UnitRows<double> rows;
    const auto value = [&](const Matrix<double>& both) {
      const auto views = tests::unstacked(both, 2);
      rows.take({views[0], views[1]}, {});
      double sum = 0;
      for (std::size_t n = 0; n < 2 * N; ++n)
        for (std::size_t d = 0; d < D; ++d) sum += weights(n, d) * rows.rows().row(n)[d];
      return factor * sum;
    };
    const auto expected = tests::differences(value, z);
    for (const Layout layout : tests::layouts) {
      INFO("D = " << D << ", " << tests::name(layout));
      const double whole = value(z);
      set_d_rows(rows, weights);
      Stored<double> d_a(Matrix<double>(N, D, 7), layout), d_b(Matrix<double>(N, D, 7), layout);
      std::vector<int> completed(2 * N);
      const double along =
          rows.backward(factor, {d_a, d_b}, [&](std::size_t row) { ++completed[row]; });
      const auto found = tests::stacked<double>({d_a.matrix(), d_b.matrix()});
      CHECK(tests::entry_error(found, expected) <= tolerance::difference);
      CHECK(std::abs(along - whole) <= tolerance::rounding(2 * N * D) * static_cast<double>(N * D));
      CHECK(completed == std::vector<int>(2 * N, 1));
      CHECK(d_a.surroundings_untouched());
      CHECK(d_b.surroundings_untouched());
    }
  }
}

TEST_CASE("float gradients are those of double") {
  for (const std::size_t D : {2u, 15u, 16u, 17u, 33u, 300u}) {
    const auto z = tests::random_matrix(5, D, D), weights = tests::random_matrix(5, D, 9);
    const auto run = [&](auto zero) {
      using T = decltype(zero);
      UnitRows<T> rows;
      rows.take({tests::cast<T>(z)}, {});
      set_d_rows(rows, tests::cast<T>(weights));
      Matrix<T> d_z(5, D);
      rows.backward(0.7, {d_z});
      return d_z;
    };
    CHECK(tests::entry_error(run(0.0f), run(0.0)) <= tolerance::float_entry);
  }
}

TEST_CASE("a skipped view counts in what backward returns") {
  const auto z = tests::random_views(4, 17, 1);
  const auto weights = tests::random_matrix(8, 17, 2);
  UnitRows<double> rows;
  rows.take({z[0], z[1]}, {});
  Matrix<double> d_a(4, 17), d_b(4, 17), alone(4, 17);
  set_d_rows(rows, weights);
  const double both = rows.backward(1, {d_a, d_b});
  set_d_rows(rows, weights);
  CHECK(rows.backward(1, {skip, alone}) == both);
  CHECK(alone.entries() == d_b.entries());
}

TEMPLATE_TEST_CASE("a row below epsilon is divided by it and has no gradient", "", float, double) {
  using T = TestType;
  Matrix<T> z(3, 17, T(0.25)), d_z(3, 17, 7);
  std::fill_n(z.data(), 17, T(0));
  std::fill_n(z.data() + 17, 17, T(16));
  UnitRows<T> rows;
  CHECK(selfsup::is_finite(rows.take({z}, {true, 8})));
  for (std::size_t d = 0; d < 17; ++d) {
    CHECK(rows.rows().row(0)[d] == 0);
    CHECK(rows.rows().row(2)[d] == T(0.25) / 8);
  }
  set_d_rows(rows, Matrix<T>(3, 17, T(-1)));
  rows.d_rows().row(1)[0] = 1;
  rows.backward(1, {d_z});
  for (std::size_t d = 0; d < 17; ++d) {
    CHECK(d_z(0, d) == 0);
    CHECK(d_z(1, d) != 0);
    CHECK(d_z(2, d) == 0);
  }
}

TEMPLATE_TEST_CASE("a batch that is not finite has a check value that is not", "", float, double) {
  using T = TestType;
  const auto z = tests::random_views(3, 17, 1);
  for (const bool normalize : {true, false}) {
    for (const T broken :
         {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
      for (std::size_t i = 0; i < 2 * 3 * 17; ++i) {
        auto views = tests::cast<T>(z);
        views[i % 2].entries()[i / 2] = broken;
        UnitRows<T> rows;
        CHECK(!selfsup::is_finite(rows.take({views[0], views[1]}, {normalize, 1e-12})));
      }
    }
  }
  UnitRows<T> rows;
  CHECK(!selfsup::is_finite(rows.take({Matrix<T>(1, 5)}, {true, 0})));
  CHECK(selfsup::is_finite(rows.take({Matrix<T>(1, 5)}, {true, 1e-12})));
}

TEST_CASE("the arguments of a call are taken each into its own rows, or one below the other") {
  auto z = tests::random_views(3, 5, 1, 3);
  UnitRows<double> a, b, both;
  const selfsup::Call<double> call{"X::forward", {{"p", z[0]}, {"a", z[1]}, {"b", z[2]}}};
  kernels::take_rows(call, 1, {}, {&a, &b});
  const selfsup::Call<double> two{"X::forward", {{"a", z[1]}, {"b", z[2]}}};
  kernels::take_stacked(two, {}, both);
  for (std::size_t n = 0; n < 3; ++n) {
    for (std::size_t d = 0; d < 5; ++d) {
      CHECK(a.rows().row(n)[d] == both.rows().row(n)[d]);
      CHECK(b.rows().row(n)[d] == both.rows().row(3 + n)[d]);
    }
  }
  CHECK(std::abs(a.rows().row(0)[0] * static_cast<double>(norm(z[1], 0)) - z[1](0, 0)) <=
        of_unit_row<double>);
  z[2](1, 3) = std::numeric_limits<double>::infinity();
  const auto message = [](const auto& take) { return tests::message<NonFiniteError>(take); };
  const auto expected = "X::forward: b is infinite in row 1, column 3";
  CHECK(message([&] { kernels::take_rows(two, {}, {&a, &b}); }) == expected);
  CHECK(message([&] { kernels::take_stacked(two, {}, both); }) == expected);
}

TEST_CASE("unit rows and their gradients are the same bits on any number of threads") {
  const auto z = tests::cast<float>(tests::random_views(70, 1000, 1));
  const auto weights = tests::cast<float>(tests::random_matrix(140, 1000, 2));
  CHECK(tests::same_on_any_threads([&] {
    UnitRows<float> rows;
    const double check = rows.take({z[0], z[1]}, {});
    set_d_rows(rows, weights);
    Matrix<float> d_a(70, 1000), d_b(70, 1000);
    const double along = rows.backward(1, {d_a, d_b});
    return std::vector{std::vector<float>(rows.rows().row(0), rows.rows().row(139) + 1000),
                       d_a.entries(),
                       d_b.entries(),
                       {static_cast<float>(check), static_cast<float>(along)}};
  }));
}
