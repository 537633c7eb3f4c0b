// Mlp: Linear and BatchNorm1d with relu in blocks, with forward and backward for the whole.
#pragma once

#include "layers.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace trainer {

/// What follows the last Linear. Every other Linear is followed by BatchNorm1d and relu.
enum class Ending { linear, batch_norm, batch_norm_relu };

template <class T>
class Mlp {
  struct Block {
    Linear<T> linear;
    std::optional<BatchNorm1d<T>> norm;
  };

 public:
  /// What one forward leaves for its backward, and the memory of both.
  class Trace {
   public:
    const Matrix<T>& output() const { return steps_.back().output; }

   private:
    friend class Mlp;
    struct Step {
      Matrix<T> linear;  // what a BatchNorm1d reads
      typename BatchNorm1d<T>::Kept kept;
      Matrix<T> output;
      Matrix<T> d_output;
    };
    selfsup::ConstView<T> input_;
    std::vector<Step> steps_;
  };

  /// widths = {inputs, hidden …, outputs}.
  Mlp(const std::vector<std::size_t>& widths, Ending ending, Random& random) {
    for (std::size_t k = 0; k + 1 < widths.size(); ++k) {
      const bool last = k + 2 == widths.size();
      blocks_.push_back({Linear<T>(widths[k], widths[k + 1], random), std::nullopt});
      if (last && ending == Ending::linear) continue;
      blocks_.back().norm.emplace(widths[k + 1], last && ending == Ending::batch_norm
                                                     ? Activation::none
                                                     : Activation::relu);
    }
  }

  /// Training: x (N, inputs) must stay as it is until backward. Returns trace.output().
  const Matrix<T>& forward(selfsup::ConstView<T> x, Trace& trace) {
    trace.input_ = x;
    trace.steps_.resize(blocks_.size());
    for (std::size_t k = 0; k < blocks_.size(); ++k) {
      Block& block = blocks_[k];
      auto& step = trace.steps_[k];
      const std::size_t width = block.linear.bias.value.cols();
      step.output.resize(x.rows(), width);
      if (block.norm) {
        step.linear.resize(x.rows(), width);
        block.linear.forward(x, step.linear);                      // (1)
        block.norm->forward(step.linear, step.kept, step.output);  // (2)
      } else {
        block.linear.forward(x, step.output);
      }
      x = step.output;
    }
    return trace.output();
  }

  /// Adds to the gradients of the parameters and writes d_x (N, inputs), or skips an empty one.
  /// d_y (N, outputs) is used up: its entries are changed.
  void backward(Trace& trace, selfsup::MutView<T> d_y, selfsup::MutView<T> d_x) {
    for (std::size_t k = blocks_.size(); k-- > 0;) {
      Block& block = blocks_[k];
      const auto& step = trace.steps_[k];
      selfsup::MutView<T> d_input = d_x;
      selfsup::ConstView<T> input = trace.input_;
      if (k > 0) {
        auto& before = trace.steps_[k - 1];
        before.d_output.resize(before.output.rows(), before.output.cols());
        d_input = before.d_output;
        input = before.output;
      }
      if (block.norm) block.norm->backward(step.kept, step.linear, d_y, d_y);  // (2')
      block.linear.backward(input, d_y, d_input);                              // (1')
      d_y = d_input;
    }
  }

  /// Evaluation: running statistics, nothing kept. x (N, inputs), any N.
  Matrix<T> infer(selfsup::ConstView<T> x) {
    Matrix<T> input;
    Matrix<T> output;
    for (Block& block : blocks_) {
      output.resize(x.rows(), block.linear.bias.value.cols());
      block.linear.forward(x, output);
      if (block.norm) block.norm->infer(output, output);
      std::swap(input, output);
      x = input;
    }
    return input;
  }

  /// Calls f(name, parameter) in a fixed order, names like "0.linear.weight".
  template <class F>
  void for_each_parameter(F f) {
    for (std::size_t k = 0; k < blocks_.size(); ++k) {
      const std::string prefix = std::to_string(k) + ".";
      Block& block = blocks_[k];
      f(prefix + "linear.weight", block.linear.weight);
      f(prefix + "linear.bias", block.linear.bias);
      if (!block.norm) continue;
      f(prefix + "norm.scale", block.norm->scale);
      f(prefix + "norm.shift", block.norm->shift);
    }
  }

  /// Calls f(name, matrix) for the running means and variances.
  template <class F>
  void for_each_statistic(F f) {
    for (std::size_t k = 0; k < blocks_.size(); ++k) {
      if (!blocks_[k].norm) continue;
      const std::string prefix = std::to_string(k) + ".norm.running_";
      f(prefix + "mean", blocks_[k].norm->running_mean);
      f(prefix + "variance", blocks_[k].norm->running_variance);
    }
  }

 private:
  std::vector<Block> blocks_;
};

}  // namespace trainer
