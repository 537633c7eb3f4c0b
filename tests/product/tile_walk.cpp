#include "selfsup/product/tile_walk.hpp"

#include "catch.hpp"
#include "threads.hpp"

#include <atomic>
#include <cmath>
#include <cstddef>
#include <vector>

using selfsup::Buffer;
using selfsup::product::PaddedMatrix;
using selfsup::product::Tile;
using selfsup::product::TileWalk;

namespace {

template <class T>
PaddedMatrix<T> entries(std::size_t rows, std::size_t cols, double phase) {
  PaddedMatrix<T> x;
  x.reshape(rows, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c)
      x.row(r)[c] = static_cast<T>(std::sin(0.7 * static_cast<double>(r * cols + c) + phase));
  }
  return x;
}

// Keeps products; weights are w_ij = s_ij·(a_i + b_j), which differ by row and column. The slots
// take the sums of squares of rows and of columns.
template <class T, bool Symmetric>
class Weighing : public selfsup::product::Visitor {
 public:
  static constexpr bool adds_to_blocks = true;
  static constexpr bool keeps_weights = false;

  Weighing(std::vector<double>& rows, std::vector<double>& cols) : rows_(rows), cols_(cols) {}

  void reserve(std::size_t slots, std::size_t edge) {
    edge_ = edge;
    slots_.assign(2 * slots * edge, 0);
  }
  void visit(const Tile<T>& tile) {
    double* const rows = slots_.data() + 2 * tile.slot * edge_;
    std::fill_n(rows, 2 * edge_, 0.0);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      for (std::size_t c = tile.first_col(r); c < tile.cols; ++c) {
        const auto s = static_cast<double>(tile.row(r)[c]);
        rows[r] += s * s;
        if (!tile.diagonal || c != r) rows[edge_ + c] += s * s;
      }
    }
  }
  void add_to_rows(const Tile<T>& tile) {
    for (std::size_t r = 0; r < tile.rows; ++r)
      rows_[tile.row0 + r] += slots_[2 * tile.slot * edge_ + r];
  }
  void add_to_cols(const Tile<T>& tile) {
    for (std::size_t c = 0; c < tile.cols; ++c)
      cols_[tile.col0 + c] += slots_[(2 * tile.slot + 1) * edge_ + c];
  }
  void revisit(const Tile<T>&) const {}
  void weigh(const Tile<T>& tile, T* weights, std::size_t ld) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      for (std::size_t c = tile.first_col(r); c < tile.cols; ++c)
        weights[r * ld + c] = tile.row(r)[c] * factor(tile.row0 + r, tile.col0 + c);
    }
  }
  static T factor(std::size_t i, std::size_t j) {
    const auto of = [](std::size_t k) { return static_cast<T>(1 + k % 7) / 4; };
    return Symmetric ? of(i) + of(j) : of(i) + 2 * of(j);
  }

 private:
  std::vector<double>& rows_;
  std::vector<double>& cols_;
  std::vector<double> slots_;
  std::size_t edge_ = 0;
};

template <class T>
struct Result {
  std::vector<double> rows, cols;
  PaddedMatrix<T> d_x, d_y;

  bool operator==(const Result& other) const {
    const auto same = [](const PaddedMatrix<T>& a, const PaddedMatrix<T>& b) {
      for (std::size_t r = 0; r < a.rows(); ++r)
        if (!std::equal(a.row(r), a.row(r) + a.cols(), b.row(r))) return false;
      return a.rows() == b.rows() && a.cols() == b.cols();
    };
    return rows == other.rows && cols == other.cols && same(d_x, other.d_x) && same(d_y, other.d_y);
  }
};

// Counts how often it is shown each entry, and each slot.
class Halves : public selfsup::product::Visitor {
 public:
  static constexpr bool takes_halves = true;

  explicit Halves(std::size_t cols) : seen(cols * cols), cols_(cols) {}

  void reserve(std::size_t slots, std::size_t) { calls = std::vector<std::atomic<int>>(slots); }
  void visit(const Tile<float>& tile) {
    ++calls[tile.slot];
    for (std::size_t r = 0; r < tile.rows; ++r) {
      for (std::size_t c = tile.first_col(r); c < tile.cols; ++c)
        seen[(tile.row0 + r) * cols_ + tile.col0 + c] += tile.row(r)[c];
    }
  }

  std::vector<float> seen;
  std::vector<std::atomic<int>> calls;

 private:
  std::size_t cols_;
};

constexpr std::size_t all = std::size_t{1} << 30;

struct Way {
  int threads;
  std::size_t budget;
};

// One walk there and back, twice, of S = X Xᵀ, XᵀX, X Yᵀ or XᵀY.
template <class T, bool Symmetric, bool Columns>
Result<T> walked(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y, const Way& way) {
  const tests::Threads scope(way.threads);
  Result<T> result;
  const std::size_t rows = Columns ? x.cols() : x.rows(), cols = Columns ? y.cols() : y.rows();
  result.rows.assign(rows, 0);
  result.cols.assign(cols, 0);
  Weighing<T, Symmetric> visitor(result.rows, result.cols);
  TileWalk<T> walk;
  if constexpr (Symmetric && Columns) walk.symmetric_columns(x, way.budget, visitor);
  if constexpr (Symmetric && !Columns) walk.symmetric(x, way.budget, visitor);
  if constexpr (!Symmetric && Columns) walk.rectangular_columns(x, y, way.budget, visitor);
  if constexpr (!Symmetric && !Columns) walk.rectangular(x, y, way.budget, visitor);
  for (int again = 0; again < 2; ++again) {
    if constexpr (Symmetric && Columns) walk.symmetric_columns_backward(x, result.d_x, visitor);
    if constexpr (Symmetric && !Columns) walk.symmetric_backward(x, result.d_x, visitor);
    if constexpr (!Symmetric && Columns)
      walk.rectangular_columns_backward(x, y, &result.d_x, &result.d_y, visitor);
    if constexpr (!Symmetric && !Columns)
      walk.rectangular_backward(x, y, &result.d_x, &result.d_y, visitor);
  }
  return result;
}

