// The three layers of a multilayer perceptron, each a forward and its backward, written by hand.
// A layer holds parameters; what a backward needs of its forward is passed in by the caller, so one
// layer serves several batches (the two views) before their backwards. Gradients of parameters are
// *added*, everything else is *written*. Sums run in one fixed order whatever the thread count.
#pragma once

#include "matrix.hpp"
#include "random.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/matmul.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace trainer {

/// What the optimiser sees of a layer.
template <class T>
struct Parameter {
  Matrix<T> value;
  Matrix<T> gradient;
  bool decays = false;  // weight decay applies: to weights, not to biases and scales

  Parameter(std::size_t rows, std::size_t cols, T start, bool decay)
      : value(rows, cols), gradient(rows, cols), decays(decay) {
    value.fill(start);
    gradient.fill(T{0});
  }
};

// Columns that one thread takes at a time: whole cache lines, and sums that stay in registers.
constexpr std::size_t column_block = 32;

/// Calls f(first, count) for blocks of columns of (rows, cols) entries, in parallel.
template <class F>
void for_column_blocks(std::size_t rows, std::size_t cols, F f) {
  const std::size_t blocks = (cols + column_block - 1) / column_block;
  selfsup::parallel_for(blocks, column_block * rows, [&](std::size_t block) {
    const std::size_t first = block * column_block;
    f(first, std::min(column_block, cols - first));
  });
}

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
    product_.write(x, weight.value.view().transposed(), y);
    selfsup::parallel_for(y.rows(), y.cols(), [&](std::size_t r) {
      T* out = y.row(r);
      const T* b = bias.value.data();
      for (std::size_t c = 0; c < bias.value.cols(); ++c) out[c] += b[c];
    });
  }

  /// An empty d_x is skipped: the first layer needs none.
  void backward(selfsup::ConstView<T> x, selfsup::ConstView<T> d_y, selfsup::MutView<T> d_x) {
    product_.add(d_y.transposed(), x, weight.gradient);
    for_column_blocks(d_y.rows(), d_y.cols(), [&](std::size_t first, std::size_t count) {
      double sums[column_block] = {};
      for (std::size_t r = 0; r < d_y.rows(); ++r) {
        const T* d = d_y.row(r) + first;
        for (std::size_t c = 0; c < count; ++c) sums[c] += static_cast<double>(d[c]);
      }
      T* d_b = bias.gradient.data() + first;
      for (std::size_t c = 0; c < count; ++c) d_b[c] += static_cast<T>(sums[c]);
    });
    if (!d_x.empty()) product_.write(d_y, weight.value, d_x);
  }

 private:
  selfsup::Matmul<T> product_;
};

/// y = scale·x̂ + shift with x̂ = (x − mean)/√(variance + ε), column by column (arXiv:1502.03167).
/// Training takes mean and (biased) variance from the batch and moves the running ones towards
/// them.
template <class T>
class BatchNorm1d {
 public:
  Parameter<T> scale;
  Parameter<T> shift;
  Matrix<T> running_mean;
  Matrix<T> running_variance;

  /// Kept from forward for backward.
  struct Kept {
    Matrix<T> normalised;        // x̂, (N, D)
    std::vector<T> inverse_std;  // D
  };

  explicit BatchNorm1d(std::size_t width)
      : scale(1, width, T{1}, false),
        shift(1, width, T{0}, false),
        running_mean(1, width),
        running_variance(1, width) {
    running_mean.fill(T{0});
    running_variance.fill(T{1});
  }

  /// Training: x and y (N, D), N ≥ 2; y may be x.
  void forward(selfsup::ConstView<T> x, Kept& kept, selfsup::MutView<T> y) {
    kept.normalised.resize(x.rows(), x.cols());
    kept.inverse_std.resize(x.cols());
    for_column_blocks(x.rows(), x.cols(), [&](std::size_t first, std::size_t count) {
      normalise(x, kept, first, count);
      for (std::size_t r = 0; r < x.rows(); ++r) {
        const T* in = kept.normalised.row(r);
        T* out = y.row(r);
        for (std::size_t c = first; c < first + count; ++c) {
          out[c] = scale.value.data()[c] * in[c] + shift.value.data()[c];
        }
      }
    });
  }

