#include "selfsup/testing/gradcheck.hpp"

#include "catch.hpp"
#include "matrix.hpp"
#include "tolerances.hpp"

#include "selfsup/losses/byol.hpp"
#include "selfsup/losses/info_nce.hpp"
#include "selfsup/losses/nt_xent.hpp"
#include "selfsup/losses/simsiam.hpp"
#include "selfsup/losses/vicreg.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using selfsup::ConstView;
using selfsup::gradcheck;
using selfsup::GradcheckOptions;
using selfsup::GradcheckReport;
using tests::Matrix;
using Views = std::vector<ConstView<double>>;
using Gradients = std::vector<std::vector<double>>;

constexpr double tolerance = tests::tolerance::difference;

// Σ sin(x)·y² for x, y (3, 4), and its gradient.
double value(const Views& at) {
  double sum = 0;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 4; ++c) sum += std::sin(at[0](r, c)) * at[1](r, c) * at[1](r, c);
  }
  return sum;
}
Gradients gradient(const Views& at) {
  Gradients result(2);
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 4; ++c) {
      result[0].push_back(std::cos(at[0](r, c)) * at[1](r, c) * at[1](r, c));
      result[1].push_back(std::sin(at[0](r, c)) * 2 * at[1](r, c));
    }
  }
  return result;
}

struct Point {
  Matrix<double> x = tests::random_matrix(3, 4, 1);
  Matrix<double> y = tests::random_matrix(3, 4, 2);
  Views views() const { return {x, y}; }
};

std::string text(const GradcheckReport& report) {
  std::ostringstream out;
  out << report;
  return out.str();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Σ f(x) of one argument, with the derivative of f.
template <class F, class DF>
GradcheckReport check_entries(const Matrix<double>& at, const F& f, const DF& df) {
  return gradcheck(
      [&](const Views& views) {
        double sum = 0;
        for (std::size_t c = 0; c < views[0].cols(); ++c) sum += f(views[0](0, c));
        return sum;
      },
      [&](const Views& views) {
        Gradients result(1);
        for (std::size_t c = 0; c < views[0].cols(); ++c) result[0].push_back(df(views[0](0, c)));
        return result;
      },
      {at});
}

Matrix<double> row(std::vector<double> entries) {
  Matrix<double> matrix(1, entries.size());
  matrix.entries() = std::move(entries);
  return matrix;
}

// f(x) of one row, with a gradient.
template <class F>
GradcheckReport check_row(const Matrix<double>& at, const F& f, std::vector<double> gradient,
                          const GradcheckOptions& options = {}) {
  return gradcheck(
      [&](const Views& views) {
        double sum = 0;
        for (std::size_t c = 0; c < views[0].cols(); ++c) sum += views[0](0, c);
        return f(sum);
      },
      [&](const Views&) { return Gradients{gradient}; }, {at}, options);
}

// A loss that goes on to its next step with every forward, or with every value too.
struct SteppedOptions {
  bool by_value = false;
};
template <class T>
class Stepped {
 public:
  explicit Stepped(const SteppedOptions& options = {}) : options_(options) {}
  const SteppedOptions& options() const { return options_; }
  void set_step(std::uint64_t step) { step_ = step; }
  T value(ConstView<T> x) {
    const T result = weight() * x(0, 0) * x(0, 0);
    step_ += options_.by_value ? 1 : 0;
    return result;
  }
  T forward(ConstView<T> x) {
    d_x_ = 2 * weight() * x(0, 0);
    const T result = weight() * x(0, 0) * x(0, 0);
    ++step_;
    return result;
  }
  void backward(selfsup::MutView<T> d_x) const { d_x(0, 0) = d_x_; }

 private:
  T weight() const { return static_cast<T>(3 + step_); }

  SteppedOptions options_;
  std::uint64_t step_ = 0;
  T d_x_ = 0;
};

// Σ w·x², with the weights w as something that has no gradient.
struct WeightedOptions {};
template <class T>
class Weighted {
 public:
  explicit Weighted(const WeightedOptions& = {}) {}
  const WeightedOptions& options() const { return options_; }
  template <class Weights>
  T value(ConstView<T> x, const Weights& weights) const {
    T sum = 0;
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t c = 0; c < x.cols(); ++c)
        sum += static_cast<T>(weights(r, c)) * x(r, c) * x(r, c);
    }
    return sum;
  }
  template <class Weights>
  T forward(ConstView<T> x, const Weights& weights) {
    d_x_ = Matrix<T>(x.rows(), x.cols());
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t c = 0; c < x.cols(); ++c)
        d_x_(r, c) = 2 * static_cast<T>(weights(r, c)) * x(r, c);
    }
    return value(x, weights);
  }
  void backward(selfsup::MutView<T> d_x) const {
    for (std::size_t r = 0; r < d_x.rows(); ++r) {
      for (std::size_t c = 0; c < d_x.cols(); ++c) d_x(r, c) = d_x_(r, c);
    }
  }

 private:
  WeightedOptions options_;
  Matrix<T> d_x_;
};

}  // namespace

