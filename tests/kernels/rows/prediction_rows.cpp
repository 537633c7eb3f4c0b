#include "selfsup/kernels/rows/prediction_rows.hpp"

#include "catch.hpp"
#include "kernels/rows/differences.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::ConstView;
using selfsup::kernels::PredictionRows;
using selfsup::kernels::RowForm;
using selfsup::kernels::RowLoss;
using tests::Layout;
using tests::Matrix;
using tests::Stored;
namespace tolerance = tests::tolerance;

struct Form {
  const char* name;
  RowForm form;
};
const Form forms[] = {{"distance of unit rows", {RowLoss::unit_distance}},
                      {"cosine", {RowLoss::negative_cosine}},
                      {"distance", {RowLoss::plain_distance}},
                      {"distance of unit rows, not squared", {RowLoss::unit_distance, 1e-12, 1}},
                      {"distance, not squared", {RowLoss::plain_distance, 1e-12, 1}},
                      {"distance of unit rows, cubed", {RowLoss::unit_distance, 1e-12, 3}},
                      {"distance, cubed", {RowLoss::plain_distance, 1e-12, 3}}};

template <class T>
struct Found {
  double loss;
  Matrix<T> d_p, d_z;
};

template <class T>
Found<T> run(const Matrix<T>& p, const Matrix<T>& z, const RowForm& form, double weight) {
  Found<T> found{0, Matrix<T>(p.rows(), p.cols(), 7), Matrix<T>(p.rows(), p.cols(), 7)};
  PredictionRows<T> rows;
  found.loss = rows.forward(p, z, form, weight, found.d_p.data(), found.d_z.data()).loss;
  return found;
}

using Row = std::vector<long double>;

Row unit_row(const Matrix<long double>& z, std::size_t n) {
  Row row(&z(n, 0), &z(n, 0) + z.cols());
  long double squares = 0;
  for (const long double x : row) squares += x * x;
  for (long double& x : row) x /= std::sqrt(squares);
  return row;
}

// Σ over rows, as the forms are defined.
long double expected_loss(const Matrix<long double>& p, const Matrix<long double>& z,
                          const RowForm& form) {
  long double sum = 0;
  for (std::size_t n = 0; n < p.rows(); ++n) {
    const bool plain = form.loss == RowLoss::plain_distance;
    const Row p_n = plain ? Row(&p(n, 0), &p(n, 0) + p.cols()) : unit_row(p, n);
    const Row z_n = plain ? Row(&z(n, 0), &z(n, 0) + z.cols()) : unit_row(z, n);
    long double squares = 0, cosine = 0;
    for (std::size_t d = 0; d < p.cols(); ++d) {
      squares += (p_n[d] - z_n[d]) * (p_n[d] - z_n[d]);
      cosine += p_n[d] * z_n[d];
    }
    sum += form.loss == RowLoss::negative_cosine
               ? -cosine
               : std::pow(squares, static_cast<long double>(form.power) / 2);
  }
  return sum;
}

template <class T>
Matrix<T> scaled(Matrix<T> z, int exponent) {
  for (T& entry : z.entries()) entry = std::ldexp(entry, exponent);
  return z;
}

}  // namespace

TEMPLATE_TEST_CASE("rows of predictions cost what their form says, at any width", "", float,
                   double) {
  using T = TestType;
  for (const std::size_t D : {1u, 2u, 15u, 16u, 17u, 33u, 300u}) {
    for (const std::size_t N : {1u, 5u, 130u}) {
      const auto p = tests::cast<T>(tests::random_matrix(N, D, D));
      const auto z = tests::cast<T>(tests::random_matrix(N, D, 9));
      for (const auto& [name, form] : forms) {
        INFO(name << ", " << N << "x" << D);
        const auto expected = static_cast<double>(
            expected_loss(tests::cast<long double>(p), tests::cast<long double>(z), form));
        // Of unit rows each entry rounds beside 1, not beside the distance; the cosines cancel.
        const double scale =
            form.loss == RowLoss::plain_distance ? expected : static_cast<double>(2 * N);
        PredictionRows<T> rows;
        const auto sums = rows.forward(p, z, form, 1, nullptr, nullptr);
        CHECK(std::abs(sums.loss - expected) <= tolerance::operations<T>(12) * scale);
        CHECK(selfsup::is_finite(sums.check));
        CHECK(run(p, z, form, 0.5).loss == sums.loss);
      }
    }
  }
}

