// RankMe: how many dimensions the embeddings really use, without labels (arXiv:2210.02885).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/monitors/eigen.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// exp(−Σ p_k·log p_k) with p_k = σ_k/Σσ, σ the singular values of z, (N, D), not centred. From 1
/// (all rows on one line) to min(N, D) (equal singular values); 0 for a matrix of zeros.
/// The σ are roots of the eigenvalues of the smaller Gram matrix, in double: an eigenvalue below
/// max(N, D)·2⁻⁵² of the largest is rounding, and counts as 0. Costs min(N, D)·N·D + min(N, D)³.
template <class T>
double effective_rank(ConstView<T> z) {
  using Matrix = Eigen::MatrixXd;
  require_batches<T>("effective_rank", {{"z", z}});
  Matrix tall(static_cast<Eigen::Index>(std::max(z.rows(), z.cols())),
              static_cast<Eigen::Index>(std::min(z.rows(), z.cols())));
  const ConstView<T> source = z.rows() < z.cols() ? z.transposed() : z;
  double largest = 0;
  for (std::size_t r = 0; r < source.rows(); ++r) {
    for (std::size_t c = 0; c < source.cols(); ++c) {
      if (!is_finite(source(r, c))) throw_non_finite<T>("effective_rank", {{"z", z}});
      const auto entry = static_cast<double>(source(r, c));
      largest = std::max(largest, std::abs(entry));
      tall(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) = entry;
    }
  }
  if (largest == 0) return 0;
  tall /= largest;  // the rank does not depend on it, and no square leaves the range

  const Matrix gram = tall.transpose() * tall;
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(gram, Eigen::EigenvaluesOnly);
  const auto& squares = solver.eigenvalues();  // ascending
  const double floor = squares[squares.size() - 1] * std::numeric_limits<double>::epsilon() *
                       static_cast<double>(tall.rows());
  double sum = 0;
  double sum_log = 0;  // Σσ·log σ: the entropy is log Σσ − that/Σσ
  for (Eigen::Index k = 0; k < squares.size(); ++k) {
    if (squares[k] <= floor) continue;
    const double sigma = std::sqrt(squares[k]);
    sum += sigma;
    sum_log += sigma * std::log(sigma);
  }
  const auto most = static_cast<double>(squares.size());
  return std::clamp<double>(std::exp(std::log(sum) - sum_log / sum), 1, most);
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
