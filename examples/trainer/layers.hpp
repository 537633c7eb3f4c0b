// The layers of a multilayer perceptron, each a forward and its backward, written by hand.
// A layer holds parameters; what a backward needs of its forward is passed in by the caller, so one
// layer serves several batches (the two views) before their backwards. Gradients of parameters are
// *added*, everything else is *written*. Sums run in one fixed order whatever the thread count.
#pragma once

#include "column_sums.hpp"
#include "matrix.hpp"
#include "random.hpp"

#include "selfsup/product/matmul.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace trainer {

namespace simd = selfsup::simd;

/// What the optimiser sees of a layer.
template <class T>
struct Parameter {
  Matrix<T> value;
  Matrix<T> gradient;
  bool decays = false;  // weight decay applies: to weights, not to biases and scales
  bool learns = true;   // false: the optimiser leaves it as it is

  Parameter(std::size_t rows, std::size_t cols, T start, bool decay)
      : value(rows, cols), gradient(rows, cols), decays(decay) {
    value.fill(start);
    gradient.fill(T{0});
  }
};

/// y = x·Wᵀ + b with x (N, in), W (out, in), b (1, out), y (N, out).
template <class T>
class Linear {
 public:
  Parameter<T> weight;
  Parameter<T> bias;

  /// Weights uniform in ±1/√in, as in PyTorch; biases 0.
  Linear(std::size_t in, std::size_t out, Random& random)
      : weight(out, in, T{0}, true), bias(1, out, T{0}, false) {
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    for (std::size_t i = 0; i < weight.value.size(); ++i) {
      weight.value.data()[i] = static_cast<T>(random.uniform(-bound, bound));
    }
  }

  void forward(selfsup::ConstView<T> x, selfsup::MutView<T> y) {
    const selfsup::ConstView<T> start(bias.value.data(), y.rows(), y.cols(), 0, 1);
    product_.write_from(start, x, weight.value.view().transposed(), y);
  }

  /// An empty d_x is skipped: the first layer needs none.
  void backward(selfsup::ConstView<T> x, selfsup::ConstView<T> d_y, selfsup::MutView<T> d_x) {
    product_.add(d_y.transposed(), x, weight.gradient);
    for_column_blocks(d_y.rows(), d_y.cols(), [&](std::size_t first, std::size_t count) {
      const simd::Batch<T> one(T(1));
      const auto sums = column_sums<T, 1>(d_y.rows(), first, count,
                                          [&](std::size_t r, std::size_t c, auto part, auto&& add) {
                                            add(0, one, simd::load(d_y.row(r) + c, part));
                                          });
      for (std::size_t c = 0; c < count; ++c)
        bias.gradient.data()[first + c] += static_cast<T>(sums[0][c]);
    });
    if (!d_x.empty()) product_.write(d_y, weight.value, d_x);
  }

 private:
  selfsup::Matmul<T> product_;
};

enum class Activation { none, relu };

/// y = scale·x̂ + shift with x̂ = (x − mean)/√(variance + ε), column by column (arXiv:1502.03167),
/// and max(·, 0) of that where relu follows. Training takes mean and (biased) variance from the
/// batch and moves the running ones towards them.
template <class T>
class BatchNorm1d {
 public:
  Parameter<T> scale;
  Parameter<T> shift;
  Matrix<T> running_mean;
  Matrix<T> running_variance;

  /// Kept from forward for backward, D each. x̂ is cheaper made again than kept.
  struct Kept {
    std::vector<T> mean;
    std::vector<T> inverse_std;
  };

  BatchNorm1d(std::size_t width, Activation activation)
      : scale(1, width, T{1}, false),
        shift(1, width, T{0}, false),
        running_mean(1, width),
        running_variance(1, width),
        lowest_(activation == Activation::relu ? T{0} : -std::numeric_limits<T>::infinity()) {
    running_mean.fill(T{0});
    running_variance.fill(T{1});
  }

  /// Training: x and y (N, D), N ≥ 2.
  void forward(selfsup::ConstView<T> x, Kept& kept, selfsup::MutView<T> y) {
    kept.mean.resize(x.cols());
    kept.inverse_std.resize(x.cols());
    for_column_blocks(x.rows(), x.cols(), [&](std::size_t first, std::size_t count) {
      measure(x, kept, first, count);
      write(x, kept, first, count, y);
    });
  }

