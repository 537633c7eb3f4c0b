// Watches for collapse: all embeddings alike, the trivial solution that every loss here must avoid.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/buffer.hpp"
#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/row_sum.hpp"
#include "selfsup/simd/batch.hpp"
#include "selfsup/simd/in_double.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {

namespace detail {

// Writes z scaled to length 1, in double. Returns its length relative to the largest entry: not
// finite when an entry is not.
template <class T>
double write_unit_row(const T* z, std::size_t D, double* unit) {
  simd::Batch<T> magnitude(T(0));
  simd::for_batches<T>(0, D, [&](std::size_t c, auto part) {
    magnitude = simd::max(magnitude, simd::abs(simd::load(z + c, part)));
  });
  // Dividing by it first keeps every square in range.
  const auto largest = static_cast<double>(simd::largest<T>(magnitude));
  const simd::Batch<double> divisor(largest == 0 ? 1 : largest);
  simd::for_batches<T>(0, D, [&](std::size_t c, auto part) {
    simd::for_doubles(
        part,
        [&](std::size_t j, auto half, const auto& entry) {
          simd::store(unit + c + j, entry / divisor, half);
        },
        simd::load(z + c, part));
  });
  const double norm = std::sqrt(simd::dot_in_double(unit, unit, D));
  const simd::Batch<double> length(norm > 0 ? norm : 1);
  simd::for_batches<double>(0, D, [&](std::size_t c, auto part) {
    simd::store(unit + c, simd::load(unit + c, part) / length, part);
  });
  return norm;
}

}  // namespace detail

/// Mean over the D columns of the standard deviation (divisor N − 1) of the l2-normalised rows of
/// z, (N, D). About 1/√D for embeddings spread over the sphere, 0 when they have collapsed
/// (SimSiam, arXiv:2011.10566, figure 2; lightly's `std_of_l2_normalized`). A row of zeros stays 0.
template <class T>
double embedding_std(ConstView<T> z) {
  require_batches<T>("embedding_std", {{"z", z}}, 2);
  ContiguousRows<T> copy;
  const ConstView<T> rows = copy.of(z);
  const std::size_t D = z.cols();
  const Chunks chunks = product::summed_chunks(z.rows(), D);
  // Deviations from the first row: the sums of identical rows are then exactly 0.
  Buffer<double> first, units, sums;
  detail::write_unit_row(rows.row(0), D, first.grow(D));
  units.grow(team_size(chunks.count()), D);
  sums.grow(chunks.count(), 2 * D);  // of a chunk's deviations, then of their squares
  std::vector<double> lengths(chunks.count());
  parallel_for(chunks.count(), [&](std::size_t chunk, std::size_t share) {
    double* const unit = units.data() + share * D;
    double* const sum = sums.data() + chunk * 2 * D;
    std::fill_n(sum, 2 * D, 0.0);
    for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
      lengths[chunk] += detail::write_unit_row(rows.row(chunks.first(chunk) + i), D, unit);
      simd::for_batches<double>(0, D, [&](std::size_t c, auto part) {
        const auto off = simd::load(unit + c, part) - simd::load(first.data() + c, part);
        double *const linear = sum + c, *const square = linear + D;
        simd::store(linear, simd::load(linear, part) + off, part);
        simd::store(square, simd::fma(off, off, simd::load(square, part)), part);
      });
    }
  });
  for (const double length : lengths)
    if (!is_finite(length)) throw_non_finite<T>("embedding_std", {{"z", z}});
  product::add_up_rows(sums.data(), chunks.count(), 2 * D, [](std::size_t, std::size_t) {});
  const auto N = static_cast<double>(z.rows());
  double total = 0;
  for (std::size_t c = 0; c < D; ++c) {
    const double sum = sums[c], square = sums[D + c];
    total += std::sqrt(std::max<double>(0, square - sum * sum / N) / (N - 1));
  }
  return total / static_cast<double>(D);
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
