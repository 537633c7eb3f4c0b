// Stochastic gradient descent with momentum and weight decay, and the schedule of its rate.
#pragma once

#include "layers.hpp"

#include "selfsup/core/parallel.hpp"

#include <cmath>
#include <cstddef>
#include <deque>
#include <string>

namespace trainer {

/// Rises in a line over the first `warm_up` of `total` steps, then falls to 0 as half a cosine.
struct CosineSchedule {
  double highest = 0.1;
  std::size_t warm_up = 0;
  std::size_t total = 1;

  /// The learning rate of step 0, 1, … total − 1. Never 0.
  double rate(std::size_t step) const {
    if (step < warm_up) {
      return highest * static_cast<double>(step + 1) / static_cast<double>(warm_up);
    }
    constexpr double pi = 3.14159265358979323846;
    const auto done = static_cast<double>(step - warm_up);
    return highest * 0.5 * (1 + std::cos(pi * done / static_cast<double>(total - warm_up)));
  }
};

/// v = momentum·v + g + decay·w, w −= rate·v (as in PyTorch), then the gradient is set to 0.
template <class T>
class Sgd {
 public:
  Sgd(double momentum, double weight_decay)
      : momentum_(static_cast<T>(momentum)), weight_decay_(static_cast<T>(weight_decay)) {}

  /// Takes the same model at every step: velocities are kept in the order of its parameters.
  template <class Model>
  void step(Model& model, double rate) {
    for_each(model, [&](const auto&, Parameter<T>& parameter, Matrix<T>& velocity) {
      if (parameter.learns) {
        update(parameter, velocity, static_cast<T>(rate));
      } else {
        parameter.gradient.fill(T{0});
      }
    });
  }

  /// Calls f(name, matrix) for the velocity of each of the model's parameters.
  template <class Model, class F>
  void for_each_velocity(Model& model, F f) {
    for_each(model, [&](const std::string& name, Parameter<T>&, Matrix<T>& velocity) {
      f("velocity." + name, velocity);
    });
  }

 private:
  template <class Model, class F>
  void for_each(Model& model, F f) {
    std::size_t index = 0;
    model.for_each_parameter([&](const std::string& name, Parameter<T>& parameter) {
      if (index == velocities_.size()) {
        velocities_.emplace_back(parameter.value.rows(), parameter.value.cols());
        velocities_.back().fill(T{0});
      }
      f(name, parameter, velocities_[index++]);
    });
  }

  void update(Parameter<T>& parameter, Matrix<T>& velocity, T rate) {
    // Copies: the compiler must not think that a store to v changes them.
    const T momentum = momentum_;
    const T decay = parameter.decays ? weight_decay_ : T{0};
    selfsup::parallel_for(velocity.rows(), velocity.cols(),
                          [&, momentum, decay, rate](std::size_t r) {
                            T* w = parameter.value.row(r);
                            T* g = parameter.gradient.row(r);
                            T* v = velocity.row(r);
                            for (std::size_t c = 0; c < velocity.cols(); ++c) {
                              v[c] = momentum * v[c] + g[c] + decay * w[c];
                              w[c] -= rate * v[c];
                              g[c] = T{0};
                            }
                          });
  }

  T momentum_;
  T weight_decay_;
  std::deque<Matrix<T>> velocities_;
};

}  // namespace trainer
