// A loss with one choice of options, its type hidden, so that one test serves every loss.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "golden.hpp"
#include "matrix.hpp"
#include "reference/result.hpp"

#include "selfsup/core/executor.hpp"
#include "selfsup/core/view.hpp"

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tests {

template <class T>
class AnyLoss {
 public:
  using Inputs = std::vector<selfsup::ConstView<T>>;
  using Outputs = std::vector<selfsup::MutView<T>>;

  virtual ~AnyLoss() = default;
  virtual T forward(const Inputs& inputs) = 0;
  virtual T value(const Inputs& inputs) = 0;
  virtual void backward(const Outputs& outputs) = 0;
  virtual void backward(const Outputs& outputs, T d_loss) = 0;
  virtual std::unique_ptr<AnyLoss> copy() const = 0;
  virtual std::unique_ptr<AnyLoss> move() = 0;
  virtual std::size_t bytes() const = 0;
  /// Null: the default.
  virtual void run_on(selfsup::Executor* /*executor*/) {}
  /// Of the losses that have a temperature.
  virtual std::optional<double> d_temperature() const = 0;
  /// Of the losses that have anchors; none of the others.
  virtual std::vector<double> per_anchor() const { return {}; }
  virtual std::optional<double> accuracy() const { return {}; }
  virtual void backward_per_anchor(const Matrix<T>& /*d_anchors*/, const Outputs& /*outputs*/) {}
};

namespace detail {

// Calls a function that takes 1 to 4 views with those of a vector.
template <class Call, class Views, std::size_t... I>
bool spread(const Call& call, const Views& views, std::index_sequence<I...>) {
  if constexpr (std::is_invocable_v<Call, decltype(views[I])...>) {
    if (views.size() == sizeof...(I)) {
      call(views[I]...);
      return true;
    }
  }
  return false;
}
template <class Call, class Views>
void spread(const Call& call, const Views& views) {
  const bool called = spread(call, views, std::make_index_sequence<1>()) ||
                      spread(call, views, std::make_index_sequence<2>()) ||
                      spread(call, views, std::make_index_sequence<3>()) ||
                      spread(call, views, std::make_index_sequence<4>());
  if (!called) throw std::logic_error("the loss has no overload for this number of views");
}

template <class Loss, class = void>
struct HasTemperature : std::false_type {};
template <class Loss>
struct HasTemperature<Loss, std::void_t<decltype(std::declval<const Loss&>().d_temperature())>>
    : std::true_type {};

template <class Loss, class = void>
struct HasAnchors : std::false_type {};
template <class Loss>
struct HasAnchors<Loss, std::void_t<decltype(std::declval<const Loss&>().per_anchor())>>
    : std::true_type {};

// A loss that draws at another step in each forward is called at the first one, so that calls can
// be compared.
template <class Loss>
auto restart(Loss& loss, int) -> decltype(void(loss.set_step(0))) {
  loss.set_step(0);
}
template <class Loss>
void restart(Loss&, long) {}

// A loss of the tests' own may have no executor.
template <class Loss>
auto lend(Loss& loss, selfsup::Executor* executor, int) -> decltype(loss.run_on(*executor)) {
  if (executor == nullptr) return loss.run_on(nullptr);
  loss.run_on(*executor);
}
template <class Loss>
void lend(Loss&, selfsup::Executor*, long) {}

template <class Options, class = void>
struct HasTemperatureOption : std::false_type {};
template <class Options>
struct HasTemperatureOption<Options, std::void_t<decltype(Options::temperature)>> : std::true_type {
};

template <class Options, class = void>
struct HasBudget : std::false_type {};
template <class Options>
struct HasBudget<Options, std::void_t<decltype(Options::memory_budget)>> : std::true_type {};

}  // namespace detail

template <class T, class Loss>
class ErasedLoss : public AnyLoss<T> {
 public:
  using typename AnyLoss<T>::Inputs;
  using typename AnyLoss<T>::Outputs;

  explicit ErasedLoss(Loss loss) : loss_(std::move(loss)) {}

  T forward(const Inputs& inputs) override {
    detail::restart(loss_, 0);
    T result = 0;
    detail::spread(
        [&](auto... view) -> decltype(void(std::declval<Loss&>().forward(view...))) {
          result = loss_.forward(view...);
        },
        inputs);
    return result;
  }
  T value(const Inputs& inputs) override {
    detail::restart(loss_, 0);
    T result = 0;
    detail::spread(
        [&](auto... view) -> decltype(void(std::declval<Loss&>().value(view...))) {
          result = loss_.value(view...);
        },
        inputs);
    return result;
  }
  void backward(const Outputs& outputs) override {
    detail::spread(
        [&](auto... view) -> decltype(void(std::declval<Loss&>().backward(view...))) {
          loss_.backward(view...);
        },
        outputs);
  }
  void backward(const Outputs& outputs, T d_loss) override {
    detail::spread([&](auto... view) -> decltype(void(std::declval<Loss&>().backward(
                                         view..., T(1)))) { loss_.backward(view..., d_loss); },
                   outputs);
  }
  std::unique_ptr<AnyLoss<T>> copy() const override { return std::make_unique<ErasedLoss>(loss_); }
  std::unique_ptr<AnyLoss<T>> move() override {
    return std::make_unique<ErasedLoss>(std::move(loss_));
  }
  void run_on(selfsup::Executor* executor) override { detail::lend(loss_, executor, 0); }
  std::size_t bytes() const override { return loss_.bytes(); }
  std::optional<double> d_temperature() const override {
    if constexpr (detail::HasTemperature<Loss>::value) return loss_.d_temperature();
    return {};
  }
  std::vector<double> per_anchor() const override {
    std::vector<double> losses;
    if constexpr (detail::HasAnchors<Loss>::value) {
      const auto view = loss_.per_anchor();
      losses.assign(view.data(), view.data() + view.rows());
    }
    return losses;
  }
  std::optional<double> accuracy() const override {
    if constexpr (detail::HasAnchors<Loss>::value) return loss_.accuracy();
    return {};
  }
  void backward_per_anchor(const Matrix<T>& d_anchors, const Outputs& outputs) override {
    if constexpr (detail::HasAnchors<Loss>::value) {
      detail::spread(
          [&](auto... view) -> decltype(void(
                                std::declval<Loss&>().backward_per_anchor(d_anchors, view...))) {
            loss_.backward_per_anchor(d_anchors, view...);
          },
          outputs);
    }
  }

 private:
  Loss loss_;
};

/// Makes the loss, with another memory budget than the options' if one is given.
template <class T>
using MakeLoss = std::function<std::unique_ptr<AnyLoss<T>>(std::optional<std::size_t> budget)>;

/// Everything that the common properties need to know about one loss with one choice of options.
struct LossCase {
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  std::string name;
  std::string header;                  // stem of its file in selfsup/losses
  std::string type;                    // as in its messages: "NtXent" of "NtXent::forward"
  std::vector<std::string> arguments;  // as in its messages: {"z_a", "z_b"}
  std::function<reference::Result(const std::vector<Matrix<double>>&)> reference;

  /// The same with dL/dℓ_i given for each anchor, of the losses that have anchors.
  std::function<reference::Result(const std::vector<Matrix<double>>&, const std::vector<double>&)>
      weighted_reference = {};

  std::vector<bool> has_gradient = {true, true};  // by argument; a stopped one has none
  bool any_order = true;                          // samples may change places
  std::vector<std::size_t> exchange = {};  // arguments in another order that gives the same value
  std::size_t shared_rows = none;          // an argument with rows of its own number
  bool normalizes = true;                  // rows count by direction only, so z·dz = 0
  bool centres = false;                    // columns count without their means
  bool selects = false;                    // the value has kinks where similarities are equal
  bool by_angles = false;                  // entries are angles: of long rows rounding is left
  bool slow_by_rows = false;               // the reference takes N²·D steps, or N sines a slice
  bool slow_by_columns = false;            // … or N·D²
  double temperature = 1;
  double lowest = 0;  // the range of its values
  double highest = std::numeric_limits<double>::infinity();
  double value_scale = 0;  // a smaller value is right to a part of this, not of itself
  double noise = 0.25;     // between the views of its inputs
  std::size_t min_rows = 1;
  std::size_t min_cols = 1;
  std::optional<Golden> golden = {};
  /// How much the documented method magnifies rounding at these inputs, in float or in double.
  std::function<double(const std::vector<Matrix<double>>&, bool in_float)> magnifies = {};

  MakeLoss<float> make_float = {};
  MakeLoss<double> make_double = {};
  bool has_budget = false;
  // At another temperature, of the losses that have one.
  std::function<std::unique_ptr<AnyLoss<float>>(double)> make_float_at = {};
  std::function<std::unique_ptr<AnyLoss<double>>(double)> make_double_at = {};

  template <class T>
  double amplification(const std::vector<Matrix<double>>& inputs) const {
    return magnifies ? magnifies(inputs, std::is_same_v<T, float>) : 1;
  }

  template <class T>
  std::unique_ptr<AnyLoss<T>> make(std::optional<std::size_t> budget = {}) const {
    if constexpr (std::is_same_v<T, float>) {
      return make_float(budget);
    } else {
      return make_double(budget);
    }
  }
};

/// Fills in how to make the loss.
template <template <class> class Loss, class Options>
LossCase with_loss(const Options& options, LossCase item) {
  const auto chosen = [options](std::optional<std::size_t> budget) {
    Options changed = options;
    if constexpr (detail::HasBudget<Options>::value) {
      if (budget) changed.memory_budget = *budget;
    }
    return changed;
  };
  item.make_float = [=](std::optional<std::size_t> budget) {
    return std::make_unique<ErasedLoss<float, Loss<float>>>(Loss<float>(chosen(budget)));
  };
  item.make_double = [=](std::optional<std::size_t> budget) {
    return std::make_unique<ErasedLoss<double, Loss<double>>>(Loss<double>(chosen(budget)));
  };
  item.has_budget = detail::HasBudget<Options>::value;
  if constexpr (detail::HasTemperatureOption<Options>::value) {
    const auto at = [options](double temperature) {
      Options changed = options;
      changed.temperature = temperature;
      return changed;
    };
    item.make_float_at = [=](double temperature) {
      return std::make_unique<ErasedLoss<float, Loss<float>>>(Loss<float>(at(temperature)));
    };
    item.make_double_at = [=](double temperature) {
      return std::make_unique<ErasedLoss<double, Loss<double>>>(Loss<double>(at(temperature)));
    };
  }
  return item;
}

/// The one list that drives the common properties.
const std::vector<LossCase>& all_losses();

/// The losses of the header that the environment's TESTS_LOSS names; without it all of them. For
/// tests tagged [by_loss].
std::vector<LossCase> chosen_losses();

/// A part of it, in the test file of each loss.
struct LossCases {
  LossCases(std::vector<LossCase> (*make)());
};

}  // namespace tests

#include "selfsup/core/leave.hpp"
