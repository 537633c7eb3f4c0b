// RankMe: how many dimensions the embeddings really use, without labels (arXiv:2210.02885).
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/linalg/eigen.hpp"
#include "selfsup/product/matmul.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/in_double.hpp"
#include "selfsup/simd/lane_sums.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {

namespace detail {

// Writes z in double. Returns its largest magnitude, or NaN when an entry is not finite.
template <class T>
double write_doubles(ConstView<T> z, product::PaddedMatrix<double>& to) {
  ContiguousRows<T> copy;
  const ConstView<T> rows = copy.of(z);
  to.reshape(z.rows(), z.cols());
  const Chunks chunks = row_chunks(z.rows(), z.cols());
  std::vector<double> magnitudes(chunks.count());
  parallel_for(chunks.count(), [&](std::size_t chunk) {
    simd::Batch<T> magnitude(T(0)), check(T(0));
    for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
      const std::size_t r = chunks.first(chunk) + i;
      simd::for_batches<T>(0, z.cols(), [&](std::size_t c, auto part) {
        const auto entries = simd::load(rows.row(r) + c, part);
        magnitude = simd::max(magnitude, simd::abs(entries));
        check = simd::fma(entries, simd::Batch<T>(T(0)), check);  // NaN of what is not finite
        simd::for_doubles(
            part,
            [&](std::size_t j, auto half, const auto& x) {
              simd::store(to.row(r) + c + j, x, half);
            },
            entries);
      });
    }
    magnitudes[chunk] = static_cast<double>(simd::largest<T>(magnitude)) + simd::sum<T>(check);
  });
  double largest = 0;
  for (const double magnitude : magnitudes) {
    if (!is_finite(magnitude)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, magnitude);
  }
  return largest;
}

inline void divide(product::PaddedMatrix<double>& z, double by) {
  const simd::Batch<double> divisor(by);
  parallel_for(z.rows(), z.cols(), [&](std::size_t r) {
    simd::for_batches<double>(0, z.cols(), [&](std::size_t c, auto part) {
      simd::store(z.row(r) + c, simd::load(z.row(r) + c, part) / divisor, part);
    });
  });
}

}  // namespace detail

/// exp(−Σ p_k·log p_k) with p_k = σ_k/Σσ, σ the singular values of z, (N, D), not centred. From 1
/// (all rows on one line) to min(N, D) (equal singular values); 0 for a matrix of zeros.
/// The σ are roots of the eigenvalues of the smaller Gram matrix, in double: an eigenvalue below
/// max(N, D)·2⁻⁵² of the largest is rounding, and counts as 0. Costs min(N, D)·N·D + min(N, D)³.
template <class T>
double effective_rank(ConstView<T> z) {
  require_batches<T>("effective_rank", {{"z", z}});
  product::PaddedMatrix<double> rows;
  const double largest = detail::write_doubles(z, rows);
  if (!is_finite(largest)) throw_non_finite<T>("effective_rank", {{"z", z}});
  if (largest == 0) return 0;
  // The rank does not depend on it, and no square leaves the range.
  detail::divide(rows, largest);

  using Matrix = Eigen::MatrixXd;
  const ConstView<double> wide = z.rows() < z.cols() ? rows.view() : rows.view().transposed();
  const auto least = static_cast<Eigen::Index>(wide.rows());
  Matrix gram(least, least);
  Matmul<double>().write(wide, wide.transposed(), gram);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(gram, Eigen::EigenvaluesOnly);
  const auto& squares = solver.eigenvalues();  // ascending
  const double floor = squares[squares.size() - 1] * std::numeric_limits<double>::epsilon() *
                       static_cast<double>(wide.cols());
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
