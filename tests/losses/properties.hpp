// Checks that return what they found wrong instead of failing themselves, so that the canary can
// feed them a broken loss and expect findings.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "matrix.hpp"
#include "tolerances.hpp"

#include "selfsup/testing/gradcheck.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

namespace tests {

/// Sentences about what is wrong; none when all is well.
class Findings {
 public:
  void expect(bool ok, const std::string& sentence) {
    if (!ok) text_ += sentence + "\n";
  }
  void expect_below(double error, double tolerance, const std::string& what) {
    std::ostringstream sentence;
    sentence << what << " is wrong by " << error << ", allowed is " << tolerance;
    expect(error <= tolerance, sentence.str());  // false for NaN
  }
  bool none() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

template <class T>
std::vector<selfsup::ConstView<T>> views(const std::vector<Matrix<T>>& matrices) {
  return {matrices.begin(), matrices.end()};
}
template <class T>
std::vector<selfsup::MutView<T>> outputs(std::vector<Matrix<T>>& matrices) {
  return {matrices.begin(), matrices.end()};
}

/// Outputs for the arguments that have a gradient, filled with NaN.
template <class T>
std::vector<Matrix<T>> blank_gradients(const LossCase& item, const std::vector<Matrix<T>>& inputs) {
  std::vector<Matrix<T>> gradients;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (!item.has_gradient[k]) continue;
    gradients.emplace_back(inputs[k].rows(), inputs[k].cols(), std::numeric_limits<T>::quiet_NaN());
  }
  return gradients;
}

template <class T>
struct Run {
  T value;
  std::vector<Matrix<T>> gradients;

  bool operator==(const Run& other) const {
    bool equal = value == other.value && gradients.size() == other.gradients.size();
    for (std::size_t k = 0; equal && k < gradients.size(); ++k) {
      equal = gradients[k].entries() == other.gradients[k].entries();  // false for NaN
    }
    return equal;
  }
};

template <class T>
Run<T> run(AnyLoss<T>& loss, const LossCase& item, const std::vector<Matrix<T>>& inputs) {
  Run<T> result{loss.forward(views(inputs)), blank_gradients(item, inputs)};
  loss.backward(outputs(result.gradients));
  return result;
}

inline std::vector<Matrix<double>> inputs_of(const LossCase& item, std::size_t rows,
                                             std::size_t cols, std::uint64_t seed = 1) {
  const auto views = [&](std::uint64_t number) {
    return random_views(rows, cols, number + 100 * rows + cols, item.arguments.size(), item.noise);
  };
  // A loss that selects by similarity needs inputs where rounding, or the small steps of a
  // difference, select the same.
  auto inputs = views(seed);
  const double margin = rows <= 17 ? 1e-3 : 5e-7;
  for (std::uint64_t next = 1; item.selects && rows > 2 && cols > 1 && next < 200; ++next) {
    if (item.reference(inputs).margin >= margin) break;
    inputs = views(seed + 100000 * next);
  }
  return inputs;
}

/// The largest |z|² of all rows: how far similarities of rows that are not normalised can reach.
inline double largest_square(const std::vector<Matrix<double>>& inputs) {
  double largest = 0;
  for (const auto& input : inputs) {
    for (std::size_t r = 0; r < input.rows(); ++r) {
      double square = 0;
      for (std::size_t c = 0; c < input.cols(); ++c) square += input(r, c) * input(r, c);
      largest = std::max(largest, square);
    }
  }
  return largest;
}

/// The reference's gradients of the arguments that have one.
inline std::vector<Matrix<double>> expected_gradients(const LossCase& item,
                                                      const reference::Result& expected) {
  std::vector<Matrix<double>> gradients;
  for (std::size_t k = 0; k < expected.gradients.size(); ++k) {
    if (item.has_gradient[k]) gradients.push_back(expected.gradients[k]);
  }
  return gradients;
}

/// Error of all gradients together: as a ratio of 2-norms, and of the largest entries. Entries that
/// differ by less than `floor` count as equal.
struct GradientError {
  double ratio = 0;
  double entry = 0;
};

template <class T>
GradientError gradient_error(const std::vector<Matrix<T>>& found,
                             const std::vector<Matrix<double>>& expected, double floor = 0) {
  double largest = 0;
  for (const auto& gradient : expected) {
    for (const double entry : gradient.entries()) largest = std::max(largest, std::abs(entry));
  }
  double difference = 0, norm = 0, worst = 0;  // in units of the largest, so that no square is lost
  for (std::size_t k = 0; k < expected.size(); ++k) {
    for (std::size_t i = 0; i < expected[k].entries().size(); ++i) {
      const double right = expected[k].entries()[i];
      const double delta = std::abs(static_cast<double>(found[k].entries()[i]) - right);
      if (right != 0) norm += std::pow(right / largest, 2);
      if (delta <= floor) continue;
      difference += std::pow(delta / largest, 2);
      worst = worse(worst, delta / largest);
    }
  }
  if (worst == 0) return {};
  return {std::sqrt(difference / norm), worst};
}

/// How much a relative change of the entries changes the value and the gradients relatively: what
/// any method magnifies the rounding of its own first steps by. Random inputs may lie badly, with
/// views that almost agree or a column that hardly varies.
inline double condition(const LossCase& item, const std::vector<Matrix<double>>& inputs,
                        const reference::Result& expected) {
  constexpr double change = 1e-7;
  std::mt19937_64 engine(1);
  double worst = 1;
  for (int direction = 0; direction < 6; ++direction) {
    auto moved = inputs;
    for (auto& input : moved) {
      for (double& entry : input.entries()) entry *= engine() % 2 == 0 ? 1 + change : 1 - change;
    }
    const auto found = item.reference(moved);
    const auto gradient =
        gradient_error(expected_gradients(item, found), expected_gradients(item, expected));
    for (const double moves : {std::abs(found.value - expected.value) / std::abs(expected.value),
                               gradient.ratio, gradient.entry}) {
      if (moves / change > worst) worst = moves / change;  // not for 0/0
    }
  }
  return worst;
}

/// Value and gradients against the slow reference, which is given as `expected`.
template <class T>
Findings check_reference(const LossCase& item, AnyLoss<T>& loss,
                         const std::vector<Matrix<T>>& inputs, const reference::Result& expected,
                         double amplification) {
  Findings findings;
  const Run<T> found = run(loss, item, inputs);
  const double value_error = std::abs(static_cast<double>(found.value) - expected.value);
  const std::size_t terms = 2 * inputs[0].rows() + inputs[0].cols();
  const double floor = tolerance::underflow<T>(terms) / std::min(1.0, item.temperature);
  const GradientError gradient =
      gradient_error(found.gradients, expected_gradients(item, expected), floor);
  const double d_temperature_error =
      std::abs(loss.d_temperature().value_or(expected.d_temperature) - expected.d_temperature);

  double value_allowed, ratio_allowed, entry_allowed;
  if constexpr (std::is_same_v<T, float>) {
    const double factor = tolerance::sharpness(item.temperature) * amplification;
    value_allowed = tolerance::float_value * factor;
    ratio_allowed = tolerance::float_gradient * factor;
    entry_allowed = tolerance::float_entry * factor;
  } else {
    value_allowed = tolerance::rounding(terms, item.temperature) * amplification;
    ratio_allowed = entry_allowed = value_allowed;
  }
  const double magnitude = std::max(std::abs(expected.value), item.value_scale);
  findings.expect_below(value_error, value_allowed * magnitude + floor, "the value");
  findings.expect_below(gradient.ratio, ratio_allowed, "the gradient's norm");
  findings.expect_below(gradient.entry, entry_allowed, "the gradient's worst entry");
  const auto losses = loss.per_anchor();
  double largest_loss = 0, loss_error = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    largest_loss = std::max(largest_loss, std::abs(expected.losses[i]));
    loss_error = worse(loss_error, std::abs(losses[i] - expected.losses[i]));
  }
  const double logit =
      tolerance::similarity<T>(inputs[0].cols()) / item.temperature * amplification;
  findings.expect_below(loss_error, logit + value_allowed * largest_loss + floor,
                        "an anchor's loss");
  if (const auto accuracy = loss.accuracy()) {
    findings.expect_below(std::abs(*accuracy - expected.accuracy), 0, "the accuracy");
  }
  findings.expect_below(d_temperature_error,
                        ratio_allowed * expected.d_temperature_magnitude + floor / item.temperature,
                        "the derivative by the temperature");
  return findings;
}

