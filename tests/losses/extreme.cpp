// What every loss gives at the ends of what it accepts: rows of any length, results at the edge of
// their range, batches larger than memory.
#include "catch.hpp"
#include "denormals.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "sanitizer.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using tests::LossCase;
using tests::Matrix;

// Equal rows of about that length, in every argument.
std::vector<Matrix<double>> equal_rows(const LossCase& item, std::size_t rows, std::size_t cols,
                                       double length) {
  Matrix<double> matrix(rows, cols);
  for (std::size_t n = 0; n < rows; ++n) {
    for (std::size_t j = 0; j < cols; ++j) {
      const double wave = std::sin(0.7 * static_cast<double>(j) + 0.1);
      matrix(n, j) = length * wave / std::sqrt(0.5 * static_cast<double>(cols));
    }
  }
  return std::vector<Matrix<double>>(item.arguments.size(),
                                     tests::cast<double>(tests::cast<float>(matrix)));
}

double largest_entry(const std::vector<Matrix<double>>& matrices) {
  double largest = 0;
  for (const auto& matrix : matrices) {
    for (const double entry : matrix.entries()) largest = std::max(largest, std::abs(entry));
  }
  return largest;
}

}  // namespace

// Logits of 1e18, whose rounding in float is 1e11: all candidates must be compared in one
// arithmetic, and what cancels must cancel exactly.
TEMPLATE_TEST_CASE("equal rows of any length have the reference's value and gradient", "[by_loss]",
                   float, double) {
  using T = TestType;
  if (tests::slow && sizeof(T) == sizeof(double)) return;  // a minute
  const std::vector<double> lengths = tests::slow
                                          ? std::vector<double>{3333.3}
                                          : std::vector<double>{283.1, 1053.0, 3333.3, 3e4, 1e9};
  for (const LossCase& item : tests::chosen_losses()) {
    if (item.by_angles) continue;
    const auto loss = item.make<T>();
    for (const auto& [rows, cols] : {std::pair{2u, 8u}, {4u, 1000u}, {8u, 96u}, {9u, 700u}}) {
      for (const double length : lengths) {
        const auto inputs = equal_rows(item, rows, cols, length);
        const auto expected = item.reference(inputs);
        if (!selfsup::is_finite(expected.value)) continue;  // correlations of constant columns
        const auto found = tests::run(*loss, item, tests::cast<T>(inputs));
        const auto gradients = tests::expected_gradients(item, expected);
        INFO(item.name << ", " << rows << "x" << cols << ", length " << length);
        // A sum of so many terms, each rounded: of logarithms for the value; for the gradient of
        // rows as long as these, whose sum may be 0, over τ. Rows of length 1 are rounded first.
        // Sums over columns are in double.
        const double rounding = tests::tolerance::operations<T>(2 * rows + 8) +
                                tests::tolerance::operations<double>(cols);
        const double logit =
            item.normalizes ? tests::tolerance::similarity<T>(cols) / item.temperature : 0;
        CHECK(std::abs(static_cast<double>(found.value) - expected.value) <=
              (rounding + logit) * std::max(1.0, std::abs(expected.value)));
        const double allowed =
            rounding * (largest_entry(gradients) + largest_entry(inputs) / item.temperature);
        const auto error = tests::gradient_error(found.gradients, gradients, allowed);
        CHECK(error.entry == 0);
      }
    }
  }
}

// Exactly 0 where nothing is left to compare; of directions the rounding of their product.
TEMPLATE_TEST_CASE("one sample against another of any length", "", float, double) {
  using T = TestType;
  for (const LossCase& item : tests::all_losses()) {
    if (item.by_angles || item.min_rows > 1) continue;
    const auto loss = item.make<T>();
    const double logit =
        item.normalizes ? tests::tolerance::similarity<T>(1) / item.temperature : 0;
    for (const double length : {14659.0, 1e9}) {
      std::vector<Matrix<double>> inputs(item.arguments.size(), Matrix<double>(1, 1, 1));
      inputs[0](0, 0) = length;
      const auto expected = item.reference(inputs);
      const auto found = tests::run(*loss, item, tests::cast<T>(inputs));
      INFO(item.name << ", " << length);
      const double rounding = tests::tolerance::operations<T>(8);
      CHECK(std::abs(static_cast<double>(found.value) - expected.value) <=
            rounding * std::abs(expected.value) + logit);
      const auto gradients = tests::expected_gradients(item, expected);
      const double allowed = rounding * largest_entry(gradients) + logit;
      CHECK(tests::gradient_error(found.gradients, gradients, allowed).entry == 0);
    }
  }
}