TEST_CASE("a right gradient passes, far below the tolerance") {
  const Point point;
  const auto report = gradcheck(value, gradient, point.views());
  INFO(report);
  CHECK(report.passes(1e-10));
  CHECK(report.checked == 24);
  CHECK(report.kinks == 0);
}

TEST_CASE("a wrong sign in one entry is found, with its place") {
  const Point point;
  const auto wrong = [](const Views& at) {
    auto result = gradient(at);
    result[1][6] *= -1;
    return result;
  };
  GradcheckOptions options;
  options.names = {"x", "y"};
  const auto report = gradcheck(value, wrong, point.views(), options);
  CHECK_FALSE(report.passes(tolerance));
  CHECK(report.worst.argument == 1);
  CHECK(report.worst.row == 1);
  CHECK(report.worst.column == 2);
  CHECK(std::abs(report.worst.analytic + report.worst.numeric) <=
        1e-9 * std::abs(report.worst.numeric));
  INFO(text(report));
  CHECK(contains(text(report), "y, row 1, column 2: analytic"));
  CHECK(contains(text(gradcheck(value, wrong, point.views())), "argument 1, row 1, column 2"));
}

TEST_CASE("a wrong factor, a wrong entry and a NaN are found") {
  const Point point;
  const auto with_error = [&](auto&& error) {
    return gradcheck(
        value,
        [&](const Views& at) {
          auto result = gradient(at);
          error(result);
          return result;
        },
        point.views());
  };
  CHECK_FALSE(with_error([](Gradients& g) {
                for (double& entry : g[0]) entry *= 2;
              }).passes(tolerance));
  CHECK_FALSE(with_error([](Gradients& g) { g[0][11] += 1e-5; }).passes(tolerance));
  CHECK_FALSE(with_error([](Gradients& g) { g[1][0] = 0; }).passes(tolerance));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(with_error([=](Gradients& g) { g[0][0] = nan; }).passes(tolerance));
  CHECK_FALSE(with_error([=](Gradients& g) { g[1][11] = nan; }).passes(tolerance));
  CHECK(with_error([](Gradients&) {}).passes(tolerance));
}

TEST_CASE("random directions find errors too, the same for the same seed") {
  const Point point;
  GradcheckOptions options;
  options.directions = 3;
  const auto right = gradcheck(value, gradient, point.views(), options);
  INFO(right);
  CHECK(right.passes(1e-10));
  CHECK(right.checked == 6);
  CHECK(contains(text(right), "direction"));
  const auto wrong = [](const Views& at) {
    auto result = gradient(at);
    result[0][5] *= -1;
    return result;
  };
  const auto found = gradcheck(value, wrong, point.views(), options);
  CHECK_FALSE(found.passes(tolerance));
  CHECK(gradcheck(value, wrong, point.views(), options).error == found.error);
  options.seed = 2;
  CHECK(gradcheck(value, wrong, point.views(), options).error != found.error);
}

TEST_CASE("an argument without a gradient counts as constant") {
  const Point point;
  const auto report = gradcheck(
      value,
      [](const Views& at) {
        auto result = gradient(at);
        result[0].clear();
        return result;
      },
      point.views());
  CHECK(report.passes(1e-10));
  CHECK(report.checked == 12);
}

