#include "linear_probe.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/matmul.hpp"

#include <algorithm>
#include <cmath>

namespace trainer {
namespace {

// The largest eigenvalue of XᵀX/N by power iteration, which comes from below: hence the margin.
double largest_curvature(const Matrix<float>& x, selfsup::Matmul<float>& product) {
  constexpr std::size_t iterations = 20;
  constexpr double margin = 1.1;
  Matrix<float> direction(x.cols(), 1);
  Matrix<float> image(x.rows(), 1);
  for (std::size_t c = 0; c < x.cols(); ++c) {
    direction(c, 0) = 1 + static_cast<float>(c) / static_cast<float>(x.cols());
  }
  double eigenvalue = 0;
  for (std::size_t i = 0; i < iterations; ++i) {
    double square = 0;
    for (std::size_t c = 0; c < x.cols(); ++c) square += std::pow(direction(c, 0), 2);
    const double length = std::sqrt(square);
    eigenvalue = i == 0 ? length : length / static_cast<double>(x.rows());
    if (length == 0) break;
    for (std::size_t c = 0; c < x.cols(); ++c) {
      direction(c, 0) = static_cast<float>(static_cast<double>(direction(c, 0)) / length);
    }
    product.write(x, direction, image);
    product.write(x.view().transposed(), image, direction);
  }
  return margin * eigenvalue;
}

// Turns scores (N, classes) into the gradient of the mean cross-entropy by them, in place.
void cross_entropy_gradient(const std::vector<std::uint8_t>& labels, Matrix<float>& scores) {
  const auto share = static_cast<float>(1 / static_cast<double>(scores.rows()));
  selfsup::parallel_for(scores.rows(), scores.cols(), [&](std::size_t r) {
    float* row = scores.row(r);
    const float largest = *std::max_element(row, row + scores.cols());
    float sum = 0;
    for (std::size_t c = 0; c < scores.cols(); ++c) {
      row[c] = std::exp(row[c] - largest);
      sum += row[c];
    }
    for (std::size_t c = 0; c < scores.cols(); ++c) row[c] *= share / sum;
    row[labels[r]] -= share;
  });
}

}  // namespace

Matrix<float> standardised(const Matrix<float>& rows, const Matrix<float>& reference) {
  const std::size_t D = rows.cols();
  const auto N = static_cast<double>(reference.rows());
  Matrix<float> result(rows.rows(), D + 1);
  std::vector<double> mean(D);
  std::vector<double> square(D);
  for (std::size_t r = 0; r < reference.rows(); ++r) {
    for (std::size_t c = 0; c < D; ++c) mean[c] += static_cast<double>(reference(r, c)) / N;
  }
  for (std::size_t r = 0; r < reference.rows(); ++r) {
    for (std::size_t c = 0; c < D; ++c) {
      square[c] += std::pow(static_cast<double>(reference(r, c)) - mean[c], 2) / N;
    }
  }
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    for (std::size_t c = 0; c < D; ++c) {
      const double deviation = static_cast<double>(rows(r, c)) - mean[c];
      result(r, c) = static_cast<float>(square[c] > 0 ? deviation / std::sqrt(square[c]) : 0.0);
    }
    result(r, D) = 1;
  }
  return result;
}

std::vector<std::uint8_t> linear_probe(const Matrix<float>& labelled,
                                       const std::vector<std::uint8_t>& labels,
                                       const Matrix<float>& queries, std::size_t classes,
                                       const ProbeOptions& options) {
  selfsup::Matmul<float> product;
  const double curvature = 0.5 * largest_curvature(labelled, product) + options.l2;
  const auto rate = static_cast<float>(1 / curvature);
  const auto l2 = static_cast<float>(options.l2);
  Matrix<float> weights(labelled.cols(), classes);
  weights.fill(0);
  Matrix<float> ahead = weights;  // Nesterov's point, where the gradient is taken
  Matrix<float> gradient(labelled.cols(), classes);
  Matrix<float> scores(labelled.rows(), classes);
  double t = 1;
  for (std::size_t step = 0; step < options.steps; ++step) {
    product.write(labelled, ahead, scores);
    cross_entropy_gradient(labels, scores);
    product.write(labelled.view().transposed(), scores, gradient);
    const double next = (1 + std::sqrt(1 + 4 * t * t)) / 2;
    const auto momentum = static_cast<float>((t - 1) / next);
    t = next;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const float before = weights.data()[i];
      const float point = ahead.data()[i];
      const float after = point - rate * (gradient.data()[i] + l2 * point);
      weights.data()[i] = after;
      ahead.data()[i] = after + momentum * (after - before);
    }
  }
  scores.resize(queries.rows(), classes);
  product.write(queries, weights, scores);
  std::vector<std::uint8_t> predicted(queries.rows());
  for (std::size_t r = 0; r < queries.rows(); ++r) {
    const float* row = scores.row(r);
    predicted[r] = static_cast<std::uint8_t>(std::max_element(row, row + classes) - row);
  }
  return predicted;
}

}  // namespace trainer