  /// x as in forward, d_y and d_x (N, D); d_x may be d_y. With g = d_y where y passed relu, else 0,
  /// and mean_n over the batch: d_x = scale/std·(g − mean_n(g) − x̂·mean_n(g·x̂)).
  void backward(const Kept& kept, selfsup::ConstView<T> x, selfsup::ConstView<T> d_y,
                selfsup::MutView<T> d_x) {
    const auto N = static_cast<double>(x.rows());
    for_column_blocks(x.rows(), x.cols(), [&](std::size_t first, std::size_t count) {
      const simd::Batch<T> one(T(1));
      const auto sums = column_sums<T, 2>(
          x.rows(), first, count, [&](std::size_t r, std::size_t c, auto part, auto&& add) {
            const Columns<decltype(part)> columns(*this, kept, c, part);
            const simd::Batch<T> normalised = columns.normalised(x.row(r) + c);
            const simd::Batch<T> g = columns.passed(d_y.row(r) + c, normalised);
            add(0, g, one);
            add(1, g, normalised);
          });
      T mean[column_block] = {};
      T mean_product[column_block] = {};
      for (std::size_t c = 0; c < count; ++c) {
        shift.gradient.data()[first + c] += static_cast<T>(sums[0][c]);
        scale.gradient.data()[first + c] += static_cast<T>(sums[1][c]);
        mean[c] = static_cast<T>(sums[0][c] / N);
        mean_product[c] = static_cast<T>(sums[1][c] / N);
      }
      simd::for_batches<T>(first, first + count, [&](std::size_t c, auto part) {
        const Columns<decltype(part)> columns(*this, kept, c, part);
        const simd::Batch<T> g_mean = simd::load(mean + (c - first));
        const simd::Batch<T> product_mean = simd::load(mean_product + (c - first));
        const simd::Batch<T> factor = columns.scale * columns.inverse_std;
        for (std::size_t r = 0; r < x.rows(); ++r) {
          const simd::Batch<T> normalised = columns.normalised(x.row(r) + c);
          const simd::Batch<T> g = columns.passed(d_y.row(r) + c, normalised);
          const simd::Batch<T> centred = simd::fma(-normalised, product_mean, g - g_mean);
          simd::store(d_x.row(r) + c, factor * centred, part);
        }
      });
    });
  }

  /// Evaluation: uses the running mean and variance; y may be x.
  void infer(selfsup::ConstView<T> x, selfsup::MutView<T> y) const {
    Kept running{{running_mean.data(), running_mean.data() + x.cols()}, {}};
    for (std::size_t c = 0; c < x.cols(); ++c) {
      const auto variance = static_cast<double>(running_variance.data()[c]);
      running.inverse_std.push_back(static_cast<T>(1 / std::sqrt(variance + epsilon)));
    }
    for_column_blocks(x.rows(), x.cols(), [&](std::size_t first, std::size_t count) {
      write(x, running, first, count, y);
    });
  }

 private:
  static constexpr double epsilon = 1e-5;
  static constexpr double momentum = 0.1;  // weight of the batch in the running mean and variance

  // What forward and backward compute alike for one batch of columns; outside `Part` all is 0.
  template <class Part>
  struct Columns {
    Part part;
    simd::Batch<T> mean, inverse_std, scale, shift, lowest;

    Columns(const BatchNorm1d& norm, const Kept& kept, std::size_t c, Part lanes)
        : part(lanes),
          mean(simd::load(kept.mean.data() + c, part)),
          inverse_std(simd::load(kept.inverse_std.data() + c, part)),
          scale(simd::load(norm.scale.value.data() + c, part)),
          shift(simd::load(norm.shift.value.data() + c, part)),
          lowest(norm.lowest_) {}

    simd::Batch<T> normalised(const T* x) const {
      return (simd::load(x, part) - mean) * inverse_std;
    }
    simd::Batch<T> transformed(const simd::Batch<T>& normalised_x) const {
      return simd::fma(scale, normalised_x, shift);
    }
    // A NaN stays one.
    simd::Batch<T> output(const simd::Batch<T>& normalised_x) const {
      const simd::Batch<T> y = transformed(normalised_x);
      return select(y < lowest, lowest, y);
    }
    simd::Batch<T> passed(const T* d_y, const simd::Batch<T>& normalised_x) const {
      return select(transformed(normalised_x) > lowest, simd::load(d_y, part),
                    simd::Batch<T>(T(0)));
    }
  };

  // Sums deviations from the first row, so that a large offset costs no digits.
  void measure(selfsup::ConstView<T> x, Kept& kept, std::size_t first, std::size_t count) {
    const auto N = static_cast<double>(x.rows());
    const simd::Batch<T> one(T(1));
    const auto sums = column_sums<T, 2>(
        x.rows(), first, count, [&](std::size_t r, std::size_t c, auto part, auto&& add) {
          const simd::Batch<T> deviation =
              simd::load(x.row(r) + c, part) - simd::load(x.row(0) + c, part);
          add(0, deviation, one);
          add(1, deviation, deviation);
        });
    for (std::size_t c = 0; c < count; ++c) {
      const double offset = sums[0][c] / N;
      const double variance = std::max(0.0, sums[1][c] / N - offset * offset);
      const double centre = static_cast<double>(x(0, first + c)) + offset;
      kept.mean[first + c] = static_cast<T>(centre);
      kept.inverse_std[first + c] = static_cast<T>(1 / std::sqrt(variance + epsilon));
      approach(running_mean.data()[first + c], centre);
      approach(running_variance.data()[first + c], variance * N / (N - 1));
    }
  }

  void write(selfsup::ConstView<T> x, const Kept& kept, std::size_t first, std::size_t count,
             selfsup::MutView<T> y) const {
    simd::for_batches<T>(first, first + count, [&](std::size_t c, auto part) {
      const Columns<decltype(part)> columns(*this, kept, c, part);
      for (std::size_t r = 0; r < x.rows(); ++r)
        simd::store(y.row(r) + c, columns.output(columns.normalised(x.row(r) + c)), part);
    });
  }

  static void approach(T& running, double batch) {
    running += static_cast<T>(momentum * (batch - static_cast<double>(running)));
  }

  T lowest_;  // −∞ where no relu follows: nothing lies below
};

}  // namespace trainer
