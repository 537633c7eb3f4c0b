// One or two directions of predictions against targets, with the choice of which side learns: what
// BYOL and SimSiam share.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/call.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/pass_state.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/prediction_rows.hpp"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// The side of a pair that receives no gradient.
enum class StopGradient {
  target,  ///< z is a constant, the published form
  none,    ///< both sides learn
  online   ///< p is a constant
};

namespace kernels {

template <class T>
class PredictionPairs {
 public:
  /// Arguments of the call in the user's order: p, z for one direction, p_a, p_b, z_a, z_b for two;
  /// p_a is paired with z_b and p_b with z_a. Returns weight·Σ of the rows' losses; keeps the
  /// gradient of what can be reached when the call keeps.
  T forward(const Call<T>& call, const RowForm& form, double weight, StopGradient stop_gradient) {
    state_.begin();
    require_batches(call.where, call.arguments);
    directions_ = call.arguments.size() / 2;
    rows_ = call[0].rows();
    cols_ = call[0].cols();
    stop_gradient_ = stop_gradient;
    const bool keeps = call.keeps;
    for (std::size_t i = 0; keeps && i < outputs(); ++i) gradients_[i].grow(rows_, cols_);
    typename PredictionRows<T>::Sums total{0, 0};
    for (std::size_t i = 0; i < directions_; ++i) {
      const std::size_t target = directions_ - 1 - i;  // the other view's
      const ConstView<T> p = p_copy_.of(call[i]), z = z_copy_.of(call[directions_ + target]);
      T* const d_p =
          keeps && stop_gradient != StopGradient::online ? gradients_[i].data() : nullptr;
      T* const d_z =
          keeps && stop_gradient != StopGradient::target ? target_gradient(target) : nullptr;
      const auto sums = kernel_.forward(p, z, form, weight, d_p, d_z);
      total.loss += sums.loss;
      total.check += sums.check;
    }
    if (!is_finite(total.check))
      throw_no_norm(call.where, call.arguments, {true, form.norm_epsilon});
    return end(call, weight * total.loss, state_);
  }

  /// Writes d_loss times the kept gradients to the outputs, in the arguments' order.
  void backward(const char* where, std::initializer_list<MutView<T>> given, double d_loss) const {
    state_.require(where);
    if (given.size() != outputs()) {
      throw ShapeError(std::string(where) + ": " + std::to_string(given.size()) +
                       " outputs given, " + std::to_string(outputs()) +
                       " expected: " + output_names());
    }
    std::size_t i = 0;
    for (const MutView<T>& output : given) require_output(where, name(i++), output, rows_, cols_);
    i = 0;
    for (const MutView<T>& output : given) {
      if (!output.empty()) scaled_copy(gradients_[i].data(), d_loss, output);
      ++i;
    }
  }

  std::size_t bytes() const {
    std::size_t total = p_copy_.bytes() + z_copy_.bytes() + kernel_.bytes();
    for (const Buffer<T>& gradient : gradients_) total += gradient.bytes();
    return total;
  }

 private:
  std::size_t outputs() const {
    return stop_gradient_ == StopGradient::none ? 2 * directions_ : directions_;
  }

  const char* name(std::size_t output) const {
    constexpr const char* one[] = {"d_p", "d_z"};
    constexpr const char* two[] = {"d_p_a", "d_p_b", "d_z_a", "d_z_b"};
    const std::size_t argument =
        output + (stop_gradient_ == StopGradient::online ? directions_ : 0);
    return directions_ == 1 ? one[argument] : two[argument];
  }

  std::string output_names() const {
    std::string names = name(0);
    for (std::size_t i = 1; i < outputs(); ++i) names += std::string(", ") + name(i);
    return names;
  }

  T* target_gradient(std::size_t target) {
    return gradients_[stop_gradient_ == StopGradient::none ? directions_ + target : target].data();
  }

  // Kept for backward: one gradient an output, for d_loss = 1.
  std::array<Buffer<T>, 4> gradients_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t directions_ = 1;
  StopGradient stop_gradient_ = StopGradient::target;
  PassState state_;
  // Scratch.
  ContiguousRows<T> p_copy_;
  ContiguousRows<T> z_copy_;
  PredictionRows<T> kernel_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
