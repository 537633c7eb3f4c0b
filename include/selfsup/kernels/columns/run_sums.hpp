// Sums over the rows of columns in blocks, enough of them for many threads: runs of rows of strips
// of columns.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/kernels/columns/moments.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Two sums of each column, the same bits as add_rows() gives over all rows of a strip.
template <std::size_t Widest>
class RunSums {
 public:
  /// Some rows of some columns.
  struct Block {
    std::size_t row, rows, col, cols;
  };

  /// Calls add(block, x, y), which adds to two sums a column, for each run of N rows of each strip,
  /// at most `Widest` wide, and then finish(first_column, width, x, y) for each strip with those of
  /// all rows, added in order.
  template <class Add, class Finish>
  void step(std::size_t N, const Chunks& strips, Add&& add, Finish&& finish) {
    const Chunks runs{N, rows_in_type};
    const std::size_t items = runs.count() * strips.count(), size = strips.size;
    double* const of_runs = of_runs_.grow(items * 2 * size);
    parallel_for(items, 2 * rows_in_type * size, [&](std::size_t item) {
      const std::size_t run = item / strips.count(), strip = item % strips.count();
      double* const sums = of_runs + item * 2 * size;
      std::fill_n(sums, 2 * size, 0.0);
      add(Block{runs.first(run), runs.length(run), strips.first(strip), strips.length(strip)}, sums,
          sums + size);
    });
    parallel_for(strips.count(), runs.count() * 2 * size, [&](std::size_t strip) {
      double sums[2 * Widest] = {};
      for (std::size_t run = 0; run < runs.count(); ++run) {
        const double* const of_run = of_runs + (run * strips.count() + strip) * 2 * size;
        for (std::size_t i = 0; i < 2 * size; ++i) sums[i] += of_run[i];
      }
      finish(strips.first(strip), strips.length(strip), sums, sums + size);
    });
  }

  std::size_t bytes() const { return of_runs_.bytes(); }

 private:
  Buffer<double> of_runs_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
