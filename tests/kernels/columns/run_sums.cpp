#include "selfsup/kernels/columns/run_sums.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "matrix.hpp"
#include "threads.hpp"

#include "selfsup/simd/batch.hpp"

#include <cstddef>
#include <vector>

namespace {

using selfsup::Chunks;
using selfsup::kernels::RunSums;
using tests::Matrix;
namespace kernels = selfsup::kernels;
namespace simd = selfsup::simd;

constexpr std::size_t widest = 32;

struct Sums {
  std::vector<double> x, y;
  bool operator==(const Sums& other) const { return x == other.x && y == other.y; }
};

// Adds z and z² of some rows of some columns.
void add(const Matrix<float>& z, std::size_t row, std::size_t rows, std::size_t col,
         std::size_t cols, double* x, double* y) {
  kernels::add_rows<widest, float>(
      row, rows, cols,
      [&](std::size_t n, std::size_t j, auto part, auto sum) {
        return sum + simd::load(&z(n, col + j), part);
      },
      x);
  kernels::add_rows<widest, float>(
      row, rows, cols,
      [&](std::size_t n, std::size_t j, auto part, auto sum) {
        const auto entry = simd::load(&z(n, col + j), part);
        return simd::fma(entry, entry, sum);
      },
      y);
}

Sums step(const Matrix<float>& z, std::size_t strip) {
  Sums sums{std::vector<double>(z.cols(), -1), std::vector<double>(z.cols(), -1)};
  RunSums<widest> run_sums;
  using Block = RunSums<widest>::Block;
  // Twice: nothing may be left of the first time.
  for (int time = 0; time < 2; ++time) {
    run_sums.step(
        z.rows(), Chunks{z.cols(), strip},
        [&](const Block& block, double* x, double* y) {
          add(z, block.row, block.rows, block.col, block.cols, x, y);
        },
        [&](std::size_t first, std::size_t width, const double* x, const double* y) {
          std::copy_n(x, width, sums.x.data() + first);
          std::copy_n(y, width, sums.y.data() + first);
        });
  }
  return sums;
}

}  // namespace

TEST_CASE("sums by runs of rows are those over all rows to the last bit, on any threads") {
  for (const std::size_t N : {1u, 2u, 63u, 64u, 65u, 200u}) {
    for (const std::size_t D : {1u, 15u, 16u, 17u, 31u}) {
      const auto z = tests::cast<float>(tests::random_matrix(N, D, N + D));
      Sums expected{std::vector<double>(D), std::vector<double>(D)};
      add(z, 0, N, 0, D, expected.x.data(), expected.y.data());
      for (const std::size_t strip : {1u, 7u, 16u, 32u}) {
        INFO(N << "x" << D << ", strips of " << strip);
        CHECK(step(z, strip) == expected);
        CHECK(tests::same_on_any_threads([&] { return step(z, strip).x; }));
      }
    }
  }
}

TEST_CASE("each run of each strip is added once, and each strip finished once") {
  constexpr std::size_t N = 150, D = 70;
  Matrix<int> added(N, D), finished(1, D);
  RunSums<widest> run_sums;
  run_sums.step(
      N, Chunks{D, widest},
      [&](const RunSums<widest>::Block& block, double* x, double* y) {
        for (std::size_t n = block.row; n < block.row + block.rows; ++n) {
          for (std::size_t j = block.col; j < block.col + block.cols; ++j) {
            ++added(n, j);
            x[j - block.col] += 1;
            y[j - block.col] += static_cast<double>(n);
          }
        }
      },
      [&](std::size_t first, std::size_t width, const double* x, const double* y) {
        for (std::size_t j = 0; j < width; ++j) {
          const bool all_rows = x[j] == N && y[j] == N * (N - 1) / 2;
          finished(0, first + j) += all_rows ? 1 : 100;
        }
      });
  CHECK(added.entries() == std::vector<int>(N * D, 1));
  CHECK(finished.entries() == std::vector<int>(D, 1));
}