/// Value and first derivatives against the golden numbers.
template <class T>
Findings check_golden(const LossCase& item, AnyLoss<T>& loss) {
  Findings findings;
  std::vector<Matrix<double>> inputs{golden_a(), golden_b()};
  inputs.resize(item.arguments.size());
  const Run<T> found = run(loss, item, cast<T>(inputs));
  std::vector<double> expected{item.golden->value};
  std::vector<T> numbers{found.value};
  if (item.has_gradient[0]) expected.push_back(item.golden->d_a00);
  if (inputs.size() > 1 && item.has_gradient[1]) expected.push_back(item.golden->d_b00);
  for (const auto& gradient : found.gradients) numbers.push_back(gradient(0, 0));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double allowed = std::is_same_v<T, float>
                               ? tolerance::golden_float * std::max(1.0, std::abs(expected[i]))
                               : tolerance::golden_double;
    findings.expect_below(std::abs(static_cast<double>(numbers[i]) - expected[i]), allowed,
                          i == 0 ? "the value" : "derivative " + std::to_string(i));
  }
  return findings;
}

/// Every entry of the gradient against central differences of the value.
inline Findings check_differences(const LossCase& item, AnyLoss<double>& loss,
                                  const std::vector<Matrix<double>>& inputs,
                                  const selfsup::GradcheckOptions& options = {}) {
  using Views = std::vector<selfsup::ConstView<double>>;
  const auto gradient = [&](const Views& at) {
    loss.forward(at);
    auto gradients = blank_gradients(item, inputs);
    loss.backward(outputs(gradients));
    std::vector<std::vector<double>> result;
    auto next = gradients.begin();
    for (const bool has : item.has_gradient) {
      result.push_back(has ? (next++)->entries() : std::vector<double>());
    }
    return result;
  };
  const auto report = selfsup::gradcheck([&](const Views& at) { return loss.value(at); }, gradient,
                                         views(inputs), options);
  std::ostringstream text;
  text << report;
  Findings findings;
  findings.expect(report.passes(tolerance::difference), text.str());
  return findings;
}

}  // namespace tests

/// A Catch2 check that a function returned no findings, and their text when it did.
#define CHECK_NONE(...)                           \
  do {                                            \
    const tests::Findings findings = __VA_ARGS__; \
    INFO(findings.text());                        \
    CHECK(findings.none());                       \
  } while (false)

#include "selfsup/core/leave.hpp"
