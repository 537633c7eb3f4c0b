// What every loss refuses, in which words, and that nothing is written then.
#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "message.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace {

using tests::LossCase;
using tests::Matrix;
using tests::message;

std::string text(std::size_t rows, std::size_t cols) {
  return std::to_string(rows) + "x" + std::to_string(cols);
}

template <class T>
std::vector<Matrix<T>> marked(const LossCase& item, const std::vector<Matrix<T>>& inputs) {
  auto outputs = tests::blank_gradients(item, inputs);
  for (auto& output : outputs) output.entries().assign(output.entries().size(), T(7));
  return outputs;
}

template <class T>
bool untouched(const std::vector<Matrix<T>>& outputs) {
  for (const auto& output : outputs) {
    for (const T entry : output.entries()) {
      if (entry != 7) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("shapes that differ are named, and so are empty batches") {
  for (const LossCase& item : tests::all_losses()) {
    INFO(item.name);
    const auto loss = item.make<float>();
    const auto inputs = tests::cast<float>(tests::inputs_of(item, 6, 4));
    for (std::size_t k = 1; k < inputs.size(); ++k) {
      for (const auto& [rows, cols] : {std::pair{6u, 3u}, std::pair{5u, 4u}, {4u, 6u}, {0u, 4u}}) {
        auto wrong = inputs;
        wrong[k] = Matrix<float>(rows, cols, 1);
        if (k == item.shared_rows && rows > 0 && cols == 4) continue;
        const std::string ending =
            item.arguments[k] + " is " + text(rows, cols) + ", " +
            (k == item.shared_rows && rows == 0 ? "an anchor needs at least one negative"
                                                : item.arguments[0] + " is 6x4");
        const auto call = [&](bool value) {
          return message<selfsup::ShapeError>([&] {
            value ? loss->value(tests::views(wrong)) : loss->forward(tests::views(wrong));
          });
        };
        CHECK(call(false) == item.type + "::forward: " + ending);
        CHECK(call(true) == item.type + "::value: " + ending);
      }
    }
    for (const auto& [rows, cols] : {std::pair{0u, 4u}, std::pair{6u, 0u}, {0u, 0u}}) {
      const std::vector<Matrix<float>> empty(inputs.size(), Matrix<float>(rows, cols));
      const auto found = message<selfsup::ShapeError>([&] { loss->forward(tests::views(empty)); });
      CHECK(found.find(item.type + "::forward: " + item.arguments[0] + " is " + text(rows, cols)) ==
            0);
    }
  }
}

TEST_CASE("outputs of another shape are named, before any is written") {
  for (const LossCase& item : tests::all_losses()) {
    INFO(item.name);
    const auto loss = item.make<double>();
    const auto inputs = tests::inputs_of(item, 6, 4);
    loss->forward(tests::views(inputs));
    std::vector<std::string> names;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (item.has_gradient[k]) names.push_back("d_" + item.arguments[k]);
    }
    for (std::size_t k = 0; k < names.size(); ++k) {
      auto outputs = marked(item, inputs);
      outputs[k] = Matrix<double>(4, 6, 7);
      const auto found =
          message<selfsup::ShapeError>([&] { loss->backward(tests::outputs(outputs)); });
      INFO(found);
      CHECK(found.find(item.type + "::backward: " + names[k] + " is 4x6") == 0);
      CHECK(found.find("6x4") != std::string::npos);
      CHECK(untouched(outputs));
    }
    auto outputs = marked(item, inputs);
    CHECK_NOTHROW(loss->backward(tests::outputs(outputs)));  // the forward still counts
  }
}

TEST_CASE("backward needs a forward that succeeded, not a value") {
  for (const LossCase& item : tests::all_losses()) {
    INFO(item.name);
    const auto loss = item.make<float>();
    const auto inputs = tests::cast<float>(tests::inputs_of(item, 6, 4));
    auto outputs = marked(item, inputs);
    const auto refused = [&] {
      const auto found =
          message<selfsup::StateError>([&] { loss->backward(tests::outputs(outputs)); });
      return found.find(item.type + "::backward") == 0 && untouched(outputs);
    };
    CHECK(refused());
    loss->forward(tests::views(inputs));
    loss->value(tests::views(inputs));
    CHECK(refused());
    loss->forward(tests::views(inputs));
    auto broken = inputs;
    broken[0](2, 1) = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(loss->forward(tests::views(broken)), selfsup::NonFiniteError);
    CHECK(refused());
    loss->forward(tests::views(inputs));
    CHECK_NOTHROW(loss->backward(tests::outputs(outputs)));
  }
}

TEMPLATE_TEST_CASE("an entry that is not finite is named wherever it is", "", float, double) {
  using T = TestType;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  constexpr std::size_t rows = 9, cols = 37;  // whole registers and a tail of every width
  for (const LossCase& item : tests::all_losses()) {
    INFO(item.name);
    const auto loss = item.make<T>();
    const auto inputs = tests::cast<T>(tests::inputs_of(item, rows, cols));
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      auto broken = inputs;
      std::size_t missed = 0;
      for (std::size_t i = 0; i < rows * cols; i += i < cols ? 1 : 11) {
        for (const T bad : {std::numeric_limits<T>::quiet_NaN(), infinity, -infinity}) {
          broken[k].entries()[i] = bad;
          const std::string ending =
              ": " + item.arguments[k] + " is " + (std::isnan(bad) ? "NaN" : "infinite") +
              " in row " + std::to_string(i / cols) + ", column " + std::to_string(i % cols);
          const auto by_forward =
              message<selfsup::NonFiniteError>([&] { loss->forward(tests::views(broken)); });
          const auto by_value =
              message<selfsup::NonFiniteError>([&] { loss->value(tests::views(broken)); });
          if (by_forward != item.type + "::forward" + ending) ++missed;
          if (by_value != item.type + "::value" + ending) ++missed;
        }
        broken[k].entries()[i] = inputs[k].entries()[i];
      }
      INFO(item.arguments[k]);
      CHECK(missed == 0);
    }
  }
}

TEST_CASE("two wrong entries that cancel are found too") {
  for (const LossCase& item : tests::all_losses()) {
    INFO(item.name);
    auto broken = tests::cast<float>(tests::inputs_of(item, 6, 4));
    broken[0](3, 2) = std::numeric_limits<float>::infinity();
    broken[0](4, 2) = -std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(item.make<float>()->forward(tests::views(broken)), selfsup::NonFiniteError);
  }
}

#include "selfsup/core/leave.hpp"
