// InfoNCE by its definition: each query against the N keys, or against its own key and shared
// negatives; its own key is the right one.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/normalize.hpp"
#include "reference/result.hpp"
#include "reference/softmax.hpp"

namespace tests {
namespace reference {

namespace detail {

/// Adds the losses of anchors, the candidates of anchor i being the rows of `own` at `positive(i)`
/// and all others of `candidates`, by the rows' numbers in all of them together.
struct Family {
  const Softmax& form;
  std::vector<const Matrix<double>*> hats;
  std::vector<Matrix<double>> d_hats;
  Result result;

  double dot(std::size_t a, std::size_t i, std::size_t b, std::size_t k) const {
    double sum = 0;
    for (std::size_t d = 0; d < hats[a]->cols(); ++d) sum += (*hats[a])(i, d) * (*hats[b])(k, d);
    return sum;
  }

  /// A candidate: its matrix and row.
  struct Row {
    std::size_t matrix, row;
  };

  void add(Row anchor, const std::vector<Row>& candidates, std::size_t positive) {
    std::vector<double> similarities;
    for (const Row& k : candidates) {
      similarities.push_back(dot(anchor.matrix, anchor.row, k.matrix, k.row));
    }
    const CrossEntropy found = cross_entropy(similarities, positive, form);
    const double weight = form.weight(result.losses.size());
    result.losses.push_back(found.value);
    result.margin = std::min(result.margin, found.margin);
    result.accuracy += found.hit ? 1 : 0;
    result.value += found.value * weight;
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const Row k = candidates[c];
      const double slope = found.d_similarities[c] * weight;
      const double by_temperature = -slope * similarities[c] / form.temperature;
      result.d_temperature += by_temperature;
      result.d_temperature_magnitude += std::abs(by_temperature);
      for (std::size_t d = 0; d < hats[0]->cols(); ++d) {
        d_hats[anchor.matrix](anchor.row, d) += slope * (*hats[k.matrix])(k.row, d);
        d_hats[k.matrix](k.row, d) += slope * (*hats[anchor.matrix])(anchor.row, d);
      }
    }
  }
};

}  // namespace detail

/// Symmetric adds the other way: each key against the N queries. The anchors are the queries, then
/// the keys.
inline Result info_nce(const Matrix<double>& query, const Matrix<double>& key, bool symmetric,
                       const Softmax& form) {
  const std::size_t N = query.rows(), D = query.cols();
  const Matrix<double> hats[2] = {form.normalized ? normalize(query) : query,
                                  form.normalized ? normalize(key) : key};
  detail::Family family{form, {&hats[0], &hats[1]}, {2, Matrix<double>(N, D)}, {}};
  for (std::size_t way = 0; way < (symmetric ? 2u : 1u); ++way) {
    std::vector<detail::Family::Row> candidates;
    for (std::size_t k = 0; k < N; ++k) candidates.push_back({1 - way, k});
    for (std::size_t i = 0; i < N; ++i) family.add({way, i}, candidates, i);
  }
  Result& result = family.result;
  result.accuracy /= static_cast<double>(result.losses.size());
  result.gradients = {
      form.normalized ? normalize_backward(query, family.d_hats[0]) : family.d_hats[0],
      form.normalized ? normalize_backward(key, family.d_hats[1]) : family.d_hats[1]};
  return result;
}

/// Each query against its own key and all negatives, which are taken as they are. Their gradient is
/// returned, too.
inline Result info_nce_against(const Matrix<double>& query, const Matrix<double>& key,
                               const Matrix<double>& negatives, bool normalizes_negatives,
                               const Softmax& form) {
  const std::size_t N = query.rows(), D = query.cols(), K = negatives.rows();
  const bool scaled = form.normalized && normalizes_negatives;
  const Matrix<double> hats[3] = {form.normalized ? normalize(query) : query,
                                  form.normalized ? normalize(key) : key,
                                  scaled ? normalize(negatives) : negatives};
  detail::Family family{form,
                        {&hats[0], &hats[1], &hats[2]},
                        {Matrix<double>(N, D), Matrix<double>(N, D), Matrix<double>(K, D)},
                        {}};
  for (std::size_t i = 0; i < N; ++i) {
    std::vector<detail::Family::Row> candidates{{1, i}};
    for (std::size_t k = 0; k < K; ++k) candidates.push_back({2, k});
    family.add({0, i}, candidates, 0);
  }
  Result& result = family.result;
  result.accuracy /= static_cast<double>(N);
  result.gradients = {
      form.normalized ? normalize_backward(query, family.d_hats[0]) : family.d_hats[0],
      form.normalized ? normalize_backward(key, family.d_hats[1]) : family.d_hats[1],
      scaled ? normalize_backward(negatives, family.d_hats[2]) : family.d_hats[2]};
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"