TEST_CASE("a point on a kink is refused by name, not judged") {
  const auto positive = [](double x) { return x > 0 ? x : 0.0; };
  const auto step = [](double x) { return x > 0 ? 1.0 : 0.0; };
  const auto on_it = check_entries(row({1, 0, -1}), positive, step);
  CHECK_FALSE(on_it.passes(tolerance));
  CHECK(on_it.kinks == 1);
  CHECK(on_it.first_kink.column == 1);
  CHECK(contains(text(on_it), "the differences do not settle"));
  CHECK(contains(text(on_it), "row 0, column 1"));
  // |x| has equal differences on both sides of 0, which look like a derivative of 0.
  const auto even = check_entries(
      row({1, 0, -1}), [](double x) { return std::abs(x); },
      [](double x) { return x > 0   ? 1.0
                            : x < 0 ? -1.0
                                    : 0.0; });
  CHECK(even.kinks == 1);
  CHECK_FALSE(even.passes(tolerance));
  const auto jump = check_entries(row({1, 0, -1}), step, [](double) { return 0.0; });
  CHECK(jump.kinks == 1);
}

TEST_CASE("a kink nearby is no obstacle") {
  const auto positive = [](double x) { return x > 0 ? x * x + x : 0.0; };
  const auto slope = [](double x) { return x > 0 ? 2 * x + 1 : 0.0; };
  const auto report = check_entries(row({1, 1e-3, -1e-3}), positive, slope);
  INFO(report);
  CHECK(report.passes(tolerance));
}

TEST_CASE("a kink is passed by or refused, at whatever distance, and never judged wrongly") {
  const auto positive = [](double x) { return x > 0 ? x * x + x : 0.0; };
  const auto slope = [](double x) { return x > 0 ? 2 * x + 1 : 0.0; };
  for (double distance = 1e-12; distance < 0.1; distance *= 1.7) {
    for (const double sign : {1.0, -1.0}) {
      const auto report = check_entries(row({1, sign * distance, -1}), positive, slope);
      INFO("distance " << sign * distance << ": " << report);
      CHECK(report.kinks <= 1);
      CHECK(report.error <= tolerance);
      if (distance > 1e-3) CHECK(report.passes());
      if (distance < 1e-5) CHECK(report.kinks == 1);
      const auto wrong = check_entries(row({1, sign * distance, -1}), positive,
                                       [&](double x) { return 1.01 * slope(x) + 0.01; });
      CHECK_FALSE(wrong.passes());
    }
  }
}

TEST_CASE("a hinge of VICReg within reach is refused") {
  // Two rows: the standard deviation of a column is the difference over the square root of 2.
  for (const double distance : {0.0, 1e-7, -1e-7}) {
    Matrix<double> z(2, 2);
    z(1, 0) = std::sqrt(2 * (1 - 1e-4)) + distance;  // on the target of 1, with its ε
    z(1, 1) = 0.5;
    const auto report = gradcheck(selfsup::VicReg<double>(), {z});
    INFO("distance " << distance << ": " << report);
    CHECK(report.kinks == 2);
    CHECK(report.first_kink.column == 0);
    CHECK_FALSE(report);
  }
}

TEST_CASE("a value or a gradient that differs between two calls is refused by name") {
  const Point point;
  int calls = 0;
  const auto noisy = [&](const Views& at) { return value(at) + 1e-12 * ++calls; };
  const auto noisy_gradient = [&](const Views& at) {
    auto result = gradient(at);
    result[1][7] += 1e-9 * ++calls;
    return result;
  };
  for (const auto& report : {gradcheck(noisy, gradient, point.views()),
                             gradcheck(value, noisy_gradient, point.views())}) {
    CHECK_FALSE(report.repeatable);
    CHECK_FALSE(report.passes(1));
    CHECK(contains(report.message(), "two calls at the same point differ"));
  }
  // NaN twice is the same answer, and a wrong one.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto undefined = gradcheck([=](const Views&) { return nan; }, gradient, point.views());
  CHECK(undefined.repeatable);
  CHECK_FALSE(undefined);
}

TEST_CASE("a value that is not finite is refused by name, whatever the gradient") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value_there : {infinity, -infinity, std::nan("")}) {
    for (const std::size_t directions : {std::size_t{0}, std::size_t{3}}) {
      GradcheckOptions options;
      options.directions = directions;
      const auto report = check_row(
          row({1, 2, 3}), [&](double) { return value_there; }, {4, 4, 4}, options);
      INFO(report);
      CHECK_FALSE(report);
      CHECK_FALSE(report.passes(infinity));
      CHECK(report.checked == 0);
      CHECK(contains(report.message(), "the value at this point is "));
      CHECK(contains(report.message(), "a finite one expected"));
    }
  }
}

