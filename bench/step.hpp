// One step of a loss on random batches: timed in float, and its error against the same in double.
#pragma once

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/view.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

namespace bench {

/// Inputs and gradients of a step, (N, D) each, aligned as Eigen and PyTorch align theirs.
template <class T>
class Arrays {
 public:
  /// Inputs from the standard normal distribution, the same in every run and every type.
  Arrays(std::size_t N, std::size_t D, std::size_t inputs, std::size_t outputs)
      : N_(N), D_(D), inputs_(inputs), outputs_(outputs) {
    std::mt19937 generator(1);
    std::normal_distribution<float> normal;
    for (auto& input : inputs_) {
      T* const entries = input.grow(N * D);
      for (std::size_t i = 0; i < N * D; ++i) entries[i] = static_cast<T>(normal(generator));
    }
    for (auto& output : outputs_) std::fill_n(output.grow(N * D), N * D, T(0));
  }

  selfsup::ConstView<T> in(std::size_t i) const { return {inputs_[i].data(), N_, D_}; }
  selfsup::MutView<T> out(std::size_t i) { return {outputs_[i].data(), N_, D_}; }
  std::size_t entries() const { return N_ * D_; }
  const T* output(std::size_t i) const { return outputs_[i].data(); }
  std::size_t outputs() const { return outputs_.size(); }

 private:
  std::size_t N_, D_;
  std::vector<selfsup::Buffer<T>> inputs_;
  std::vector<selfsup::Buffer<T>> outputs_;
};

/// ‖found − exact‖/‖exact‖ over all gradients.
inline double gradient_error(const Arrays<float>& found, const Arrays<double>& exact) {
  double difference = 0, norm = 0;
  for (std::size_t k = 0; k < exact.outputs(); ++k) {
    for (std::size_t i = 0; i < exact.entries(); ++i) {
      const double right = exact.output(k)[i];
      difference += std::pow(static_cast<double>(found.output(k)[i]) - right, 2);
      norm += right * right;
    }
  }
  return std::sqrt(difference / norm);
}

/// Times step(loss, arrays), which runs forward and backward and returns the value, with N and D
/// from the benchmark's ranges. Returns the bytes that the loss holds.
template <template <class> class Loss, class Options, class Step>
std::size_t time_step(benchmark::State& state, const Options& options, std::size_t inputs,
                      std::size_t outputs, Step&& step) {
  const auto N = static_cast<std::size_t>(state.range(0));
  const auto D = static_cast<std::size_t>(state.range(1));
  Arrays<float> arrays(N, D, inputs, outputs);
  Loss<float> loss(options);
  float value = step(loss, arrays);  // memory is taken here, not in the steps that are timed
  for (auto _ : state) {
    value = step(loss, arrays);
    benchmark::DoNotOptimize(value);
    benchmark::ClobberMemory();
  }
  Arrays<double> exact(N, D, inputs, outputs);
  Loss<double> reference(options);
  const double exact_value = step(reference, exact);
  state.counters["value_error"] =
      std::abs(static_cast<double>(value) - exact_value) / std::abs(exact_value);
  state.counters["gradient_error"] = gradient_error(arrays, exact);
  return loss.bytes();
}

}  // namespace bench
