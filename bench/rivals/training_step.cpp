// A step of a whole model: an extra case of the worker where the trainer is built, too.
#include "bench/rivals/cases.hpp"
#include "bench/rivals/inputs.hpp"

#include "selfsup/selfsup.hpp"

#include "model.hpp"
#include "optimizer.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace rivals {
namespace {

/// The trainer's step on D pixels: encoder, projector, NT-Xent, and back; then SGD.
class TrainingStep : public Step {
 public:
  explicit TrainingStep(Shape shape)
      : a_(view(0, shape.N, shape.D)),
        b_(view(1, shape.N, shape.D)),
        model_(*trainer::find_recipe("ntxent"), static_cast<std::size_t>(shape.D), 0),
        optimizer_(0.9, 1e-4) {
    std::uint32_t layer = 0;
    model_.for_each_parameter([&](const std::string&, trainer::Parameter<float>& parameter) {
      if (!parameter.decays) return;  // biases and scales start as in PyTorch
      const auto rows = static_cast<Eigen::Index>(parameter.value.rows());
      const auto cols = static_cast<Eigen::Index>(parameter.value.cols());
      Eigen::Map<Batch>(parameter.value.data(), rows, cols) = weights(layer++, rows, cols);
    });
  }
  float differentiate() override { return model_.accumulate(a_, b_); }
  void update() override { optimizer_.step(model_, 0.1); }
  double gradient_norm() override {
    double squares = 0;
    model_.for_each_parameter([&](const std::string&, trainer::Parameter<float>& parameter) {
      for (std::size_t i = 0; i < parameter.gradient.size(); ++i) {
        squares += std::pow(static_cast<double>(parameter.gradient.data()[i]), 2);
      }
    });
    return std::sqrt(squares);
  }

 private:
  Batch a_, b_;
  trainer::Model<float> model_;
  trainer::Sgd<float> optimizer_;
};

[[maybe_unused]] const bool added =
    cases()
        .emplace("training_step",
                 Variants{{"selfsup",
                           [](Shape shape) { return std::make_unique<TrainingStep>(shape); }}})
        .second;

}  // namespace
}  // namespace rivals
