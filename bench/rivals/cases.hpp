// What the worker can run: the losses of worker.cpp, and what other files of the program add.
#pragma once

#include <Eigen/Core>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace rivals {

struct Shape {
  Eigen::Index N, D;
};

/// One variant of a case, with the arrays that it works on.
class Step {
 public:
  virtual ~Step() = default;
  /// Forward and backward; returns the loss.
  virtual float differentiate() = 0;
  /// What follows in training.
  virtual void update() {}
  /// Over all gradients that differentiate() left.
  virtual double gradient_norm() = 0;
};

using Make = std::function<std::unique_ptr<Step>(Shape)>;
using Variants = std::map<std::string, Make>;
using Cases = std::map<std::string, Variants>;

/// Every case, by name.
inline Cases& cases() {
  static Cases all;
  return all;
}

}  // namespace rivals
