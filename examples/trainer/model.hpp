// The networks of a method around its loss:
//   encoder h = f(x), projector z = g(h), for BYOL and SimSiam a predictor p = q(z), and for BYOL
//   and MoCo a target network that follows encoder and projector as a moving average.
#pragma once

#include "network.hpp"
#include "objective.hpp"

#include "selfsup/momentum/ema.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace trainer {

template <class T>
class Model {
 public:
  Model(const Recipe& recipe, std::size_t inputs, std::uint64_t seed)
      : Model(recipe, inputs, Random(seed, Stream::weights)) {}

  /// Returns the loss of two views (N, inputs) and adds its gradient to the parameters. Labels (N)
  /// are read by supcon alone; `step` decides what a loss draws at random.
  T accumulate(selfsup::ConstView<T> x_a, selfsup::ConstView<T> x_b, selfsup::Labels labels = {},
               std::size_t step = 0) {
    forward(x_a, a_);
    forward(x_b, b_);
    const Outputs<T> batch{
        {a_.output(), b_.output()}, {target_output(x_a, a_), target_output(x_b, b_)}, labels, step};
    for (View* view : {&a_, &b_}) {
      view->d_output.resize(view->output().rows(), view->output().cols());
      if (targets_learn_) view->d_target.resize(view->output().rows(), view->output().cols());
    }
    const T loss =
        objective_->evaluate(batch, {a_.d_output, b_.d_output}, {a_.d_target, b_.d_target});
    backward(a_);
    backward(b_);
    return loss;
  }

  /// Moves the target network: ξ += (1 − rate)(θ − ξ), for the parameters. Does nothing where there
  /// is none.
  void move_target(double rate) {
    if (!target_) return;
    move(target_->encoder, encoder_, rate);
    move(target_->projector, projector_, rate);
  }

  /// The embeddings z of the first view of the last batch.
  const Matrix<T>& embedding() const { return a_.projector.output(); }

  /// The representation h of images x (N, inputs), with running statistics.
  Matrix<T> encode(selfsup::ConstView<T> x) { return encoder_.infer(x); }

  /// Calls f(name, parameter) for all that training changes, in a fixed order.
  template <class F>
  void for_each_parameter(F f) {
    encoder_.for_each_parameter(named("encoder", f));
    projector_.for_each_parameter(named("projector", f));
    if (predictor_) predictor_->for_each_parameter(named("predictor", f));
  }

  /// Calls f(name, matrix) for the running statistics that encode() uses.
  template <class F>
  void for_each_statistic(F f) {
    encoder_.for_each_statistic(named("encoder", f));
  }

  /// Calls f(name, matrix) for all that training and encode() read of the steps before: parameters,
  /// those of the target network, the statistics, and what the loss remembers.
  template <class F>
  void for_each_state(F f) {
    const auto value = [&f](const std::string& name, Parameter<T>& parameter) {
      f(name, parameter.value);
    };
    for_each_parameter(value);
    if (target_) {
      target_->encoder.for_each_parameter(named("target_encoder", value));
      target_->projector.for_each_parameter(named("target_projector", value));
    }
    for_each_statistic(f);
    if (Matrix<T>* const memory = objective_->memory()) f("loss.memory", *memory);
  }

  /// Takes up what was written to the matrices of for_each_state.
  void restored() { objective_->remember(); }

 private:
  // What one view leaves behind in each network.
  struct View {
    typename Mlp<T>::Trace encoder;
    typename Mlp<T>::Trace projector;
    std::optional<typename Mlp<T>::Trace> predictor;
    typename Mlp<T>::Trace target_encoder;
    typename Mlp<T>::Trace target_projector;
    Matrix<T> d_output;
    Matrix<T> d_target;  // empty where targets are constants
    Matrix<T> d_embedding;
    Matrix<T> d_representation;

    const Matrix<T>& output() const { return predictor ? predictor->output() : projector.output(); }
  };
  struct Target {
    Mlp<T> encoder;
    Mlp<T> projector;
  };

  Model(const Recipe& recipe, std::size_t inputs, Random random)
      : encoder_(joined(inputs, recipe.encoder), Ending::batch_norm_relu, random),
        projector_(joined(recipe.encoder.back(), recipe.projector),
                   recipe.method == Method::simsiam ? Ending::batch_norm : Ending::linear, random),
        objective_(make_objective<T>(recipe, recipe.projector.back())),
        targets_learn_(recipe.method == Method::simsiam && recipe["stop-gradient"] == 0) {
    if (recipe.predictor > 0) {
      const std::size_t width = recipe.projector.back();
      const std::vector<std::size_t> widths = {width, recipe.predictor, width};
      predictor_.emplace(widths, Ending::linear, random);
      predictor_->for_each_parameter([&](const std::string&, Parameter<T>& parameter) {
        parameter.learns = recipe["train-predictor"] != 0;
      });
      a_.predictor.emplace();
      b_.predictor.emplace();
    }
    if (recipe.has_moving_target()) target_ = Target{encoder_, projector_};
  }

  // f with the name of a part before each name.
  template <class F>
  static auto named(const char* part, F& f) {
    return [&f, part](const std::string& name, auto& item) { f(part + ("." + name), item); };
  }

  static std::vector<std::size_t> joined(std::size_t inputs, const std::vector<std::size_t>& rest) {
    std::vector<std::size_t> widths = {inputs};
    widths.insert(widths.end(), rest.begin(), rest.end());
    return widths;
  }

  void forward(selfsup::ConstView<T> x, View& view) {
    const Matrix<T>& h = encoder_.forward(x, view.encoder);
    const Matrix<T>& z = projector_.forward(h, view.projector);
    if (predictor_) predictor_->forward(z, *view.predictor);
  }

  // BYOL, MoCo: the target network's embedding. SimSiam: its own. Others read none.
  const Matrix<T>& target_output(selfsup::ConstView<T> x, View& view) {
    if (!target_) return view.projector.output();
    return target_->projector.forward(target_->encoder.forward(x, view.target_encoder),
                                      view.target_projector);
  }

  void backward(View& view) {
    selfsup::MutView<T> d_z = view.d_output;
    if (predictor_) {
      view.d_embedding.resize(view.projector.output().rows(), view.projector.output().cols());
      predictor_->backward(*view.predictor, view.d_output, view.d_embedding);
      d_z = view.d_embedding;
    }
    for (std::size_t r = 0; r < view.d_target.rows(); ++r) {
      for (std::size_t c = 0; c < d_z.cols(); ++c) d_z(r, c) += view.d_target(r, c);
    }
    view.d_representation.resize(view.encoder.output().rows(), view.encoder.output().cols());
    projector_.backward(view.projector, d_z, view.d_representation);
    encoder_.backward(view.encoder, view.d_representation, {});
  }

  static void move(Mlp<T>& target, Mlp<T>& online, double rate) {
    std::vector<Parameter<T>*> sources;
    online.for_each_parameter(
        [&](const std::string&, Parameter<T>& parameter) { sources.push_back(&parameter); });
    auto source = sources.begin();
    target.for_each_parameter([&](const std::string&, Parameter<T>& parameter) {
      selfsup::ema_update<T>(parameter.value, (*source++)->value, rate);
    });
  }

  Mlp<T> encoder_;
  Mlp<T> projector_;
  std::optional<Mlp<T>> predictor_;
  std::optional<Target> target_;
  std::unique_ptr<Objective<T>> objective_;
  bool targets_learn_;
  View a_;
  View b_;
};

}  // namespace trainer