TEST_CASE("a value whose rounding hides the derivatives is refused by name") {
  const auto high = [](double sum) { return 1e15 + sum; };
  for (const std::size_t directions : {std::size_t{0}, std::size_t{3}}) {
    GradcheckOptions options;
    options.directions = directions;
    for (const double entry : {4.0, 1.0, 1e-3, 1e6}) {  // 1 is right: that cannot be known here
      const auto report = check_row(row({1, 2, 3}), high, {entry, entry, entry}, options);
      INFO(report);
      CHECK_FALSE(report);
      CHECK(report.kinks == 0);
      CHECK(report.resolution > report.tolerance);
      CHECK(report.hidden > 1);
      CHECK(contains(report.message(),
                     "cannot be judged, since the rounding of the value, 1e+15, "
                     "hides derivatives smaller than "));
    }
    // What is far above the rounding shows all the same.
    CHECK(check_row(row({1, 2, 3}), high, {1e6, 1e6, 1e6}, options).error > 0.5);
    CHECK(check_row(
        row({1, 2, 3}), [](double sum) { return 1e3 + sum; }, {1, 1, 1}, options));
    CHECK_FALSE(check_row(
        row({1, 2, 3}), [](double sum) { return 1e3 + sum; }, {4, 4, 4}, options));
  }
}

TEST_CASE("beside a value of whatever size a gradient is judged rightly or refused") {
  for (double offset = 1; offset < 1e20; offset *= 1.7) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
      for (const std::size_t directions : {std::size_t{0}, std::size_t{3}}) {
        GradcheckOptions options;
        options.directions = directions;
        options.seed = seed;
        const auto at = tests::random_matrix(1, 5, seed);
        const auto high = [=](double sum) { return offset + std::sin(sum); };
        double sum = 0;
        for (const double x : at.entries()) sum += x;
        const auto right = check_row(at, high, std::vector<double>(5, std::cos(sum)), options);
        const auto wrong =
            check_row(at, high, std::vector<double>(5, 1.001 * std::cos(sum)), options);
        INFO(offset << ": " << right);
        CHECK((right.passes() || right.resolution > right.tolerance));
        CHECK_FALSE(wrong.passes());
        if (offset < 1e3) CHECK(right);
        if (offset > 1e9) CHECK_FALSE(right);
      }
    }
  }
}

TEST_CASE("the report says how small an error would have been seen") {
  const Point point;
  const auto with_error = [&](double error, std::size_t directions) {
    GradcheckOptions options;
    options.directions = directions;
    return gradcheck(
        value,
        [&](const Views& at) {
          auto result = gradient(at);
          result[1][6] += error;
          return result;
        },
        point.views(), options);
  };
  const auto exact = gradient(point.views());
  double largest = 0;
  for (std::size_t k = 0; k < 2; ++k) {
    for (const double entry : exact[k]) largest = std::max(largest, std::abs(entry));
  }
  for (const std::size_t directions : {std::size_t{0}, std::size_t{3}}) {
    const auto right = with_error(0, directions);
    INFO(right);
    CHECK(right.resolution > 0);
    CHECK(right.resolution < 1e-10);
    CHECK(contains(right.message(), "up would be seen"));
    CHECK_FALSE(right.passes(right.resolution / 2));  // no tolerance below it can be judged
    const auto wrong = with_error(1e-8 * largest, directions);
    INFO(wrong);
    CHECK(wrong.error > 100 * right.resolution);
    CHECK(wrong.error > 100 * right.error);
  }
}

TEST_CASE("each of three directions sees two entries exchanged, or two signs") {
  GradcheckOptions options;
  options.directions = 3;
  std::size_t missed = 0, missed_by_one = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    options.seed = seed;
    const auto at = tests::random_matrix(1, 40, seed);
    const auto square = [](const Views& views) {
      double sum = 0;
      for (std::size_t c = 0; c < 40; ++c) sum += views[0](0, c) * views[0](0, c);
      return sum;
    };
    const auto check = [&](const auto& spoil) {
      return gradcheck(
          square,
          [&](const Views& views) {
            Gradients result(1);
            for (std::size_t c = 0; c < 40; ++c) result[0].push_back(2 * views[0](0, c));
            spoil(result[0]);
            return result;
          },
          {at}, options);
    };
    INFO("seed " << seed);
    CHECK(check([](auto&) {}));
    const std::size_t i = seed % 40, j = (7 * seed + 1) % 40;
    const auto exchange = [&](std::vector<double>& entries) { std::swap(entries[i], entries[j]); };
    missed += i != j && check(exchange).passes();
    options.directions = 1;
    missed_by_one += i != j && check(exchange).passes();
    // Equal and opposite errors: a direction that weighs the two alike sees neither.
    missed_by_one += i != j && check([&](std::vector<double>& entries) {
                                 entries[i] += 1e-3;
                                 entries[j] -= 1e-3;
                               }).passes();
    options.directions = 3;
  }
  CHECK(missed == 0);
  CHECK(missed_by_one == 0);
}

