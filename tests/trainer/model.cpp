// The networks around every loss: the gradient of each parameter against central differences.
#include "model.hpp"
#include "optimizer.hpp"

#include "catch.hpp"
#include "normal.hpp"
#include "tolerances.hpp"

#include "selfsup/losses/simsiam.hpp"
#include "selfsup/testing/gradcheck.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

using trainer::Matrix;
using trainer::Model;
using trainer::Parameter;
using trainer::Recipe;
using Views = std::vector<selfsup::ConstView<double>>;
using Gradients = std::vector<std::vector<double>>;

namespace {

constexpr std::size_t N = 7;
constexpr std::size_t inputs = 6;
constexpr std::uint64_t seed = 1;
const std::vector<int> labels = {0, 1, 0, 2, 1, 2, 2};

Recipe small(const char* method) {
  Recipe recipe = *trainer::find_recipe(method);
  if (trainer::Setting* const own = recipe.find("temperature")) own->value = 0.5;
  recipe.encoder = {6, 5};
  recipe.projector = {5, 4};
  recipe.predictor = recipe.predictor > 0 ? 5 : 0;
  if (trainer::Setting* const own = recipe.find("group-size")) own->value = 2;
  if (trainer::Setting* const own = recipe.find("bank")) own->value = 9;
  return recipe;
}

// 4 and 6 leave no row of a last hidden layer dead: where an embedding is 0, a norm has no
// gradient.
Matrix<double> batch(std::uint64_t words) {
  trainer::Random random(seed, trainer::Stream::view, words);
  Matrix<double> x(N, inputs);
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = tests::normal(random);
  return x;
}

void copy(selfsup::ConstView<double> from, Matrix<double>& to) {
  for (std::size_t r = 0; r < from.rows(); ++r) {
    for (std::size_t c = 0; c < from.cols(); ++c) to(r, c) = from(r, c);
  }
}

// All parameters of a model, or of networks made like it.
template <class Source>
std::vector<Parameter<double>*> parameters(Source& source) {
  std::vector<Parameter<double>*> all;
  source.for_each_parameter(
      [&](const std::string&, Parameter<double>& parameter) { all.push_back(&parameter); });
  return all;
}

Views views_of(const std::vector<Parameter<double>*>& all) {
  Views views;
  for (const auto* parameter : all) views.push_back(parameter->value.view());
  return views;
}

void load(const Views& at, const std::vector<Parameter<double>*>& all) {
  for (std::size_t k = 0; k < all.size(); ++k) copy(at[k], all[k]->value);
}

// As in the first step but one: a bank holds the same rows every time.
double loss_of(Model<double>& model, const Matrix<double>& x_a, const Matrix<double>& x_b) {
  model.for_each_state([](const std::string& name, Matrix<double>& state) {
    if (name != "loss.memory") return;
    const std::size_t bank = state.rows() - 1;
    for (std::size_t i = 0; i < bank * state.cols(); ++i)
      state.data()[i] = 0.5 * std::sin(static_cast<double>(i));
    state(bank, 0) = static_cast<double>(bank);
    state(bank, 1) = 2;
  });
  model.restored();
  return model.accumulate(x_a, x_b, labels, 3);
}

Gradients gradient_of(Model<double>& model, const Views& at, const Matrix<double>& x_a,
                      const Matrix<double>& x_b) {
  const auto all = parameters(model);
  load(at, all);
  for (auto* parameter : all) parameter->gradient.fill(0);
  loss_of(model, x_a, x_b);
  Gradients result;
  for (const auto* parameter : all) {
    const Matrix<double>& d = parameter->gradient;
    result.emplace_back(d.data(), d.data() + d.size());
  }
  return result;
}

selfsup::GradcheckOptions options() {
  selfsup::GradcheckOptions result;
  result.step = 1e-4;  // small against the distance of any unit from its hinge
  return result;
}

}  // namespace

TEST_CASE("the gradient of every parameter of every method without frozen branch of its own") {
  std::vector<Recipe> all_methods;
  for (const Recipe& recipe : trainer::recipes()) {
    if (recipe.method != trainer::Method::simsiam) all_methods.push_back(small(recipe.name));
  }
  for (const char* setting : {"bank", "predictor"}) {  // as in MoCo v3
    all_methods.push_back(small("moco"));
    all_methods.back().find("bank")->value = 0;
    if (setting == std::string("predictor")) all_methods.back().predictor = 5;
  }
  for (const std::size_t predictor : {0U, 5U}) {
    all_methods.push_back(small("simsiam"));
    all_methods.back().find("stop-gradient")->value = 0;
    all_methods.back().predictor = predictor;
  }
  for (const Recipe& recipe : all_methods) {
    Model<double> model(recipe, inputs, seed);
    const Matrix<double> x_a = batch(4);
    const Matrix<double> x_b = batch(6);
    const auto all = parameters(model);
    const auto value = [&](const Views& at) {
      load(at, all);
      return loss_of(model, x_a, x_b);
    };
    const auto gradient = [&](const Views& at) { return gradient_of(model, at, x_a, x_b); };
    const auto report = selfsup::gradcheck(value, gradient, views_of(all), options());
    INFO(recipe.name << ", predictor " << recipe.predictor << ": " << report);
    CHECK(report.passes(tests::tolerance::difference));
  }
}

