// −s_p/τ + log Σ_k e^{s_k/τ} over a list of candidates, the inside of every InfoNCE.
#pragma once

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
  std::vector<double> weights = {};

  double weight(std::size_t anchor) const {
    return weights.empty() ? 1 / divisor : weights[anchor];
  }
};

struct CrossEntropy {
  double value = 0;
  std::vector<double> d_similarities;
  bool hit = true;
};

/// Candidate `positive` is the right one. The other candidates are added up apart from it, so that
/// a small loss keeps its digits.
inline CrossEntropy cross_entropy(const std::vector<double>& similarities, std::size_t positive,
                                  const Softmax& form) {
  const double temperature = form.temperature, count = static_cast<double>(similarities.size());
  double largest = form.decoupled ? -1e300 : similarities[positive];
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    if (k != positive) largest = std::max(largest, similarities[k]);
  }
  const double e_p =
      form.decoupled ? 0 : std::exp((similarities[positive] - largest) / temperature);
  double rest = 0, mean = 0;
  CrossEntropy result;
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    mean += similarities[k] / count;
    if (k == positive) continue;
    rest += std::exp((similarities[k] - largest) / temperature);
    result.hit = result.hit && similarities[k] < similarities[positive];
  }
  result.value = !form.decoupled && similarities[positive] == largest
                     ? std::log1p(rest)
                     : (largest - similarities[positive]) / temperature + std::log(rest + e_p);
  result.value += form.label_smoothing * (similarities[positive] - mean) / temperature;
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    const double e_k = std::exp((similarities[k] - largest) / temperature);
    double slope = k == positive ? -rest / (rest + e_p) : e_k / (rest + e_p);
    slope += form.label_smoothing * ((k == positive ? 1 : 0) - 1 / count);
    result.d_similarities.push_back(slope / temperature);
  }
  return result;
}

}  // namespace reference
}  // namespace tests