TEST_CASE("gradients of rows of predictions are those of differences") {
  for (const std::size_t D : {2u, 15u, 16u, 17u, 33u}) {
    const auto p = tests::random_matrix(3, D, D), z = tests::random_matrix(3, D, 9);
    for (const auto& [name, form] : forms) {
      INFO(name << ", D = " << D);
      const auto loss = [&, form = form](const Matrix<double>& a, const Matrix<double>& b) {
        return PredictionRows<double>().forward(a, b, form, 1, nullptr, nullptr).loss;
      };
      const auto d_p = tests::differences([&](const auto& x) { return 0.7 * loss(x, z); }, p);
      const auto d_z = tests::differences([&](const auto& x) { return 0.7 * loss(p, x); }, z);
      const auto found = run(p, z, form, 0.7);
      CHECK(tests::entry_error(found.d_p, d_p) <= tolerance::difference);
      CHECK(tests::entry_error(found.d_z, d_z) <= tolerance::difference);
      const auto in_float = run(tests::cast<float>(p), tests::cast<float>(z), form, 0.7);
      CHECK(tests::entry_error(in_float.d_p, found.d_p) <= tolerance::float_entry);
      CHECK(tests::entry_error(in_float.d_z, found.d_z) <= tolerance::float_entry);
    }
  }
}

TEST_CASE("a gradient that is left out leaves the other as it is") {
  const auto p = tests::random_matrix(3, 17, 1), z = tests::random_matrix(3, 17, 2);
  for (const auto& [name, form] : forms) {
    INFO(name);
    const auto both = run(p, z, form, 1);
    Matrix<double> d_p(3, 17), d_z(3, 17);
    PredictionRows<double> rows;
    rows.forward(p, z, form, 1, d_p.data(), nullptr);
    rows.forward(p, z, form, 1, nullptr, d_z.data());
    CHECK(d_p.entries() == both.d_p.entries());
    CHECK(d_z.entries() == both.d_z.entries());
  }
}

// Half of what is left of the gradient would be rounding, were the part along the row not taken
// out.
TEST_CASE("float gradients keep their digits where rows are almost parallel") {
  for (const std::size_t D : {2u, 17u, 300u}) {
    const auto views = tests::random_views(9, D, D, 2, 1e-5);
    const auto p = tests::cast<float>(views[0]), z = tests::cast<float>(views[1]);
    for (const auto& [name, form] : forms) {
      INFO(name << ", D = " << D);
      const auto exact = run(views[0], views[1], form, 1);
      const auto found = run(p, z, form, 1);
      CHECK(tests::entry_error(found.d_p, exact.d_p) <= tolerance::float_entry);
      CHECK(tests::entry_error(found.d_z, exact.d_z) <= tolerance::float_entry);
    }
  }
}

TEMPLATE_TEST_CASE("rows that meet cost exactly nothing and have no gradient", "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 7u, 33u, 300u}) {
    const auto z = tests::cast<T>(tests::random_matrix(20, D, D));
    for (const auto& [name, form] : forms) {
      INFO(name << ", D = " << D);
      const auto found = run(z, z, form, 1);
      const bool cosine = form.loss == RowLoss::negative_cosine;
      if (!cosine) CHECK(found.loss == 0);
      if (cosine) CHECK(std::abs(found.loss + 20) <= 20 * tolerance::operations<double>(4));
      double largest = 0;  // beside 1/|z|
      for (std::size_t i = 0; i < 20 * D; ++i) {
        const T gradient = std::abs(found.d_p.entries()[i]) + std::abs(found.d_z.entries()[i]);
        largest = tests::worse(largest, static_cast<double>(gradient * std::abs(z.entries()[i])));
      }
      // The squares of unit rows and the cosine leave the rounding of 1/|z|² in double.
      const bool rounds = form.loss != RowLoss::plain_distance && form.power == 2;
      CHECK(largest <= (rounds ? tolerance::operations<double>(8) : 0));
    }
  }
}

TEST_CASE("a sum of cosines stays within the number of rows") {
  for (std::size_t D = 1; D <= 40; ++D) {
    const auto z = tests::random_matrix(1, D, D);
    CHECK(run(z, z, {RowLoss::negative_cosine}, 1).loss >= -1);
  }
}

