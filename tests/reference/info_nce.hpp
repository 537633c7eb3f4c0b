// In-batch InfoNCE by its definition: each query against the N keys, its own key the right one.
#pragma once

#include "reference/normalize.hpp"
#include "reference/result.hpp"
#include "reference/softmax.hpp"

namespace tests {
namespace reference {

/// Symmetric adds the other way: each key against the N queries. The sum over all anchors, N or 2N,
/// is divided by `divisor`.
inline Result info_nce(const Matrix<double>& query, const Matrix<double>& key, double temperature,
                       bool symmetric, bool normalized, double divisor) {
  const std::size_t N = query.rows(), D = query.cols();
  const Matrix<double> hats[2] = {normalized ? normalize(query) : query,
                                  normalized ? normalize(key) : key};
  Result result;
  std::vector<Matrix<double>> d_hats(2, Matrix<double>(N, D));
  for (std::size_t way = 0; way < (symmetric ? 2u : 1u); ++way) {
    const Matrix<double>& anchors = hats[way];
    const Matrix<double>& candidates = hats[1 - way];
    for (std::size_t i = 0; i < N; ++i) {
      std::vector<double> similarities;
      for (std::size_t k = 0; k < N; ++k) {
        double dot = 0;
        for (std::size_t d = 0; d < D; ++d) dot += anchors(i, d) * candidates(k, d);
        similarities.push_back(dot);
      }
      const CrossEntropy anchor = cross_entropy(similarities, i, temperature);
      result.value += anchor.value / divisor;
      for (std::size_t k = 0; k < N; ++k) {
        const double slope = anchor.d_similarities[k] / divisor;
        const double by_temperature = -slope * similarities[k] / temperature;
        result.d_temperature += by_temperature;
        result.d_temperature_magnitude += std::abs(by_temperature);
        for (std::size_t d = 0; d < D; ++d) {
          d_hats[way](i, d) += slope * candidates(k, d);
          d_hats[1 - way](k, d) += slope * anchors(i, d);
        }
      }
    }
  }
  result.gradients = {normalized ? normalize_backward(query, d_hats[0]) : d_hats[0],
                      normalized ? normalize_backward(key, d_hats[1]) : d_hats[1]};
  return result;
}

}  // namespace reference
}  // namespace tests