  /// d_y and d_x (N, D); d_x may be d_y. With mean_n over the batch:
  /// d_x = scale/std·(d_y − mean_n(d_y) − x̂·mean_n(d_y·x̂)).
  void backward(const Kept& kept, selfsup::ConstView<T> d_y, selfsup::MutView<T> d_x) {
    const auto N = static_cast<double>(d_y.rows());
    for_column_blocks(d_y.rows(), d_y.cols(), [&](std::size_t first, std::size_t count) {
      double sums[column_block] = {};
      double products[column_block] = {};
      for (std::size_t r = 0; r < d_y.rows(); ++r) {
        const T* d = d_y.row(r) + first;
        const T* in = kept.normalised.row(r) + first;
        for (std::size_t c = 0; c < count; ++c) {
          sums[c] += static_cast<double>(d[c]);
          products[c] += static_cast<double>(d[c]) * static_cast<double>(in[c]);
        }
      }
      T mean[column_block];
      T mean_product[column_block];
      for (std::size_t c = 0; c < count; ++c) {
        shift.gradient.data()[first + c] += static_cast<T>(sums[c]);
        scale.gradient.data()[first + c] += static_cast<T>(products[c]);
        mean[c] = static_cast<T>(sums[c] / N);
        mean_product[c] = static_cast<T>(products[c] / N);
      }
      for (std::size_t r = 0; r < d_y.rows(); ++r) {
        const T* d = d_y.row(r) + first;
        const T* in = kept.normalised.row(r) + first;
        T* out = d_x.row(r) + first;
        for (std::size_t c = 0; c < count; ++c) {
          const T factor = scale.value.data()[first + c] * kept.inverse_std[first + c];
          out[c] = factor * (d[c] - mean[c] - in[c] * mean_product[c]);
        }
      }
    });
  }

  /// Evaluation: uses the running mean and variance; y may be x.
  void infer(selfsup::ConstView<T> x, selfsup::MutView<T> y) const {
    selfsup::parallel_for(x.rows(), x.cols(), [&](std::size_t r) {
      const T* in = x.row(r);
      T* out = y.row(r);
      for (std::size_t c = 0; c < x.cols(); ++c) {
        const T inverse_std = 1 / std::sqrt(running_variance.data()[c] + static_cast<T>(epsilon));
        const T normalised = (in[c] - running_mean.data()[c]) * inverse_std;
        out[c] = scale.value.data()[c] * normalised + shift.value.data()[c];
      }
    });
  }

 private:
  static constexpr double epsilon = 1e-5;
  static constexpr double momentum = 0.1;  // weight of the batch in the running mean and variance

  // Sums deviations from the first row, so that a large offset costs no digits.
  void normalise(selfsup::ConstView<T> x, Kept& kept, std::size_t first, std::size_t count) {
    const auto N = static_cast<double>(x.rows());
    const T* origin = x.row(0) + first;
    double sums[column_block] = {};
    double squares[column_block] = {};
    for (std::size_t r = 0; r < x.rows(); ++r) {
      const T* in = x.row(r) + first;
      for (std::size_t c = 0; c < count; ++c) {
        const double deviation = static_cast<double>(in[c]) - static_cast<double>(origin[c]);
        sums[c] += deviation;
        squares[c] += deviation * deviation;
      }
    }
    T mean[column_block];
    for (std::size_t c = 0; c < count; ++c) {
      const double offset = sums[c] / N;
      const double variance = std::max(0.0, squares[c] / N - offset * offset);
      const double centre = static_cast<double>(origin[c]) + offset;
      mean[c] = static_cast<T>(centre);
      kept.inverse_std[first + c] = static_cast<T>(1 / std::sqrt(variance + epsilon));
      approach(running_mean.data()[first + c], centre);
      approach(running_variance.data()[first + c], variance * N / (N - 1));
    }
    for (std::size_t r = 0; r < x.rows(); ++r) {
      const T* in = x.row(r) + first;
      T* out = kept.normalised.row(r) + first;
      for (std::size_t c = 0; c < count; ++c) {
        out[c] = (in[c] - mean[c]) * kept.inverse_std[first + c];
      }
    }
  }

  static void approach(T& running, double batch) {
    running += static_cast<T>(momentum * (batch - static_cast<double>(running)));
  }
};

/// y = max(x, 0), in place: whether an entry passed can be read off the output.
template <class T>
struct Relu {
  static void forward(selfsup::MutView<T> y) {
    selfsup::parallel_for(y.rows(), y.cols(), [&](std::size_t r) {
      T* out = y.row(r);
      for (std::size_t c = 0; c < y.cols(); ++c) out[c] = std::max(out[c], T{0});
    });
  }
  static void backward(selfsup::ConstView<T> y, selfsup::MutView<T> d_y) {
    selfsup::parallel_for(y.rows(), y.cols(), [&](std::size_t r) {
      const T* out = y.row(r);
      T* d = d_y.row(r);
      for (std::size_t c = 0; c < y.cols(); ++c) d[c] = out[c] > T{0} ? d[c] : T{0};
    });
  }
};

}  // namespace trainer