TEMPLATE_TEST_CASE("rows whose squares leave the type cost what others do", "", float, double) {
  using T = TestType;
  const int far = sizeof(T) == 4 ? 100 : 1000;
  for (const double noise : {0.25, 4.0}) {  // rows that almost meet, and others
    const auto views = tests::cast<T>(tests::random_views(3, 17, 1, 2, noise));
    const auto &p = views[0], &z = views[1];
    for (auto [name, form] : forms) {
      form.norm_epsilon = 0;
      const bool plain = form.loss == RowLoss::plain_distance;
      if (plain && form.power > 1) continue;  // the loss itself leaves the type
      // What is left of a cosine's gradient has rounded beside 1.
      if (form.loss == RowLoss::negative_cosine && noise < 1) continue;
      const auto usual = run(p, z, form, 1);
      for (const int exponent : {-far, far}) {
        INFO(name << ", times 2^" << exponent << ", noise " << noise);
        const auto found = run(scaled(p, exponent), plain ? scaled(z, exponent) : z, form, 1);
        const double loss = std::ldexp(found.loss, plain ? -exponent : 0);
        CHECK(std::abs(loss / usual.loss - 1) <= tolerance::operations<T>(12));
        const auto error = [&](const Matrix<T>& gradient, const Matrix<T>& expected) {
          return tests::entry_error(gradient, tests::cast<double>(expected));
        };
        CHECK(error(scaled(found.d_p, plain ? 0 : exponent), usual.d_p) <=
              tolerance::operations<T>(16));
        CHECK(error(found.d_z, usual.d_z) <= tolerance::operations<T>(16));
      }
    }
  }
}

TEST_CASE("a row of zeros is compared as it is and has no gradient") {
  const Matrix<double> p(1, 17);
  const auto z = tests::random_matrix(1, 17, 1);
  const auto distance = run(p, z, {RowLoss::unit_distance}, 1);
  CHECK(std::abs(distance.loss - 1) <= tolerance::operations<double>(4));
  CHECK(distance.d_p.entries() == std::vector<double>(17, 0));
  const auto cosine = run(p, z, {RowLoss::negative_cosine}, 1);
  CHECK(cosine.loss == 0);
  CHECK(cosine.d_p.entries() == std::vector<double>(17, 0));
}

TEST_CASE("rows shorter than epsilon are divided by it") {
  const auto p = tests::random_matrix(2, 17, 1), z = tests::random_matrix(2, 17, 2);
  const auto plain = run(p, z, {RowLoss::plain_distance}, 1);
  const auto found = run(p, z, {RowLoss::unit_distance, 64}, 1);
  CHECK(std::abs(found.loss * 4096 / plain.loss - 1) <= tolerance::operations<double>(12));
  CHECK(found.d_p.entries() == std::vector<double>(34, 0));
  CHECK(found.d_z.entries() == std::vector<double>(34, 0));
}

TEMPLATE_TEST_CASE("an entry that is not finite leaves no finite check value", "", float, double) {
  using T = TestType;
  for (const T broken : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    for (const auto& [name, form] : forms) {
      for (const std::size_t d : {0u, 15u, 16u}) {
        INFO(name << ", column " << d);
        auto p = tests::cast<T>(tests::random_matrix(3, 17, 1));
        const auto z = tests::cast<T>(tests::random_matrix(3, 17, 2));
        p(1, d) = broken;
        PredictionRows<T> rows;
        CHECK(!selfsup::is_finite(rows.forward(p, z, form, 1, nullptr, nullptr).check));
        CHECK(!selfsup::is_finite(rows.forward(z, p, form, 1, nullptr, nullptr).check));
      }
    }
  }
}

TEST_CASE("rows of predictions give the same bits on any number of threads") {
  const auto p = tests::cast<float>(tests::random_matrix(70, 1000, 1));
  const auto z = tests::cast<float>(tests::random_matrix(70, 1000, 2));
  CHECK(tests::same_on_any_threads([&] {
    const auto found = run(p, z, {RowLoss::unit_distance}, 1);
    return std::pair{found.loss, found.d_p.entries()};
  }));
}

TEMPLATE_TEST_CASE("a gradient times a factor goes to every layout", "", float, double) {
  using T = TestType;
  for (const std::size_t D : {1u, 16u, 17u, 33u}) {
    const auto gradient = tests::cast<T>(tests::random_matrix(5, D, D));
    for (const Layout layout : tests::layouts) {
      INFO(tests::name(layout) << ", D = " << D);
      Stored<T> out(Matrix<T>(5, D, std::numeric_limits<T>::quiet_NaN()), layout);
      selfsup::kernels::scaled_copy<T>(gradient.data(), -0.3, out);
      auto expected = gradient;
      for (T& entry : expected.entries()) entry *= T(-0.3);
      CHECK(out.matrix().entries() == expected.entries());
      CHECK(out.surroundings_untouched());
    }
  }
}
