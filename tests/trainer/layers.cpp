// Every layer's backward against central differences in double, entry by entry.
#include "layers.hpp"

#include "catch.hpp"
#include "network.hpp"
#include "normal.hpp"
#include "tolerances.hpp"

#include "selfsup/testing/gradcheck.hpp"

#include <cmath>
#include <cstddef>
#include <functional>
#include <vector>

using trainer::Activation;
using trainer::Matrix;
using Views = std::vector<selfsup::ConstView<double>>;
using Gradients = std::vector<std::vector<double>>;

namespace {

Matrix<double> random_matrix(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  trainer::Random random(seed, trainer::Stream::weights, rows, cols);
  Matrix<double> matrix(rows, cols);
  for (std::size_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = tests::normal(random);
  return matrix;
}

void copy(selfsup::ConstView<double> from, Matrix<double>& to) {
  to.resize(from.rows(), from.cols());
  for (std::size_t r = 0; r < from.rows(); ++r) {
    for (std::size_t c = 0; c < from.cols(); ++c) to(r, c) = from(r, c);
  }
}

std::vector<double> entries(const Matrix<double>& matrix) {
  return {matrix.data(), matrix.data() + matrix.size()};
}

// Σ weights∘y makes one number of a layer's output; `weights` is then its gradient by y.
double weighted_sum(const Matrix<double>& weights, const Matrix<double>& y) {
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += weights.data()[i] * y.data()[i];
  return sum;
}

// N, in, out; 35 and 33 cross the block of columns that one thread takes, 40 the runs of rows that
// are added in one piece.
struct Shape {
  std::size_t N, in, out;
};
const std::vector<Shape> shapes = {{2, 1, 1}, {5, 3, 4}, {7, 9, 35}, {4, 33, 2}, {40, 2, 18}};

}  // namespace

TEST_CASE("Linear: gradients of input, weight and bias") {
  for (const Shape& shape : shapes) {
    const std::size_t N = shape.N;
    const std::size_t in = shape.in;
    const std::size_t out = shape.out;
    trainer::Random random(1, trainer::Stream::weights);
    trainer::Linear<double> layer(in, out, random);
    const Matrix<double> x = random_matrix(N, in, 2);
    const Matrix<double> bias = random_matrix(1, out, 3);
    const Matrix<double> d_y = random_matrix(N, out, 4);
    const auto load = [&](const Views& at) {
      copy(at[1], layer.weight.value);
      copy(at[2], layer.bias.value);
    };
    const auto value = [&](const Views& at) {
      load(at);
      Matrix<double> y(N, out);
      layer.forward(at[0], y);
      return weighted_sum(d_y, y);
    };
    const auto gradient = [&](const Views& at) -> Gradients {
      load(at);
      layer.weight.gradient.fill(0);
      layer.bias.gradient.fill(0);
      Matrix<double> d_x(N, in);
      d_x.fill(NAN);
      layer.backward(at[0], d_y, d_x);
      return {entries(d_x), entries(layer.weight.gradient), entries(layer.bias.gradient)};
    };
    const Matrix<double> weight = random_matrix(out, in, 5);
    const auto report = selfsup::gradcheck(value, gradient, {x, weight, bias});
    INFO(report);
    CHECK(report.passes(tests::tolerance::difference));
  }
}

namespace {

void check_batch_norm_gradients(Activation activation) {
  for (const Shape& shape : shapes) {
    const std::size_t D = shape.out;
    trainer::BatchNorm1d<double> layer(D, activation);
    // Two rows are normalised to about ±1 whatever they are, and the gradient nearly vanishes.
    const std::size_t rows = shape.N + 2;
    const Matrix<double> x = random_matrix(rows, D, 2);
    const Matrix<double> d_y = random_matrix(rows, D, 4);
    trainer::BatchNorm1d<double>::Kept kept;
    const auto load = [&](const Views& at) {
      copy(at[1], layer.scale.value);
      copy(at[2], layer.shift.value);
    };
    const auto value = [&](const Views& at) {
      load(at);
      Matrix<double> y(rows, D);
      layer.forward(at[0], kept, y);
      return weighted_sum(d_y, y);
    };
    const auto gradient = [&](const Views& at) -> Gradients {
      value(at);
      layer.scale.gradient.fill(0);
      layer.shift.gradient.fill(0);
      Matrix<double> d_x(rows, D);
      d_x.fill(NAN);
      layer.backward(kept, at[0], d_y, d_x);
      return {entries(d_x), entries(layer.scale.gradient), entries(layer.shift.gradient)};
    };
    const Matrix<double> scale = random_matrix(1, D, 6);
    const Matrix<double> shift = random_matrix(1, D, 7);
    selfsup::GradcheckOptions options;
    options.step = 1e-4;  // no entry comes to lie on the other side of relu's hinge
    const auto report = selfsup::gradcheck(value, gradient, {x, scale, shift}, options);
    INFO(report);
    CHECK(report.passes(tests::tolerance::difference));
  }
}

}  // namespace

TEST_CASE("BatchNorm1d: gradients of input, scale and shift") {
  check_batch_norm_gradients(Activation::none);
}

TEST_CASE("BatchNorm1d with relu: gradients of input, scale and shift") {
  check_batch_norm_gradients(Activation::relu);
}

TEST_CASE("BatchNorm1d: output, running statistics and inference") {
  trainer::BatchNorm1d<double> layer(2, Activation::none);
  Matrix<double> x(4, 2);
  for (std::size_t r = 0; r < 4; ++r) {
    x(r, 0) = 1e6 + static_cast<double>(r);  // mean 1e6 + 1.5, biased variance 1.25
    x(r, 1) = 3;                             // constant
  }
  Matrix<double> y(4, 2);
  trainer::BatchNorm1d<double>::Kept kept;
  layer.forward(x, kept, y);
  for (std::size_t r = 0; r < 4; ++r) {
    const double expected = (static_cast<double>(r) - 1.5) / std::sqrt(1.25 + 1e-5);
    CHECK(std::abs(y(r, 0) - expected) < 1e-9);
    CHECK(y(r, 1) == 0);
  }
  // A tenth of the way from 0 to the mean, and from 1 to the unbiased variance 5/3 (PyTorch).
  CHECK(std::abs(layer.running_mean(0, 0) - 0.1 * (1e6 + 1.5)) < 1e-8);
  CHECK(std::abs(layer.running_variance(0, 0) - (0.9 + 0.1 * 5.0 / 3)) < 1e-9);
  CHECK(std::abs(layer.running_variance(0, 1) - 0.9) < 1e-12);
  layer.running_mean.fill(2);
  layer.running_variance.fill(4);
  layer.scale.value.fill(3);
  layer.shift.value.fill(5);
  layer.infer(x, y);
  CHECK(std::abs(y(0, 1) - (3 * (3.0 - 2) / std::sqrt(4 + 1e-5) + 5)) < 1e-12);
}

TEST_CASE("BatchNorm1d with relu: the output without it, but nothing below 0") {
  const Matrix<double> x = random_matrix(40, 37, 8);
  trainer::BatchNorm1d<double> plain(37, Activation::none);
  trainer::BatchNorm1d<double> with_relu(37, Activation::relu);
  trainer::BatchNorm1d<double>::Kept kept;
  const auto compare = [](const Matrix<double>& all, const Matrix<double>& passed) {
    for (std::size_t i = 0; i < all.size(); ++i)
      CHECK(passed.data()[i] == std::max(all.data()[i], 0.0));
  };
  Matrix<double> all(40, 37);
  Matrix<double> passed(40, 37);
  plain.forward(x, kept, all);
  with_relu.forward(x, kept, passed);
  compare(all, passed);
  plain.infer(x, all);
  with_relu.infer(x, passed);
  compare(all, passed);
}

TEST_CASE("BatchNorm1d with relu: a NaN stays one, for the loss to find") {
  Matrix<float> x(3, 20);
  x.fill(1);
  x(1, 2) = NAN;
  x(2, 18) = NAN;
  trainer::BatchNorm1d<float> layer(20, Activation::relu);
  trainer::BatchNorm1d<float>::Kept kept;
  Matrix<float> y(3, 20);
  layer.forward(x, kept, y);
  CHECK(std::isnan(y(1, 2)));
  CHECK(std::isnan(y(2, 18)));
  CHECK(y(0, 3) == 0);
}

TEST_CASE("gradients of parameters are added, the gradient of the input is written") {
  trainer::Random random(1, trainer::Stream::weights);
  trainer::Linear<double> layer(3, 2, random);
  const Matrix<double> x = random_matrix(4, 3, 2);
  const Matrix<double> d_y = random_matrix(4, 2, 3);
  Matrix<double> d_x(4, 3);
  layer.backward(x, d_y, d_x);
  const std::vector<double> once = entries(layer.weight.gradient);
  const std::vector<double> d_x_once = entries(d_x);
  layer.backward(x, d_y, d_x);
  for (std::size_t i = 0; i < once.size(); ++i) {
    CHECK(std::abs(layer.weight.gradient.data()[i] - 2 * once[i]) < 1e-12);
  }
  CHECK(entries(d_x) == d_x_once);
}

TEST_CASE("Mlp: gradient of the input through all layers, for each ending") {
  for (const auto ending :
       {trainer::Ending::linear, trainer::Ending::batch_norm, trainer::Ending::batch_norm_relu}) {
    trainer::Random random(3, trainer::Stream::weights);
    trainer::Mlp<double> network({4, 6, 5, 3}, ending, random);
    trainer::Mlp<double>::Trace trace;
    const Matrix<double> x = random_matrix(7, 4, 12);
    const Matrix<double> d_y = random_matrix(7, 3, 13);
    const auto value = [&](const Views& at) {
      return weighted_sum(d_y, network.forward(at[0], trace));
    };
    const auto gradient = [&](const Views& at) -> Gradients {
      network.forward(at[0], trace);
      Matrix<double> d_output = d_y;
      Matrix<double> d_x(7, 4);
      network.backward(trace, d_output, d_x);
      return {entries(d_x)};
    };
    selfsup::GradcheckOptions options;
    options.step = 1e-4;
    const auto report = selfsup::gradcheck(value, gradient, {x}, options);
    INFO(report);
    CHECK(report.passes(tests::tolerance::difference));
  }
}