// Entry (r, c) of the gradient, the plain way: Σ_k w_rk other_kc, or Σ_k other_rk w_ck by columns.
template <class T, bool Symmetric, bool Columns>
void check_values(const PaddedMatrix<T>& x, const PaddedMatrix<T>& y, const Result<T>& found) {
  const auto entry = [](const PaddedMatrix<T>& m, std::size_t i, std::size_t k) {
    return static_cast<double>(Columns ? m.row(k)[i] : m.row(i)[k]);
  };
  const std::size_t rows = Columns ? x.cols() : x.rows(), cols = Columns ? y.cols() : y.rows();
  const std::size_t K = Columns ? x.rows() : x.cols();
  std::vector<double> w(rows * cols), squares(rows, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j) {
      double s = 0;
      for (std::size_t k = 0; k < K; ++k) s += entry(x, i, k) * entry(y, j, k);
      w[i * cols + j] = s * static_cast<double>(Weighing<T, Symmetric>::factor(i, j));
      squares[i] += s * s;
    }
  }
  const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-13;
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const double sum = found.rows[i] + (Symmetric ? found.cols[i] : 0);
    CHECK(sum == Approx(squares[i]).epsilon(tolerance));
    for (std::size_t k = 0; k < K; ++k) {
      double d = 0;
      for (std::size_t j = 0; j < cols; ++j) d += w[i * cols + j] * entry(y, j, k);
      worst = std::max(worst, std::abs(d - entry(found.d_x, i, k)));
      largest = std::max(largest, std::abs(d));
    }
  }
  for (std::size_t j = 0; !Symmetric && j < cols; ++j) {
    for (std::size_t k = 0; k < K; ++k) {
      double d = 0;
      for (std::size_t i = 0; i < rows; ++i) d += w[i * cols + j] * entry(x, i, k);
      worst = std::max(worst, std::abs(d - entry(found.d_y, j, k)));
    }
  }
  CHECK(worst <= tolerance * largest);
}

template <class T, bool Symmetric, bool Columns>
void check(std::size_t rows, std::size_t cols, std::size_t K) {
  const auto x = Columns ? entries<T>(K, rows, 0.1) : entries<T>(rows, K, 0.1);
  const auto y = Columns ? entries<T>(K, cols, 0.2) : entries<T>(cols, K, 0.2);
  const Result<T> one = walked<T, Symmetric, Columns>(x, Symmetric ? x : y, {1, all});
  check_values<T, Symmetric, Columns>(x, Symmetric ? x : y, one);
  for (const Way& way : {Way{1, 0}, Way{1, 300000}, Way{2, all}, Way{3, 0}, Way{5, 300000},
                         Way{16, all}, Way{16, 0}, Way{64, 700000}}) {
    INFO("threads " << way.threads << ", budget " << way.budget);
    CHECK(walked<T, Symmetric, Columns>(x, Symmetric ? x : y, way) == one);
  }
}

template <class T>
void check_shapes() {
  for (const std::size_t rows : {1u, 65u, 257u, 410u}) {
    for (const std::size_t K : {1u, 33u, 270u}) {
      check<T, true, false>(rows, rows, K);
      check<T, true, true>(rows, rows, K);
    }
  }
  check<T, true, false>(2400, 2400, 1);  // more tiles than slots
  check<T, true, true>(150, 150, 1000);  // more rows than a task of a gradient of columns has
  check<T, false, true>(70, 150, 1000);
  for (const auto& [rows, cols] : {std::pair{1u, 300u}, {300u, 5u}, {257u, 410u}}) {
    check<T, false, false>(rows, cols, 37);
    check<T, false, true>(rows, cols, 37);
  }
}

}  // namespace

TEST_CASE("a visitor that takes halves is shown every entry and every slot once") {
  for (const std::size_t rows : {1u, 5u, 70u, 257u, 410u}) {
    for (const Way& way : {Way{1, all}, Way{2, 0}, Way{2, all}, Way{16, 0}, Way{16, all}}) {
      const tests::Threads scope(way.threads);
      const auto x = entries<float>(rows, 300, 0.1);
      Halves visitor(rows);
      TileWalk<float> walk;
      walk.symmetric(x, way.budget, visitor);
      CHECK(visitor.calls.size() == 2 * walk.tiles());
      for (const auto& calls : visitor.calls) CHECK(calls == 1);
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < rows; ++j) {
          double product = 0;
          for (std::size_t k = 0; k < 300; ++k)
            product += static_cast<double>(x.row(i)[k]) * static_cast<double>(x.row(j)[k]);
          const auto found = static_cast<double>(visitor.seen[i * rows + j]);
          if (std::abs(found - (j < i ? 0 : product)) > 1e-3) FAIL("entry " << i << ", " << j);
        }
      }
    }
  }
}

TEST_CASE("a walk there and back has the same bits on any threads, kept or not, float") {
  check_shapes<float>();
}
TEST_CASE("a walk there and back has the same bits on any threads, kept or not, double") {
  check_shapes<double>();
}
