// −s_p/τ + log Σ_k e^{s_k/τ} over a list of candidates, the inside of every InfoNCE.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace tests {
namespace reference {

/// The options of the family, and how the anchors' losses become one number: divided by `divisor`,
/// or times one weight for each.
struct Softmax {
  double temperature = 0.1;
  bool normalized = true;
  double divisor = 1;
  bool decoupled = false;
  double label_smoothing = 0;
  std::size_t hardest = 0;
  double positive_prior = 0;
  double hard_negative_beta = 0;
  std::vector<double> weights = {};

  double weight(std::size_t anchor) const {
    return weights.empty() ? 1 / divisor : weights[anchor];
  }
};

struct CrossEntropy {
  double value = 0;
  std::vector<double> d_similarities;
  bool hit = true;
  double cancels = 1;        // the sum of the magnitudes of N_g's terms over N_g
  double margin = 1;         // how far the hardest are from the others
  double d_temperature = 0;  // beside what the similarities have, all divided by the temperature
};

/// Debiased and hard negatives, as their papers write them; only the exponents are taken relative
/// to the largest.
inline CrossEntropy hard_cross_entropy(const std::vector<double>& similarities,
                                       std::size_t positive, const Softmax& form) {
  const double temperature = form.temperature, prior = form.positive_prior;
  const double beta = form.hard_negative_beta, n = static_cast<double>(similarities.size()) - 1;
  const double largest = *std::max_element(similarities.begin(), similarities.end());
  double hardest = -1e300;
  CrossEntropy result;
  result.d_similarities.resize(similarities.size());
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    if (k == positive) continue;
    hardest = std::max(hardest, similarities[k]);
    result.hit = result.hit && similarities[k] < similarities[positive];
  }
  if (n == 0) return result;
  const auto e = [&](std::size_t k) { return std::exp((similarities[k] - largest) / temperature); };
  const auto w = [&](std::size_t k) {
    return std::exp(beta * (similarities[k] - hardest) / temperature);
  };
  double A = 0, W = 0;
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    if (k == positive) continue;
    A += w(k) * e(k);
    W += w(k);
  }
  const double e_p = e(positive);
  const double floor = n * std::exp((-1 - largest) / temperature);
  const double open = (n * A / W - prior * n * e_p) / (1 - prior);
  const bool on = prior == 0 || open > floor;
  const double N_g = on ? open : floor, all = e_p + N_g;
  result.value = std::log1p(N_g / e_p);
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    double slope = 0;
    if (k == positive) {
      slope = -(N_g + (on ? prior * n * e_p / (1 - prior) : 0)) / all;
    } else if (on) {
      slope = n / ((1 - prior) * W * all) * w(k) * ((1 + beta) * e(k) - beta * A / W);
    }
    result.d_similarities[k] = slope / temperature;
  }
  if (on) result.cancels = (n * A / W + prior * n * e_p) / (n * A / W - prior * n * e_p);
  if (!on) result.d_temperature = N_g / all / (temperature * temperature);
  return result;
}

/// The negatives that count: all, or the k most similar ones; of equal ones the first. `margin` is
/// lowered to how far the list is from another one.
inline std::vector<bool> selected(const std::vector<double>& similarities, std::size_t positive,
                                  std::size_t k, double* margin = nullptr) {
  if (k == 0 || k + 1 >= similarities.size()) return std::vector<bool>(similarities.size(), true);
  std::vector<bool> counts(similarities.size(), false);
  counts[positive] = true;
  double last = 0;
  for (std::size_t round = 0; round <= k; ++round) {
    std::size_t best = similarities.size();
    for (std::size_t c = 0; c < similarities.size(); ++c) {
      if (counts[c]) continue;
      if (best == similarities.size() || similarities[c] > similarities[best]) best = c;
    }
    if (round == k) {
      if (margin) *margin = std::min(*margin, last - similarities[best]);
    } else {
      counts[best] = true;
      last = similarities[best];
    }
  }
  return counts;
}

/// Candidate `positive` is the right one. The other candidates are added up apart from it, so that
/// a small loss keeps its digits.
inline CrossEntropy cross_entropy(const std::vector<double>& similarities, std::size_t positive,
                                  const Softmax& form) {
  if (form.positive_prior > 0 || form.hard_negative_beta > 0)
    return hard_cross_entropy(similarities, positive, form);
  CrossEntropy result;
  const std::vector<bool> counts = selected(similarities, positive, form.hardest, &result.margin);
  const double temperature = form.temperature, count = static_cast<double>(similarities.size());
  double largest = form.decoupled ? -1e300 : similarities[positive];
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    if (k != positive && counts[k]) largest = std::max(largest, similarities[k]);
  }
  const double e_p =
      form.decoupled ? 0 : std::exp((similarities[positive] - largest) / temperature);
  double rest = 0, mean = 0;
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    mean += similarities[k] / count;
    if (k == positive || !counts[k]) continue;
    rest += std::exp((similarities[k] - largest) / temperature);
    result.hit = result.hit && similarities[k] < similarities[positive];
  }
  result.value = !form.decoupled && similarities[positive] == largest
                     ? std::log1p(rest)
                     : (largest - similarities[positive]) / temperature + std::log(rest + e_p);
  result.value += form.label_smoothing * (similarities[positive] - mean) / temperature;
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    const double e_k = counts[k] ? std::exp((similarities[k] - largest) / temperature) : 0;
    double slope = k == positive ? -rest / (rest + e_p) : e_k / (rest + e_p);
    slope += form.label_smoothing * ((k == positive ? 1 : 0) - 1 / count);
    result.d_similarities.push_back(slope / temperature);
  }
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"
