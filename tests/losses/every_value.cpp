// What every loss computes, against the three oracles: golden numbers, slow references,
// differences.
#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "sanitizer.hpp"
#include "threads.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using tests::LossCase;
using tests::Matrix;

struct Shape {
  std::size_t rows, cols;
};

// A relative error needs a gradient that is not 0: rows of one column have no other direction.
bool fits(const LossCase& item, const Shape& shape) {
  if (item.normalizes && shape.cols == 1) return false;
  return shape.rows >= item.min_rows && shape.cols >= item.min_cols;
}

// Around every SIMD width (4, 8, 16 and multiples), and both sides of square.
const std::vector<Shape> small_shapes{{1, 1}, {1, 9}, {2, 1}, {2, 2},  {3, 5},  {5, 3},   {7, 8},
                                      {8, 7}, {4, 4}, {9, 2}, {2, 17}, {15, 4}, {16, 16}, {17, 6}};
// Beyond tiles of 192 and 384 rows, depths of 256 and a strip of 128 columns a chunk, and around
// register widths inside them.
const std::vector<Shape> large_shapes{{33, 31},   {31, 65},  {63, 17},  {97, 40},
                                      {101, 130}, {205, 33}, {200, 15}, {65, 64},
                                      {33, 300},  {17, 600}, {9, 1100}};
// Minutes of slow references under AddressSanitizer, which does without.
const std::vector<Shape> largest_shapes{{1100, 9}, {200, 400}};

std::vector<Matrix<double>> exact_in_float(const std::vector<Matrix<double>>& inputs) {
  return tests::cast<double>(tests::cast<float>(inputs));
}

// Where columns count without their means neither scale nor offset costs a digit; of the other
// losses they cost what the problem itself magnifies.
template <class T>
tests::Findings check_far_from_unit(LossCase item, const std::vector<Matrix<double>>& inputs) {
  auto expected = item.reference(inputs);
  const double magnified =
      item.amplification<T>(inputs) * (item.centres ? 1 : tests::condition(item, inputs, expected));
  if (item.selects && expected.margin < 5e-7) return {};               // rounding would select
  if (magnified > (std::is_same_v<T, float> ? 2e3 : 5e11)) return {};  // no two digits are left
  if (!item.normalizes) item.value_scale *= tests::largest_square(inputs);
  const auto loss = item.make<T>();
  const auto rounded = tests::cast<T>(inputs);
  loss->forward(tests::views(rounded));
  expected.accuracy = loss->accuracy().value_or(0);  // not compared: rows so alike tie by rounding
  return tests::check_reference(item, *loss, rounded, expected, magnified);
}

}  // namespace

TEST_CASE("every loss meets its golden numbers") {
  for (const LossCase& item : tests::all_losses()) {
    if (!item.golden) continue;
    INFO(item.name);
    CHECK_NONE(tests::check_golden(item, *item.make<double>()));
    CHECK_NONE(tests::check_golden(item, *item.make<float>()));
  }
}

TEST_CASE("every gradient meets central differences, entry by entry") {
  const tests::Threads one(1);  // these batches are too small to share
  for (const LossCase& item : tests::all_losses()) {
    const auto loss = item.make<double>();
    for (const Shape& shape : small_shapes) {
      if (!fits(item, shape)) continue;
      INFO(item.name << ", " << shape.rows << "x" << shape.cols);
      CHECK_NONE(
          tests::check_differences(item, *loss, tests::inputs_of(item, shape.rows, shape.cols)));
    }
  }
}

TEST_CASE("every gradient meets central differences along random directions beyond a tile") {
  selfsup::GradcheckOptions options;
  options.directions = 2;
  for (const LossCase& item : tests::all_losses()) {
    if (item.selects) continue;  // some selection changes with every step
    const auto loss = item.make<double>();
    for (const Shape& shape : {Shape{101, 40}, Shape{205, 33}}) {
      INFO(item.name << ", " << shape.rows << "x" << shape.cols);
      const auto inputs = tests::inputs_of(item, shape.rows, shape.cols);
      CHECK_NONE(tests::check_differences(item, *loss, inputs, options));
    }
  }
}

