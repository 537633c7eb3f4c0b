// SupCon by its definition: each row against all others, those with its label the right ones.
#pragma once

#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "reference/normalize.hpp"
#include "reference/result.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace tests {
namespace reference {

/// −log mean_p e^x_p / Σ_k e^x_k (inside) or −mean_p log(e^x_p / Σ_k e^x_k) of one anchor. Adds the
/// derivatives by the logits. The candidates that are not right are added up apart from the others,
/// so that a small loss keeps its digits.
inline double sup_con_anchor(const std::vector<double>& logits, const std::vector<bool>& right,
                             bool inside, std::vector<double>& d_logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double rest = 0, positives = 0, count = 0, highest = -HUGE_VAL;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    (right[k] ? positives : rest) += std::exp(logits[k] - largest);
    if (!right[k]) continue;
    ++count;
    highest = std::max(highest, logits[k]);
  }
  double mean = 0, spread = 0;  // of the positives, after the highest: none overflows or vanishes
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (!right[k]) continue;
    mean += (logits[k] - highest) / count;
    spread += std::exp(logits[k] - highest) / count;
  }
  // log of rest/positives, in any range
  const double rest_log = std::log(rest) - std::log(spread * count) - (highest - largest);
  const double excess =
      rest_log > 0 ? rest_log + std::log1p(std::exp(-rest_log)) : std::log1p(std::exp(rest_log));
  const double all = rest + positives;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    const double e = std::exp(logits[k] - largest);
    if (!right[k]) {
      d_logits[k] = e / all;
    } else {
      const double share = std::exp(logits[k] - highest) / spread / count;  // among the positives
      // P − 1/n is (share − 1/n)·(all positives' P) − (the rest's P)/n.
      d_logits[k] = inside ? -rest / all * share
                           : (share - 1 / count) * (positives / all) - rest / all / count;
    }
  }
  return std::log(count) + excess + (inside ? 0 : std::log(spread) - mean);
}

/// The sum over the anchors that have a positive is divided by their number, or by 1.
inline Result sup_con(const Matrix<double>& z, const std::vector<std::int64_t>& labels,
                      double temperature, bool inside, bool normalized, bool mean) {
  const std::size_t M = z.rows(), D = z.cols();
  const Matrix<double> hat = normalized ? normalize(z) : z;
  double anchors = 0;
  const auto has_positive = [&](std::size_t a) {
    return std::count(labels.begin(), labels.end(), labels[a]) > 1;
  };
  for (std::size_t a = 0; a < M; ++a) anchors += has_positive(a) ? 1 : 0;
  const double divisor = mean ? anchors : 1;
  Result result;
  Matrix<double> d_hat(M, D);
  for (std::size_t a = 0; a < M; ++a) {
    if (!has_positive(a)) continue;
    std::vector<double> logits;
    std::vector<bool> right;
    std::vector<std::size_t> rows;
    for (std::size_t k = 0; k < M; ++k) {
      if (k == a) continue;
      double dot = 0;
      for (std::size_t d = 0; d < D; ++d) dot += hat(a, d) * hat(k, d);
      logits.push_back(dot / temperature);
      right.push_back(labels[k] == labels[a]);
      rows.push_back(k);
    }
    std::vector<double> slopes(logits.size());
    result.value += sup_con_anchor(logits, right, inside, slopes) / divisor;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const double slope = slopes[k] / temperature / divisor;
      const double by_temperature = -slopes[k] / divisor * logits[k] / temperature;
      result.d_temperature += by_temperature;
      result.d_temperature_magnitude += std::abs(by_temperature);
      for (std::size_t d = 0; d < D; ++d) {
        d_hat(a, d) += slope * hat(rows[k], d);
        d_hat(rows[k], d) += slope * hat(a, d);
      }
    }
  }
  result.gradients = {normalized ? normalize_backward(z, d_hat) : d_hat};
  return result;
}

}  // namespace reference
}  // namespace tests

#include "selfsup/core/leave.hpp"
