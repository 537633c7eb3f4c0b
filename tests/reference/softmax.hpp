// −s_p/τ + log Σ_k e^{s_k/τ} over a list of candidates, the inside of every InfoNCE.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace tests {
namespace reference {

struct CrossEntropy {
  double value = 0;
  std::vector<double> d_similarities;
};

/// Candidate `positive` is the right one. The other candidates are added up apart from it, so that
/// a small loss keeps its digits.
inline CrossEntropy cross_entropy(const std::vector<double>& similarities, std::size_t positive,
                                  double temperature) {
  const double largest = *std::max_element(similarities.begin(), similarities.end());
  const double e_p = std::exp((similarities[positive] - largest) / temperature);
  double rest = 0;
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    if (k != positive) rest += std::exp((similarities[k] - largest) / temperature);
  }
  CrossEntropy result;
  result.value = similarities[positive] == largest
                     ? std::log1p(rest)
                     : (largest - similarities[positive]) / temperature + std::log(rest + e_p);
  for (std::size_t k = 0; k < similarities.size(); ++k) {
    const double e_k = std::exp((similarities[k] - largest) / temperature);
    const double slope = k == positive ? -rest / (rest + e_p) : e_k / (rest + e_p);
    result.d_similarities.push_back(slope / temperature);
  }
  return result;
}

}  // namespace reference
}  // namespace tests