TEST_CASE("rows of one column have no gradient where only their direction counts") {
  for (const LossCase& item : tests::all_losses()) {
    if (!item.normalizes) continue;
    const auto inputs = tests::inputs_of(item, 5, 1);
    double shortest = 1;
    for (const auto& input : inputs) {
      for (const double entry : input.entries()) shortest = std::min(shortest, std::abs(entry));
    }
    const auto found = tests::run(*item.make<double>(), item, inputs);
    INFO(item.name);
    for (const auto& gradient : found.gradients) {
      for (const double entry : gradient.entries()) {
        CHECK(std::abs(entry) <= tests::tolerance::rounding(11, item.temperature) / shortest);
      }
    }
  }
}

// Of one column a cosine is the product of two signs.
TEMPLATE_TEST_CASE(
    "rows of one column have the reference's value where only their direction counts", "", float,
    double) {
  using T = TestType;
  for (const LossCase& item : tests::all_losses()) {
    if (!item.normalizes) continue;
    const auto inputs = tests::inputs_of(item, 9, 1);
    const double expected = item.reference(inputs).value;
    const auto found =
        static_cast<double>(item.make<T>()->value(tests::views(tests::cast<T>(inputs))));
    INFO(item.name);
    CHECK(std::abs(found - expected) <=
          tests::tolerance::similarity<T>(1) / item.temperature * (1 + std::abs(expected)));
  }
}

TEST_CASE("every loss meets its reference, in float and in double", "[by_loss]") {
  for (const LossCase& item : tests::chosen_losses()) {
    const auto in_float = item.make<float>();
    const auto in_double = item.make<double>();
    std::vector<Shape> shapes = small_shapes;
    shapes.insert(shapes.end(), large_shapes.begin(), large_shapes.end());
    if (!tests::slow) shapes.insert(shapes.end(), largest_shapes.begin(), largest_shapes.end());
    for (const Shape& shape : shapes) {
      if (!fits(item, shape)) continue;
      INFO(item.name << ", " << shape.rows << "x" << shape.cols);
      const auto inputs = tests::inputs_of(item, shape.rows, shape.cols);  // exact in float
      const auto expected = item.reference(inputs);
      CHECK_NONE(tests::check_reference(item, *in_float, tests::cast<float>(inputs), expected,
                                        item.amplification<float>(inputs)));
      CHECK_NONE(tests::check_reference(item, *in_double, inputs, expected,
                                        item.amplification<double>(inputs)));
    }
  }
}

TEST_CASE("a backward weighted by anchor meets its reference") {
  for (const LossCase& item : tests::all_losses()) {
    if (!item.weighted_reference) continue;
    const auto inputs = tests::inputs_of(item, 9, 6);
    const auto loss = item.make<double>();
    const double value = loss->forward(tests::views(inputs));
    const auto losses = loss->per_anchor();
    std::vector<double> weights;
    for (std::size_t i = 0; i < losses.size(); ++i) {
      weights.push_back(0.3 * static_cast<double>(i % 5) - 0.2);
    }
    const auto expected = item.weighted_reference(inputs, weights);
    Matrix<double> d_anchors(losses.size(), 1);
    d_anchors.entries() = weights;
    auto gradients = tests::blank_gradients(item, inputs);
    loss->backward_per_anchor(d_anchors, tests::outputs(gradients));
    const double allowed = tests::tolerance::rounding(2 * 9 + 6, item.temperature) *
                           item.amplification<double>(inputs);
    INFO(item.name);
    CHECK(tests::gradient_error(gradients, tests::expected_gradients(item, expected)).entry <=
          allowed);
    CHECK(std::abs(loss->d_temperature().value() - expected.d_temperature) <=
          allowed * expected.d_temperature_magnitude);
    // All weights 1 give the gradient of the sum, and the value is a multiple of that.
    double sum = 0;
    for (const double x : losses) sum += x;
    d_anchors.entries().assign(losses.size(), value / sum);
    loss->backward_per_anchor(d_anchors, tests::outputs(gradients));
    const auto plain = tests::run(*loss, item, inputs).gradients;
    CHECK(tests::gradient_error(gradients, plain).entry <= 2 * allowed);
  }
}