TEST_CASE("SimSiam: the gradient of every parameter, with the targets held fixed") {
  Model<double> model(small("simsiam"), inputs, seed);
  const Matrix<double> x_a = batch(4);
  const Matrix<double> x_b = batch(6);
  // The same networks, drawn as the model draws them, with targets that do not move.
  trainer::Random random(seed, trainer::Stream::weights);
  struct Networks {
    trainer::Mlp<double> encoder, projector, predictor;
    void for_each_parameter(const std::function<void(const std::string&, Parameter<double>&)>& f) {
      for (auto* network : {&encoder, &projector, &predictor}) network->for_each_parameter(f);
    }
    Matrix<double> embed(selfsup::ConstView<double> x) {
      trainer::Mlp<double>::Trace first;
      trainer::Mlp<double>::Trace second;
      return projector.forward(encoder.forward(x, first), second);
    }
    Matrix<double> predict(const Matrix<double>& z) {
      trainer::Mlp<double>::Trace trace;
      return predictor.forward(z, trace);
    }
  } networks{{{inputs, 6, 5}, trainer::Ending::batch_norm_relu, random},
             {{5, 5, 4}, trainer::Ending::batch_norm, random},
             {{4, 5, 4}, trainer::Ending::linear, random}};
  const auto all = parameters(networks);
  REQUIRE(all.size() == parameters(model).size());
  const Matrix<double> z_a = networks.embed(x_a);
  const Matrix<double> z_b = networks.embed(x_b);
  selfsup::SimSiam<double> loss;
  const auto value = [&](const Views& at) {
    load(at, all);
    return loss.forward(networks.predict(networks.embed(x_a)),
                        networks.predict(networks.embed(x_b)), z_a, z_b);
  };
  const auto gradient = [&](const Views& at) { return gradient_of(model, at, x_a, x_b); };
  const auto report = selfsup::gradcheck(value, gradient, views_of(all), options());
  INFO(report);
  CHECK(report.passes(tests::tolerance::difference));
}

TEST_CASE("BYOL's target network starts as the online one and follows it alone") {
  Model<double> model(small("byol"), inputs, seed);
  const Matrix<double> x_a = batch(4);
  const Matrix<double> x_b = batch(6);
  const double start = model.accumulate(x_a, x_b);
  // Moving a target that equals the online network changes nothing.
  model.move_target(0.3);
  CHECK(model.accumulate(x_a, x_b) == start);
  // Once the online network differs, the loss depends on how far the target has followed.
  for (auto* parameter : parameters(model)) {
    for (std::size_t i = 0; i < parameter->value.size(); ++i) {
      parameter->value.data()[i] += 0.1 * std::sin(static_cast<double>(i + 1));
    }
  }
  const double before = model.accumulate(x_a, x_b);
  model.move_target(1);
  CHECK(model.accumulate(x_a, x_b) == before);
  model.move_target(0.5);
  CHECK(model.accumulate(x_a, x_b) != before);
}

TEST_CASE("a predictor that is not trained takes no part in a step") {
  Recipe recipe = small("byol");
  recipe.find("train-predictor")->value = 0;
  Model<double> model(recipe, inputs, seed);
  std::vector<std::string> moved;
  std::vector<std::vector<double>> before;
  const auto entries = [](const Parameter<double>& parameter) {
    return std::vector<double>(parameter.value.data(),
                               parameter.value.data() + parameter.value.size());
  };
  model.for_each_parameter([&](const std::string&, Parameter<double>& parameter) {
    before.push_back(entries(parameter));
  });
  model.accumulate(batch(4), batch(6));
  trainer::Sgd<double> optimizer(0.9, 1e-3);
  optimizer.step(model, 0.1);
  auto old = before.begin();
  model.for_each_parameter([&](const std::string& name, Parameter<double>& parameter) {
    if (entries(parameter) != *old++) moved.push_back(name.substr(0, name.find('.')));
    for (std::size_t i = 0; i < parameter.gradient.size(); ++i)
      CHECK(parameter.gradient.data()[i] == 0);
  });
  CHECK(std::count(moved.begin(), moved.end(), "encoder") > 0);
  CHECK(std::count(moved.begin(), moved.end(), "predictor") == 0);
}

TEST_CASE("the encoder does not depend on the method") {
  const Matrix<double> x = batch(3);
  Model<double> first(small("ntxent"), inputs, seed);
  Model<double> second(small("byol"), inputs, seed);
  const Matrix<double> a = first.encode(x);
  const Matrix<double> b = second.encode(x);
  CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));
}
