// Proof that the checks of every_value.cpp can fail: each is given each loss with an error planted
// in its backward, and must find it.
#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "threads.hpp"

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using tests::AnyLoss;
using tests::LossCase;
using tests::Matrix;

template <class T>
using Error = std::function<void(const std::vector<selfsup::MutView<T>>&)>;

// A loss whose backward is followed by an error.
template <class T>
class Sabotaged : public AnyLoss<T> {
 public:
  using typename AnyLoss<T>::Inputs;
  using typename AnyLoss<T>::Outputs;

  Sabotaged(std::unique_ptr<AnyLoss<T>> loss, Error<T> error)
      : loss_(std::move(loss)), error_(std::move(error)) {}

  T forward(const Inputs& inputs) override { return loss_->forward(inputs); }
  T value(const Inputs& inputs) override { return loss_->value(inputs); }
  void backward(const Outputs& outputs) override {
    loss_->backward(outputs);
    error_(outputs);
  }
  void backward(const Outputs& outputs, T d_loss) override {
    loss_->backward(outputs, d_loss);
    error_(outputs);
  }
  std::unique_ptr<AnyLoss<T>> copy() const override {
    return std::make_unique<Sabotaged>(loss_->copy(), error_);
  }
  std::unique_ptr<AnyLoss<T>> move() override {
    return std::make_unique<Sabotaged>(std::move(loss_), error_);
  }
  std::size_t bytes() const override { return loss_->bytes(); }
  std::optional<double> d_temperature() const override { return loss_->d_temperature(); }

 private:
  std::unique_ptr<AnyLoss<T>> loss_;
  Error<T> error_;
};

template <class T>
struct Planted {
  std::string name;
  bool reaches_golden;  // the golden numbers know the first entry only
  Error<T> error;
};

template <class T>
std::vector<Planted<T>> errors() {
  using Outputs = std::vector<selfsup::MutView<T>>;
  const auto scale = [](const selfsup::MutView<T>& output, T factor) {
    for (std::size_t r = 0; r < output.rows(); ++r) {
      for (std::size_t c = 0; c < output.cols(); ++c) output(r, c) *= factor;
    }
  };
  return {
      {"the sign of one entry", false,
       [](const Outputs& outputs) {
         T* largest = outputs[0].data();
         for (std::size_t i = 0; i < outputs[0].rows() * outputs[0].cols(); ++i) {
           T* const entry = outputs[0].data() + i;
           if (std::abs(*entry) > std::abs(*largest)) largest = entry;
         }
         *largest *= -1;
       }},
      {"the sign of the last view", true,
       [=](const Outputs& outputs) { scale(outputs.back(), T(-1)); }},
      {"a factor 2 on everything", true,
       [=](const Outputs& outputs) {
         for (const auto& output : outputs) scale(output, T(2));
       }},
      {"one percent too much", true, [=](const Outputs& outputs) { scale(outputs[0], T(1.01)); }},
  };
}

}  // namespace

TEST_CASE("the checks find an error planted in any backward") {
  const tests::Threads one(1);  // these batches are too small to share
  for (const LossCase& item : tests::all_losses()) {
    const auto inputs = tests::inputs_of(item, 5, 4);
    const auto expected = item.reference(inputs);
    INFO(item.name);
    CHECK_NONE(tests::check_differences(item, *item.make<double>(), inputs));
    for (const auto& [name, reaches_golden, error] : errors<double>()) {
      INFO(name);
      Sabotaged<double> loss(item.make<double>(), error);
      CHECK_FALSE(tests::check_differences(item, loss, inputs).none());
      CHECK_FALSE(tests::check_reference(item, loss, inputs, expected, 1).none());
      if (item.golden && reaches_golden) CHECK_FALSE(tests::check_golden(item, loss).none());
    }
    for (const auto& [name, reaches_golden, error] : errors<float>()) {
      INFO(name << ", float");
      if (item.golden && reaches_golden) {
        Sabotaged<float> golden(item.make<float>(), error);
        CHECK_FALSE(tests::check_golden(item, golden).none());
      }
      Sabotaged<float> loss(item.make<float>(), error);
      CHECK_FALSE(
          tests::check_reference(item, loss, tests::cast<float>(inputs), expected, 1).none());
    }
  }
}

TEST_CASE("an entry that is NaN is the worst one, wherever it stands") {
  const Matrix<double> expected(2, 3, 1);
  for (std::size_t i = 0; i < 6; ++i) {
    Matrix<double> found(2, 3, 1.5);
    found.entries()[i] = std::nan("");
    CHECK(std::isnan(tests::gradient_error<double>({found}, {expected}).entry));
  }
}

#include "selfsup/core/leave.hpp"
