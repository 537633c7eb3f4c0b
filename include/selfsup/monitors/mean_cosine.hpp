// How alike the embeddings of a batch are on average.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/rows/unit_rows.hpp"
#include "selfsup/product/row_sum.hpp"
#include "selfsup/simd/in_double.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// Mean cosine over the pairs i < j of the rows of z, (N, D) with N > 1: 1 when they have
/// collapsed, about 0 when they are spread over the sphere, at least −1/(N − 1). A row of zeros has
/// cosine 0 with all. Costs N·D: Σ_{i≠j} ẑ_i·ẑ_j = |Σẑ_i|² − Σ|ẑ_i|².
template <class T>
double mean_cosine(ConstView<T> z) {
  require_batches<T>("mean_cosine", {{"z", z}}, 2);
  kernels::UnitRows<T> unit;
  kernels::take_rows<T>({"mean_cosine", {{"z", z}}}, {}, {&unit});
  product::RowSum<T> sum;
  sum.of(unit.rows(), z.rows(), [](std::size_t) { return 1.0; });
  const double of_sum = simd::dot_in_double(sum.in_double(), sum.in_double(), z.cols());
  const Chunks chunks = row_chunks(z.rows(), z.cols());
  std::vector<double> squares(chunks.count());
  parallel_for(chunks.count(), [&](std::size_t chunk) {
    for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
      const T* const row = unit.rows().row(chunks.first(chunk) + i);
      squares[chunk] += simd::dot_in_double(row, row, z.cols());
    }
  });
  double of_rows = 0;
  for (const double square : squares) of_rows += square;
  const auto N = static_cast<double>(z.rows());
  return std::clamp<double>((of_sum - of_rows) / (N * (N - 1)), -1 / (N - 1), 1);
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