// At each temperature that the type accepts the two types agree; logits reach 1e38.
TEST_CASE("float and double agree at the ends of the range of temperatures") {
  for (const LossCase& item : tests::all_losses()) {
    if (!item.make_float_at) continue;
    const auto inputs = tests::inputs_of(item, 9, 6);
    for (const double temperature : {1e-37, 1e-20, 1e-10, 1e-4, 1e4, 1e20, 1e37}) {
      INFO(item.name << ", temperature " << temperature);
      const auto in_double = tests::run(*item.make_double_at(temperature), item, inputs);
      if (!(std::abs(in_double.value) < std::numeric_limits<float>::max())) continue;
      const auto loss = item.make_float_at(temperature);
      const auto in_float = tests::run(*loss, item, tests::cast<float>(inputs));
      // A logit has the error of its similarity over τ, and so has the loss where it is that large.
      const double reach = std::max(1.0, tests::largest_square(inputs));
      const double anchors = 2 * 9;  // of a sum
      const double logit = tests::tolerance::similarity<float>(6) * reach / temperature;
      CHECK(std::abs(static_cast<double>(in_float.value) - in_double.value) <=
            anchors * logit + tests::tolerance::float_value * std::abs(in_double.value));
      const auto error = tests::gradient_error(in_float.gradients, in_double.gradients);
      CHECK(selfsup::is_finite(error.ratio));
      // Where the softmax has chosen, or is even, no rounding of a logit matters.
      const bool in_range = temperature <= 1e20 || tests::keeps_denormals();
      if ((temperature < 1e-8 || temperature > 1) && in_range) CHECK(error.ratio <= 1e-4);
    }
  }
}

TEMPLATE_TEST_CASE("results stay in their documented range to the last bit", "", float, double) {
  using T = TestType;
  for (const LossCase& item : tests::all_losses()) {
    const auto loss = item.make<T>();
    std::size_t outside = 0;
    T worst = 0;
    const auto take = [&](const std::vector<Matrix<double>>& inputs) {
      T value = 0;
      try {
        value = loss->value(tests::views(tests::cast<T>(inputs)));
      } catch (const selfsup::NonFiniteError&) {
        return;  // a constant column without ε
      }
      if (value >= static_cast<T>(item.lowest) && value <= static_cast<T>(item.highest)) return;
      ++outside;
      worst = value;
    };
    for (std::size_t seed = 1; seed <= 60; ++seed) {
      const std::size_t rows = std::max(item.min_rows, 1 + seed % 5);
      const std::size_t cols = std::max(item.min_cols, 1 + seed % 7);
      auto inputs = tests::inputs_of(item, rows, cols, seed);
      for (const double factor : {1.0, -1.0, 3.0, -1.0 / 3}) {
        for (std::size_t k = 1; k < inputs.size(); ++k) {
          if (k == item.shared_rows) continue;
          inputs[k] = inputs[0];
          for (double& entry : inputs[k].entries()) entry *= factor;
        }
        take(inputs);
      }
      for (auto& input : inputs) {  // collapsed
        for (std::size_t n = 1; n < input.rows(); ++n) {
          for (std::size_t j = 0; j < cols; ++j) input(n, j) = input(0, j);
        }
      }
      take(inputs);
      for (auto& input : inputs) {  // opposite rows
        for (std::size_t n = 1; n < input.rows(); n += 2) {
          for (std::size_t j = 0; j < cols; ++j) input(n, j) = -input(n, j);
        }
      }
      take(inputs);
    }
    INFO(item.name << ", " << worst << " outside " << item.lowest << " to " << item.highest);
    CHECK(outside == 0);
  }
}

// A first row that is no member of the others' offset: columns are centred about what most have.
TEMPLATE_TEST_CASE("a first row that lies far from all others costs no digit", "", float, double) {
  using T = TestType;
  const auto with_outlier = [](const LossCase& item, std::size_t rows, std::size_t cols) {
    auto inputs = tests::inputs_of(item, rows, cols);
    for (auto& input : inputs) {
      for (double& entry : input.entries()) entry += 1e4;
      for (std::size_t j = 0; j < cols; ++j) input(0, j) = 0;
    }
    return tests::cast<double>(tests::cast<float>(inputs));
  };
  std::string header;
  for (const LossCase& item : tests::all_losses()) {
    if (!item.centres) continue;
    INFO(item.name);
    const auto loss = item.make<T>();
    // Of columns divided by their deviation one row among few has all.
    if (item.header != "barlow_twins") {
      for (const auto& [rows, cols] : {std::pair{500u, 9u}, {9u, 40u}}) {
        INFO(rows << "x" << cols);
        const auto inputs = with_outlier(item, rows, cols);
        CHECK_NONE(tests::check_reference(item, *loss, tests::cast<T>(inputs),
                                          item.reference(inputs), item.amplification<T>(inputs)));
      }
    }
    if (item.header == header) continue;  // minutes of slow references
    // Products in float add a million terms to one of 1e8.
    if (item.header == "grouped_covariance" || item.header == "probed_covariance") continue;
    header = item.header;
    const auto inputs = with_outlier(item, 1000000, 3);
    const auto expected = item.reference(inputs);
    const auto found = tests::run(*loss, item, tests::cast<T>(inputs));
    const double amplification = item.amplification<T>(inputs);
    CHECK(std::abs(static_cast<double>(found.value) - expected.value) <=
          tests::tolerance::float_value * amplification * std::abs(expected.value));
    const auto error =
        tests::gradient_error(found.gradients, tests::expected_gradients(item, expected));
    CHECK(error.ratio <= tests::tolerance::float_gradient * amplification);
  }
}

