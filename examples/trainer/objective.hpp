// One face for the losses of the library: how well does the network's output on each view fit the
// other view, and which change of the outputs lowers the loss?
#pragma once

#include "matrix.hpp"
#include "methods.hpp"

#include "selfsup/losses/barlow_twins.hpp"
#include "selfsup/losses/byol.hpp"
#include "selfsup/losses/info_nce.hpp"
#include "selfsup/losses/nt_xent.hpp"
#include "selfsup/losses/simsiam.hpp"
#include "selfsup/losses/vicreg.hpp"

#include <memory>

namespace trainer {

/// The two views of a batch, (N, D) each.
template <class T>
struct Pair {
  selfsup::ConstView<T> a;
  selfsup::ConstView<T> b;
};

template <class T>
class Objective {
 public:
  virtual ~Objective() = default;
  /// Returns the loss and writes its gradient by the outputs, (N, D) each. `targets` are read by
  /// the methods with a predictor and take no gradient.
  virtual T evaluate(Pair<T> outputs, Pair<T> targets, selfsup::MutView<T> d_a,
                     selfsup::MutView<T> d_b) = 0;
};

/// NtXent, InfoNce, VicReg and BarlowTwins: both views play the same part.
template <class T, class Loss>
class JointObjective : public Objective<T> {
 public:
  explicit JointObjective(const Loss& loss) : loss_(loss) {}
  T evaluate(Pair<T> outputs, Pair<T>, selfsup::MutView<T> d_a, selfsup::MutView<T> d_b) override {
    const T loss = loss_.forward(outputs.a, outputs.b);
    loss_.backward(d_a, d_b);
    return loss;
  }

 private:
  Loss loss_;
};

/// Byol and SimSiam: each view's prediction against the other view's target.
template <class T, class Loss>
class PredictiveObjective : public Objective<T> {
 public:
  T evaluate(Pair<T> outputs, Pair<T> targets, selfsup::MutView<T> d_a,
             selfsup::MutView<T> d_b) override {
    const T loss = loss_.forward(outputs.a, outputs.b, targets.a, targets.b);
    loss_.backward(d_a, d_b);
    return loss;
  }

 private:
  Loss loss_;
};

template <class T>
std::unique_ptr<Objective<T>> make_objective(const Recipe& recipe) {
  switch (recipe.method) {
    case Method::ntxent: {
      selfsup::NtXentOptions options;
      options.temperature = recipe.temperature;
      const selfsup::NtXent<T> loss(options);
      return std::make_unique<JointObjective<T, selfsup::NtXent<T>>>(loss);
    }
    case Method::infonce: {
      selfsup::InfoNceOptions options;
      options.temperature = recipe.temperature;
      options.symmetric = true;
      const selfsup::InfoNce<T> loss(options);
      return std::make_unique<JointObjective<T, selfsup::InfoNce<T>>>(loss);
    }
    case Method::byol:
      return std::make_unique<PredictiveObjective<T, selfsup::Byol<T>>>();
    case Method::simsiam:
      return std::make_unique<PredictiveObjective<T, selfsup::SimSiam<T>>>();
    case Method::vicreg: {
      const selfsup::VicReg<T> loss;
      return std::make_unique<JointObjective<T, selfsup::VicReg<T>>>(loss);
    }
    case Method::barlow:
      break;
  }
  const selfsup::BarlowTwins<T> loss;
  return std::make_unique<JointObjective<T, selfsup::BarlowTwins<T>>>(loss);
}

}  // namespace trainer