TEST_CASE("gradients and arguments whose squares overflow are judged") {
  for (const std::size_t directions : {std::size_t{0}, std::size_t{3}}) {
    GradcheckOptions options;
    options.directions = directions;
    for (const double factor : {1e200, 1e-200}) {
      INFO("factor " << factor << ", " << directions << " directions");
      const auto scaled = [=](double sum) { return factor * sum; };
      CHECK(check_row(row({1, 2, 3}), scaled, {factor, factor, factor}, options));
      CHECK_FALSE(check_row(row({1, 2, 3}), scaled, {factor, 1.1 * factor, factor}, options));
      const auto far = row({1 / factor, 2 / factor, 3 / factor});
      CHECK(check_row(far, scaled, {factor, factor, factor}, options));
      CHECK_FALSE(check_row(far, scaled, {factor, 1.1 * factor, factor}, options));
    }
  }
}

TEST_CASE("a loss that steps by itself is checked at its first step") {
  const auto z = row({0.7});
  CHECK(gradcheck(Stepped<double>(), {z}));
  CHECK(gradcheck(Stepped<double>({true}), {z}));
  CHECK(gradcheck(Stepped<float>({true}), {tests::cast<float>(z)}));
}

TEST_CASE("the tolerance is that of the types") {
  const Point point;
  const auto in_float = [](const Views& at) {
    std::vector<std::vector<float>> result;
    for (const auto& part : gradient(at)) result.emplace_back(part.begin(), part.end());
    return result;
  };
  const auto float_value = [](const Views& at) { return static_cast<float>(value(at)); };
  const auto exact = gradcheck(value, gradient, point.views());
  const auto float_gradient = gradcheck(value, in_float, point.views());
  const auto all_float = gradcheck(float_value, in_float, point.views());
  CHECK(exact.tolerance == 1e-7);
  CHECK(float_gradient.tolerance == 1e-5);
  CHECK(all_float.tolerance == 1e-3);
  for (const auto& report : {exact, float_gradient, all_float}) {
    INFO(report);
    CHECK(report);
  }
  CHECK_FALSE(float_gradient.passes(1e-9));
  const auto wrong = [&](const Views& at) {
    auto result = in_float(at);
    result[0][5] *= 1.05f;
    return result;
  };
  CHECK_FALSE(gradcheck(float_value, wrong, point.views()));
  CHECK(gradcheck(selfsup::NtXent<float>(),
                  {tests::cast<float>(point.x), tests::cast<float>(point.y)})
            .tolerance == 1e-7);
}

TEST_CASE("a value in float is judged over and over") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto x = tests::random_matrix(3, 4, 2 * seed),
               y = tests::random_matrix(3, 4, 2 * seed + 1);
    const auto report =
        gradcheck([](const Views& at) { return static_cast<float>(value(at)); }, gradient, {x, y});
    INFO("seed " << seed << ": " << report);
    CHECK(report);
  }
}

TEST_CASE("functions of any scale are judged") {
  for (const double scale : {1e-20, 1e-6, 1.0, 1e6, 1e20}) {
    INFO("scale " << scale);
    const auto at = row({1.5 * scale, -0.5 * scale, 2 * scale});
    const auto report = check_entries(
        at, [=](double x) { return std::exp(x / scale); },
        [=](double x) { return std::exp(x / scale) / scale; });
    CHECK(report.passes(tolerance));
    const auto wrong = check_entries(
        at, [=](double x) { return std::exp(x / scale); },
        [=](double x) { return 1.001 * std::exp(x / scale) / scale; });
    CHECK_FALSE(wrong.passes(tolerance));
  }
}