TEST_CASE("views of more entries than can be addressed are refused") {
  const float entry = 1;
  for (const LossCase& item : tests::all_losses()) {
    if (item.header == "sup_con") continue;  // its cases make as many labels
    INFO(item.name);
    const auto loss = item.make<float>();
    for (const auto& [rows, cols] : {std::pair{std::size_t{1} << 60, std::size_t{1}},
                                     {std::size_t{1} << 60, 128},
                                     {std::size_t{2}, std::size_t{1} << 60},
                                     {std::size_t{1} << 62, std::size_t{1} << 62},
                                     {std::numeric_limits<std::size_t>::max(), 2}}) {
      const std::vector<selfsup::ConstView<float>> views(
          item.arguments.size(), selfsup::ConstView<float>(&entry, rows, cols, 0, 0));
      const std::string start = item.type + "::forward: " + item.arguments[0] + " is " +
                                std::to_string(rows) + "x" + std::to_string(cols);
      const auto found = tests::message<selfsup::ShapeError>([&] { loss->forward(views); });
      INFO(found);
      CHECK(found == start + ", at most 281474976710656 entries expected");
    }
  }
}

TEST_CASE("an output that was never sized is refused, one that is skipped is not") {
  for (const LossCase& item : tests::all_losses()) {
    INFO(item.name);
    const auto loss = item.make<double>();
    const auto inputs = tests::inputs_of(item, 6, 4);
    loss->forward(tests::views(inputs));
    auto gradients = tests::blank_gradients(item, inputs);
    for (std::size_t k = 0; k < gradients.size(); ++k) {
      for (const auto& [rows, cols] : {std::pair{0u, 0u}, {4u, 0u}, {0u, 4u}}) {
        Matrix<double> unsized(rows, cols);
        auto outputs = tests::outputs(gradients);
        outputs[k] = unsized;
        const auto found = tests::message<selfsup::ShapeError>([&] { loss->backward(outputs); });
        INFO(found);
        CHECK(found.find("selfsup::skip") != std::string::npos);
      }
      auto outputs = tests::outputs(gradients);
      outputs[k] = selfsup::skip;
      CHECK_NOTHROW(loss->backward(outputs));
    }
  }
}

TEST_CASE("weights of anchors may be large, and are named when they are not finite") {
  for (const LossCase& item : tests::all_losses()) {
    if (!item.weighted_reference) continue;
    INFO(item.name);
    const auto inputs = tests::cast<float>(tests::inputs_of(item, 9, 6));
    const auto loss = item.make<float>();
    loss->forward(tests::views(inputs));
    const std::size_t anchors = loss->per_anchor().size();
    auto gradients = tests::blank_gradients(item, inputs), large = gradients;
    Matrix<float> d_anchors(anchors, 1, 1);
    loss->backward_per_anchor(d_anchors, tests::outputs(gradients));
    for (float& weight : d_anchors.entries()) weight = 65536;
    loss->backward_per_anchor(d_anchors, tests::outputs(large));
    for (std::size_t k = 0; k < gradients.size(); ++k) {
      for (float& entry : gradients[k].entries()) entry *= 65536;
      CHECK(large[k].entries() == gradients[k].entries());  // a power of two: to the last bit
    }
    d_anchors(3, 0) = std::numeric_limits<float>::quiet_NaN();
    for (auto& gradient : large) gradient.entries().assign(gradient.entries().size(), 7);
    const auto found = tests::message<selfsup::NonFiniteError>(
        [&] { loss->backward_per_anchor(d_anchors, tests::outputs(large)); });
    CHECK(found == item.type + "::backward_per_anchor: d_anchors is NaN in row 3, column 0");
    for (const auto& gradient : large) CHECK(gradient(0, 0) == 7);
  }
}