TEST_CASE("weights of the wrong number are refused before anything is written") {
  for (const LossCase& item : tests::all_losses()) {
    if (!item.weighted_reference) continue;
    const auto inputs = tests::inputs_of(item, 9, 6);
    const auto loss = item.make<double>();
    auto gradients = tests::blank_gradients(item, inputs);
    CHECK_THROWS_AS(loss->per_anchor(), selfsup::StateError);
    CHECK_THROWS_AS(loss->accuracy(), selfsup::StateError);
    loss->forward(tests::views(inputs));
    const std::size_t anchors = loss->per_anchor().size();
    for (const auto& [rows, cols] :
         {std::pair{anchors + 1, std::size_t{1}}, std::pair{std::size_t{1}, anchors}, {0, 0}}) {
      INFO(item.name << ", " << rows << "x" << cols);
      CHECK_THROWS_AS(
          loss->backward_per_anchor(Matrix<double>(rows, cols), tests::outputs(gradients)),
          selfsup::ShapeError);
    }
    for (const auto& gradient : gradients) CHECK(std::isnan(gradient(0, 0)));
    loss->value(tests::views(inputs));
    CHECK_THROWS_AS(loss->per_anchor(), selfsup::StateError);
  }
}

TEST_CASE(
    "the float gradient keeps its digits where a prediction is almost parallel to its target") {
  for (const LossCase& item : tests::all_losses()) {
    if (item.arguments[0] != "p" || !item.normalizes) continue;
    const auto loss = item.make<float>();
    for (const double distance : {1.0, 1e-1, 1e-2, 1e-3, 1e-4}) {
      auto inputs = tests::random_views(33, 70, 5, item.arguments.size(), distance);
      for (double& entry : inputs[0].entries()) entry *= 1.7;
      const auto rounded = tests::cast<float>(inputs);
      const auto expected = item.reference(tests::cast<double>(rounded));
      const auto found = tests::run(*loss, item, rounded);
      INFO(item.name << ", distance " << distance);
      CHECK(
          tests::gradient_error(found.gradients, tests::expected_gradients(item, expected)).ratio <=
          tests::tolerance::float_gradient);
    }
  }
}

TEST_CASE("the length of rows does not matter where they count by direction, up to 1e20 in float") {
  const float factor = std::ldexp(1.0f, 67);  // about 1.5e20, and its square overflows
  for (const LossCase& item : tests::all_losses()) {
    if (!item.normalizes) continue;
    const auto inputs = tests::cast<float>(tests::inputs_of(item, 9, 6));
    const auto loss = item.make<float>();
    const auto expected = tests::run(*loss, item, inputs);
    const double sharpness = tests::tolerance::sharpness(item.temperature);
    for (std::size_t k = 0, output = 0; k < inputs.size(); ++k) {
      auto longer = inputs;
      for (float& entry : longer[k].entries()) entry *= factor;
      auto found = tests::run(*loss, item, longer);
      if (item.has_gradient[k]) {
        for (float& entry : found.gradients[output].entries()) entry *= factor;
        ++output;
      }
      INFO(item.name << ", argument " << k);
      CHECK(std::abs(found.value - expected.value) <=
            tests::tolerance::float_value * sharpness * std::abs(expected.value));
      CHECK(tests::gradient_error(found.gradients, tests::cast<double>(expected.gradients)).ratio <=
            tests::tolerance::float_gradient * sharpness);
    }
  }
}

TEST_CASE("rows below the norm floor have no gradient, the others are right") {
  for (const LossCase& item : tests::all_losses()) {
    if (!item.normalizes) continue;
    for (const double scale : {1e-14, 1e-20, 0.0}) {
      for (std::size_t k = 0; k < item.arguments.size(); ++k) {
        auto inputs = tests::inputs_of(item, 9, 6);
        for (double& entry : inputs[k].entries()) entry *= scale;
        const auto rounded = tests::cast<float>(inputs);
        const auto exact = tests::cast<double>(rounded);
        const auto expected = item.reference(exact);
        INFO(item.name << ", argument " << k << " times " << scale);
        CHECK_NONE(tests::check_reference(item, *item.make<float>(), rounded, expected,
                                          item.amplification<float>(exact)));
        CHECK_NONE(tests::check_reference(item, *item.make<double>(), exact, expected,
                                          item.amplification<double>(exact)));
      }
    }
  }
}