TEST_CASE("a gradient of exactly 0 passes, and one that should not be 0 fails") {
  const auto at = row({1, 2, 3});
  CHECK(check_entries(
            at, [](double) { return 5.0; }, [](double) { return 0.0; })
            .passes(tolerance));
  CHECK(check_entries(
            at, [](double) { return 0.0; }, [](double) { return 0.0; })
            .passes(tolerance));
  CHECK_FALSE(check_entries(
                  at, [](double x) { return x; }, [](double) { return 0.0; })
                  .passes(tolerance));
  CHECK_FALSE(check_entries(
                  at, [](double) { return 5.0; }, [](double) { return 1e-3; })
                  .passes(tolerance));
  // At the bottom of a valley the value is 0, too.
  const auto bottom = row({0, 0, 0});
  const auto valley = [](double x) { return x * x + x * x * x; };
  CHECK(check_entries(bottom, valley, [](double) { return 0.0; }).passes(tolerance));
  CHECK_FALSE(check_entries(bottom, valley, [](double) { return 1e-9; }).passes(tolerance));
}

TEST_CASE("gradients of another size are refused") {
  const Point point;
  CHECK_THROWS_AS(gradcheck(
                      value, [](const Views&) { return Gradients(1); }, point.views()),
                  selfsup::ShapeError);
  CHECK_THROWS_AS(gradcheck(
                      value,
                      [](const Views&) {
                        return Gradients{{1, 2}, {}};
                      },
                      point.views()),
                  selfsup::ShapeError);
}

TEST_CASE("a loss object is checked, a float one in double") {
  const auto z = tests::cast<float>(tests::random_views(6, 5, 1, 4));
  const auto check = [](const auto& report, std::size_t checked) {
    INFO(report);
    CHECK(report.passes(tolerance));
    CHECK(report.checked == checked);
  };
  check(gradcheck(selfsup::NtXent<float>(), {z[0], z[1]}), 60);
  check(gradcheck(selfsup::InfoNce<float>(), {z[0], z[1]}), 60);
  check(gradcheck(selfsup::VicReg<float>(), {z[0], z[1]}), 60);
  check(gradcheck(selfsup::VicReg<float>(), {z[0]}), 30);
  check(gradcheck(selfsup::Byol<float>(), {z[0], z[1]}), 30);
  check(gradcheck(selfsup::Byol<float>(), {z[0], z[1], z[2], z[3]}), 60);
  selfsup::SimSiamOptions options;
  options.stop_gradient = selfsup::StopGradient::none;
  check(gradcheck(selfsup::SimSiam<float>(options), {z[0], z[1], z[2], z[3]}), 120);
  options.stop_gradient = selfsup::StopGradient::online;
  check(gradcheck(selfsup::SimSiam<float>(options), {z[0], z[1]}), 30);
  const auto exact = tests::random_views(6, 5, 1);
  check(gradcheck(selfsup::NtXent<double>(), {exact[0], exact[1]}), 60);
}

TEST_CASE("a loss at a row of zeros is refused: its norm has no derivative there") {
  auto z = tests::random_views(4, 3, 1);
  for (std::size_t d = 0; d < 3; ++d) z[0](2, d) = 0;
  const auto report = gradcheck(selfsup::NtXent<double>(), {z[0], z[1]});
  INFO(report);
  CHECK_FALSE(report.passes(tolerance));
  CHECK(report.kinks == 3);
  CHECK(report.first_kink.row == 2);
}

TEST_CASE("constants follow the arguments") {
  const Point point;
  const Matrix<double> weights = tests::random_matrix(3, 4, 9);
  const auto report = gradcheck(Weighted<float>(), {tests::cast<float>(point.x)}, {}, weights);
  INFO(report);
  CHECK(report);
  CHECK(report.checked == 12);
  // As an argument, one that backward takes no gradient of.
  const auto argument = gradcheck(Weighted<double>(), {point.x, weights});
  INFO(argument);
  CHECK(argument);
  CHECK(argument.checked == 12);
}

TEST_CASE("a number of arguments that a loss does not take is refused") {
  const auto z = tests::random_views(4, 3, 1, 3);
  CHECK_THROWS_AS(gradcheck(selfsup::NtXent<double>(), {z[0], z[1], z[2]}), selfsup::ShapeError);
}
