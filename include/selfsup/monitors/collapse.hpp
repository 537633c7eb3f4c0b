// Watches for collapse: all embeddings alike, the trivial solution that every loss here must avoid.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/view.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// Mean over the D columns of the standard deviation (divisor N − 1) of the l2-normalised rows of
/// z, (N, D). About 1/√D for embeddings spread over the sphere, 0 when they have collapsed
/// (SimSiam, arXiv:2011.10566, figure 2; lightly's `std_of_l2_normalized`). A row of zeros stays 0.
template <class T>
double embedding_std(ConstView<T> z) {
  require_batches<T>("embedding_std", {{"z", z}}, 2);
  // Deviations from the first row: the sums of identical rows are then exactly 0.
  std::vector<double> first(z.cols());
  std::vector<double> sum(z.cols());
  std::vector<double> square(z.cols());
  for (std::size_t r = 0; r < z.rows(); ++r) {
    double largest = 0;  // dividing by it first keeps every square in range
    for (std::size_t c = 0; c < z.cols(); ++c) {
      if (!is_finite(z(r, c))) throw_non_finite<T>("embedding_std", {{"z", z}});
      largest = std::max(largest, std::abs(static_cast<double>(z(r, c))));
    }
    if (largest == 0) largest = 1;
    double norm = 0;
    for (std::size_t c = 0; c < z.cols(); ++c) {
      const double entry = static_cast<double>(z(r, c)) / largest;
      norm += entry * entry;
    }
    norm = norm > 0 ? std::sqrt(norm) : 1;
    for (std::size_t c = 0; c < z.cols(); ++c) {
      const double entry = static_cast<double>(z(r, c)) / largest / norm;
      if (r == 0) first[c] = entry;
      sum[c] += entry - first[c];
      square[c] += (entry - first[c]) * (entry - first[c]);
    }
  }
  const auto N = static_cast<double>(z.rows());
  double total = 0;
  for (std::size_t c = 0; c < z.cols(); ++c) {
    total += std::sqrt(std::max<double>(0, square[c] - sum[c] * sum[c] / N) / (N - 1));
  }
  return total / static_cast<double>(z.cols());
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
