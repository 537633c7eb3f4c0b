#include "selfsup/product/block_gradient.hpp"

#include "catch.hpp"
#include "product/products.hpp"

#include "selfsup/product/visitor.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using selfsup::product::BlockGradient;
using selfsup::product::Blocking;
using selfsup::product::Gradient;
using selfsup::product::Output;
using selfsup::product::PaddedMatrix;
using selfsup::product::Side;
using selfsup::product::Tile;
using tests::Matrix;

// What a tile holds is its weights …
struct Keeping : selfsup::product::Visitor {
  static std::size_t factor(std::size_t, std::size_t) { return 1; }
};
// … or a multiple of what it holds, which depends on the place in S.
struct Weighing : selfsup::product::Visitor {
  static constexpr bool keeps_weights = false;
  static std::size_t factor(std::size_t row, std::size_t col) { return 1 + row % 2 + col % 3; }
  template <class T>
  void weigh(const Tile<T>& tile, T* weights, std::size_t ld) const {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      for (std::size_t c = tile.first_col(r); c < tile.cols; ++c) {
        const std::size_t times = factor(tile.row0 + r, tile.col0 + c);
        weights[r * ld + c] = static_cast<T>(times) * tile.row(r)[c];
      }
    }
  }
};

template <class T>
PaddedMatrix<T> padded(std::size_t rows, std::size_t cols, std::size_t seed) {
  const auto from = tests::whole_numbers<T>(rows, cols, seed);
  PaddedMatrix<T> x;
  x.reshape(rows, cols);
  for (std::size_t r = 0; r < rows; ++r) std::copy_n(from.data() + r * cols, cols, x.row(r));
  return x;
}

// A tile of S, of whole numbers; NaN where it is not defined.
template <class T>
struct Weights {
  static constexpr std::size_t panel = Blocking<T>::micro_cols, edge = 3 * panel;

  explicit Weights(bool diagonal)
      : data(edge * edge, std::numeric_limits<T>::quiet_NaN()),
        tile{panel,         diagonal ? panel : 2 * panel,
             2 * panel + 3, diagonal ? 2 * panel + 3 : panel + 3,
             edge,          data.data(),
             diagonal} {
    const auto numbers = tests::whole_numbers<T>(tile.rows, tile.cols, 3);
    for (std::size_t r = 0; r < tile.rows; ++r)
      for (std::size_t c = tile.first_col(r); c < tile.cols; ++c) tile.row(r)[c] = numbers(r, c);
  }

  std::vector<T> data;
  Tile<T> tile;
};

// One piece of the gradient of one side of a tile, by rows and by columns, beside the plain sums.
template <class T, class Visitor>
void check(const Weights<T>& weights, Side side, std::size_t first, std::size_t count) {
  const Tile<T>& tile = weights.tile;
  const bool of_rows = side == Side::rows;
  const std::size_t own = of_rows ? tile.row0 : tile.col0,
                    own_size = of_rows ? tile.rows : tile.cols;
  const std::size_t opponent = of_rows ? tile.col0 : tile.row0;
  const std::size_t opponents = of_rows ? tile.cols : tile.rows;
  // The weight of entry i of the block with entry j of the other one.
  const auto weight = [&](std::size_t i, std::size_t j) {
    const bool turned = tile.diagonal ? j < i : !of_rows;
    const std::size_t r = turned ? j : i, c = turned ? i : j;
    return static_cast<T>(Visitor::factor(tile.row0 + r, tile.col0 + c)) * tile.row(r)[c];
  };

  const Visitor visitor;
  const std::size_t edge = weights.edge;
  for (const bool in_rows : {true, false}) {
    // Columns of a few rows of the gradient, more than are gone through at a time.
    const std::size_t first_row = 2, rows = Blocking<T>::band + 3, D = in_rows ? 19 : rows + 5;
    for (const Output output : {Output::write, Output::add}) {
      const auto other =
          in_rows ? padded<T>(opponent + opponents, D, 1) : padded<T>(D, opponent + opponents, 1);
      auto out = in_rows ? padded<T>(own + own_size, D, 2) : padded<T>(D, own + own_size, 2);
      const auto before = out;
      std::vector<T> scratch(2 * edge * edge, std::numeric_limits<T>::quiet_NaN());
      const Gradient<T> gradient{side, &other, &out};
      const BlockGradient<T, Visitor> piece(visitor, gradient, first, count, edge, scratch.data());
      if (in_rows) piece.add_rows(tile, side, output, piece.ahead_of(tile, side));
      if (!in_rows) piece.add_cols(tile, side, output, first_row, rows);

      std::size_t wrong = 0;
      for (std::size_t d = 0; d < D; ++d) {
        for (std::size_t i = 0; i < own + own_size; ++i) {
          const auto at = [&](const PaddedMatrix<T>& x, std::size_t entry) {
            return in_rows ? x.row(entry)[d] : x.row(d)[entry];
          };
          T expected = at(before, i);
          const bool in_piece = i >= own + first && i < own + first + count;
          if (in_piece && (in_rows || (d >= first_row && d < first_row + rows))) {
            if (output == Output::write) expected = 0;
            for (std::size_t j = 0; j < opponents; ++j)
              expected += weight(i - own, j) * at(other, opponent + j);
          }
          if (!(at(out, i) == expected)) ++wrong;
        }
      }
      INFO("in rows " << in_rows << ", of rows " << of_rows << ", diagonal " << tile.diagonal
                      << ", from " << first << " on " << count);
      CHECK(wrong == 0);
    }
  }
}

template <class T, class Visitor>
void check_pieces() {
  for (const bool diagonal : {false, true}) {
    const Weights<T> weights(diagonal);
    for (const Side side : {Side::rows, Side::cols}) {
      const std::size_t size = side == Side::rows ? weights.tile.rows : weights.tile.cols;
      const std::size_t panel = Weights<T>::panel;
      check<T, Visitor>(weights, side, 0, size);
      for (std::size_t first = 0; first < size; first += panel)
        check<T, Visitor>(weights, side, first, std::min(panel, size - first));
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a piece of a gradient is the product of kept weights, and nothing beside it",
                   "", float, double) {
  check_pieces<TestType, Keeping>();
}

TEMPLATE_TEST_CASE("a piece of a gradient is the product of weights that are made of a tile", "",
                   float, double) {
  check_pieces<TestType, Weighing>();
}
