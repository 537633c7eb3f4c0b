// One face for the losses of the library: how well does the network's output on each view fit the
// other view, and which change of the outputs lowers the loss?
#pragma once

#include "matrix.hpp"
#include "methods.hpp"

#include "selfsup/core/labels.hpp"
#include "selfsup/core/view.hpp"

#include <cstddef>
#include <memory>

namespace trainer {

/// One matrix for each of the two views of a batch, (N, D) each.
template <class Matrix>
struct Pair {
  Matrix a;
  Matrix b;
};

/// What a loss may read of a batch.
template <class T>
struct Outputs {
  Pair<selfsup::ConstView<T>> outputs;  // embeddings, or predictions where there is a predictor
  Pair<selfsup::ConstView<T>> targets;  // embeddings to be predicted: byol, simsiam, moco
  selfsup::Labels labels;               // N, of the images: supcon
  std::size_t step;                     // decides what a loss draws at random
};

template <class T>
class Objective {
 public:
  virtual ~Objective() = default;

  /// Returns the loss and writes its gradient by the outputs, (N, D) each. The gradient by the
  /// targets is written too, unless they are constants: those views are empty then.
  virtual T evaluate(const Outputs<T>& batch, Pair<selfsup::MutView<T>> d_outputs,
                     Pair<selfsup::MutView<T>> d_targets) = 0;

  /// What the next evaluation reads of earlier ones, for a checkpoint; nullptr for most losses.
  virtual Matrix<T>* memory() { return nullptr; }
  /// Takes up what was written to that matrix.
  virtual void remember() {}
};

/// For T float and double. `width` is D.
template <class T>
std::unique_ptr<Objective<T>> make_objective(const Recipe& recipe, std::size_t width);

extern template std::unique_ptr<Objective<float>> make_objective(const Recipe&, std::size_t);
extern template std::unique_ptr<Objective<double>> make_objective(const Recipe&, std::size_t);

}  // namespace trainer