TEMPLATE_TEST_CASE("a column of 1000 times the others' scale is right", "", float, double) {
  for (const LossCase& item : tests::all_losses()) {
    for (const Shape& shape : {Shape{20, 9}, Shape{9, 20}}) {
      auto inputs = tests::inputs_of(item, shape.rows, shape.cols);
      for (auto& input : inputs) {
        for (std::size_t n = 0; n < shape.rows; ++n) input(n, 5) *= 1000;
      }
      INFO(item.name << ", " << shape.rows << "x" << shape.cols);
      CHECK_NONE(check_far_from_unit<TestType>(item, exact_in_float(inputs)));
    }
  }
}

TEMPLATE_TEST_CASE("columns that vary by 0.01 about 1e4 are right", "", float, double) {
  for (const LossCase& item : tests::all_losses()) {
    for (const Shape& shape : {Shape{20, 9}, Shape{9, 20}}) {
      auto inputs = tests::inputs_of(item, shape.rows, shape.cols);
      for (auto& input : inputs) {
        for (double& entry : input.entries()) entry = 1e4 + 0.01 * entry;
      }
      INFO(item.name << ", " << shape.rows << "x" << shape.cols);
      CHECK_NONE(check_far_from_unit<TestType>(item, exact_in_float(inputs)));
    }
  }
}

TEST_CASE("rows that count by direction only have gradients at right angles to them") {
  for (const LossCase& item : tests::all_losses()) {
    if (!item.normalizes) continue;
    const auto inputs = tests::inputs_of(item, 33, 17);
    const auto found = tests::run(*item.make<double>(), item, inputs);
    double worst = 0;
    std::size_t next = 0;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (!item.has_gradient[k]) continue;
      const auto& gradient = found.gradients[next++];
      for (std::size_t r = 0; r < 33; ++r) {
        double along = 0, magnitude = 0;
        for (std::size_t c = 0; c < 17; ++c) {
          along += inputs[k](r, c) * gradient(r, c);
          magnitude += std::abs(inputs[k](r, c) * gradient(r, c));
        }
        if (along != 0) worst = tests::worse(worst, std::abs(along) / magnitude);
      }
    }
    INFO(item.name);
    // Where almost all of the gradient has been projected away, rounding of what was there is left.
    CHECK(worst <= tests::tolerance::rounding(17, item.temperature) * 100);
  }
}

TEST_CASE("exchanging the views exchanges the gradients") {
  for (const LossCase& item : tests::all_losses()) {
    if (item.exchange.empty()) continue;
    const auto inputs = tests::inputs_of(item, 35, 18);
    std::vector<Matrix<double>> exchanged;
    for (const std::size_t k : item.exchange) exchanged.push_back(inputs[k]);
    const auto loss = item.make<double>();
    const auto before = tests::run(*loss, item, inputs);
    const auto after = tests::run(*loss, item, exchanged);
    std::vector<Matrix<double>> expected = before.gradients;
    for (std::size_t k = 0; k + 1 < expected.size(); k += 2)
      std::swap(expected[k], expected[k + 1]);
    const double allowed = tests::tolerance::rounding(2 * 35 + 18, item.temperature);
    INFO(item.name);
    CHECK(std::abs(before.value - after.value) <= allowed * std::abs(before.value));
    CHECK(tests::gradient_error(after.gradients, expected).entry <= allowed);
  }
}

TEST_CASE("the order of the samples does not matter") {
  constexpr std::size_t N = 37;
  const auto place = [](std::size_t row) { return row * 5 % N; };
  for (const LossCase& item : tests::all_losses()) {
    if (!item.any_order) continue;
    const auto inputs = tests::inputs_of(item, N, 18);
    const auto permuted = [&](std::vector<Matrix<double>> matrices) {
      for (auto& matrix : matrices) {
        const auto copy = matrix;
        for (std::size_t r = 0; r < N; ++r) {
          for (std::size_t c = 0; c < 18; ++c) matrix(place(r), c) = copy(r, c);
        }
      }
      return matrices;
    };
    const auto loss = item.make<double>();
    const auto before = tests::run(*loss, item, inputs);
    const auto after = tests::run(*loss, item, permuted(inputs));
    const double allowed = tests::tolerance::rounding(2 * N + 18, item.temperature) *
                           item.amplification<double>(inputs);
    INFO(item.name);
    CHECK(std::abs(before.value - after.value) <= allowed * std::abs(before.value));
    CHECK(tests::gradient_error(after.gradients, permuted(before.gradients)).entry <= allowed);
  }
}

#include "selfsup/core/leave.hpp"
