#include "selfsup/kernels/pairs/matched_pairs.hpp"

#include "catch.hpp"
#include "kernels/columns/padded.hpp"
#include "matrix.hpp"

#include "selfsup/kernels/pairs/entrywise.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/tile_walk.hpp"
#include "selfsup/simd/batch.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

namespace {

namespace kernels = selfsup::kernels;
using selfsup::product::PaddedMatrix;
using Batch = selfsup::simd::Batch<double>;

// A pair (i, j) costs a_i·b_j·s², one that belongs together s.
struct Entry {
  const double* a = nullptr;
  const double* b = nullptr;

  static constexpr double left_out = 0;

  template <class Part>
  kernels::Cost<Batch> operator()(const Batch& s, std::size_t i, std::size_t j, Part part) const {
    const Batch factor = Batch(a[i]) * selfsup::simd::load(b + j, part) * s;
    return {factor * s, factor + factor};
  }
  kernels::Cost<double> positive(double s) const { return {s, 1}; }
};

struct NoLeftOut {
  template <class Part>
  kernels::Cost<Batch> operator()(const Batch& s, std::size_t, std::size_t, Part) const {
    return {s, s};
  }
};
struct WholeBatchesOnly {
  kernels::Cost<Batch> operator()(const Batch& s, std::size_t, std::size_t,
                                  selfsup::simd::AllLanes) const {
    return {s, s};
  }
};

double product(const PaddedMatrix<double>& x, std::size_t i, const PaddedMatrix<double>& y,
               std::size_t j) {
  double sum = 0;
  for (std::size_t d = 0; d < x.cols(); ++d) sum += x.row(i)[d] * y.row(j)[d];
  return sum;
}

}  // namespace

static_assert(kernels::has_left_out<double, Entry> && !kernels::has_left_out<double, NoLeftOut>);
static_assert(kernels::has_cost<double, Entry, selfsup::simd::FirstLanes>);
static_assert(!kernels::has_cost<double, WholeBatchesOnly, selfsup::simd::FirstLanes>);

TEST_CASE("a loss of matched pairs is the sum of what its pairs cost") {
  constexpr std::size_t D = 5;
  for (const std::size_t N : {1u, 2u, 17u, 130u, 300u}) {
    for (const std::size_t budget : {std::size_t{0}, std::size_t{1} << 24}) {
      INFO(N << " rows, " << budget << " bytes");
      const PaddedMatrix<double> x = tests::padded(tests::random_matrix(N, D, 1));
      const PaddedMatrix<double> y = tests::padded(tests::random_matrix(N, D, 2));
      const tests::Matrix<double> a = tests::random_matrix(1, N, 3),
                                  b = tests::random_matrix(1, N, 4);
      kernels::MatchedPairs<double, Entry> pairs;
      const kernels::CostSums sums = pairs.forward(x, y, {a.data(), b.data()}, budget);
      PaddedMatrix<double> d_x, d_y, alone;
      pairs.backward(x, y, &d_x, &d_y);
      pairs.backward(x, y, nullptr, &alone);

      double cost = 0, slope = 0;
      tests::Matrix<double> expected_x(N, D), expected_y(N, D);
      for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = 0; j < N; ++j) {
          const double s = product(x, i, y, j), factor = a(0, i) * b(0, j);
          const double w = i == j ? 1 : 2 * factor * s;
          cost += i == j ? s : factor * s * s;
          slope += w;
          for (std::size_t d = 0; d < D; ++d) {
            expected_x(i, d) += w * y.row(j)[d];
            expected_y(j, d) += w * x.row(i)[d];
          }
        }
      }
      const double rounding = 1e-14 * static_cast<double>(N * N);
      CHECK(std::abs(sums.cost - cost) <= rounding);
      CHECK(std::abs(sums.slope - slope) <= rounding);
      double worst = 0;
      for (std::size_t n = 0; n < N; ++n) {
        for (std::size_t d = 0; d < D; ++d) {
          worst = std::max({worst, std::abs(d_x.row(n)[d] - expected_x(n, d)),
                            std::abs(d_y.row(n)[d] - expected_y(n, d))});
          CHECK(alone.row(n)[d] == d_y.row(n)[d]);
        }
      }
      CHECK(worst <= 1e-14 * static_cast<double>(N) * D);
    }
  }
}

TEST_CASE("the slopes of a symmetric walk are summed by row, without the diagonal") {
  constexpr std::size_t M = 210, D = 3;
  const PaddedMatrix<double> z = tests::padded(tests::random_matrix(M, D, 5));
  const tests::Matrix<double> a = tests::random_matrix(1, M, 6);
  kernels::EntriesByRow<double> sums;
  const kernels::EntrywiseVisitor<double, Entry, kernels::EntriesByRow<double>> visitor(
      {a.data(), a.data()}, kernels::Skip(), sums);
  selfsup::product::TileWalk<double> walk;
  sums.begin(M);
  walk.symmetric(z, 0, visitor);
  for (std::size_t i = 0; i < M; ++i) {
    double expected = 0;
    for (std::size_t j = 0; j < M; ++j)
      if (j != i) expected += 2 * a(0, i) * a(0, j) * product(z, i, z, j);
    CHECK(std::abs(sums.rows()[i] - expected) <= 1e-14 * M);
  }
}
