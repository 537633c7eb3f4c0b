// Random shapes, strides, offsets, skipped outputs, budgets and threads, for every loss and choice
// of options: whatever the call looks like, the bits are those of the plain call, nothing beside
// the outputs is written, and the result is the reference's. SELFSUP_RANDOM_SECONDS (3) says for
// how long, SELFSUP_RANDOM_SEED (1) where to begin; a failure names its seed.
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "threads.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using tests::LossCase;
using tests::Matrix;

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  bool once_in(std::size_t n) { return below(n) == 0; }
  /// Mostly small, now and then beyond a tile.
  std::size_t size(std::size_t least) {
    return least + (once_in(20) ? below(420) : once_in(3) ? below(40) : below(9));
  }

 private:
  std::mt19937_64 engine_;
};

/// A matrix at random strides of either sign and order, at a random offset, between marks.
template <class T>
class Scattered {
 public:
  Scattered(const Matrix<T>& matrix, Draw& draw) : rows_(matrix.rows()), cols_(matrix.cols()) {
    const bool by_rows = !draw.once_in(3);
    const std::size_t inner_count = by_rows ? cols_ : rows_;
    const std::size_t outer_count = by_rows ? rows_ : cols_;
    const std::size_t inner = draw.once_in(3) ? 1 + draw.below(3) : 1;
    const std::size_t outer = inner_count * inner + draw.below(7);
    const std::size_t before = draw.below(20);
    memory_.assign(before + outer_count * outer + 20, mark);
    const bool inner_back = draw.once_in(5), outer_back = draw.once_in(5);
    first_ = before + (inner_back ? (inner_count - 1) * inner : 0) +
             (outer_back ? (outer_count - 1) * outer : 0);
    const auto stride = [](std::size_t step, bool back) {
      return back ? -static_cast<std::ptrdiff_t>(step) : static_cast<std::ptrdiff_t>(step);
    };
    row_stride_ = by_rows ? stride(outer, outer_back) : stride(inner, inner_back);
    col_stride_ = by_rows ? stride(inner, inner_back) : stride(outer, outer_back);
    const selfsup::MutView<T> view = *this;
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t c = 0; c < cols_; ++c) view(r, c) = matrix(r, c);
    }
  }

  operator selfsup::ConstView<T>() const {
    return {memory_.data() + first_, rows_, cols_, row_stride_, col_stride_};
  }
  operator selfsup::MutView<T>() {
    return {memory_.data() + first_, rows_, cols_, row_stride_, col_stride_};
  }

  /// Takes the entries out and puts marks in their place: then all must be marks.
  std::vector<T> take() {
    const selfsup::MutView<T> view = *this;
    std::vector<T> entries;
    for (std::size_t r = 0; r < rows_; ++r) {
      for (std::size_t c = 0; c < cols_; ++c) {
        entries.push_back(view(r, c));
        view(r, c) = mark;
      }
    }
    return entries;
  }
  bool all_marks() const {
    return std::all_of(memory_.begin(), memory_.end(), [](T entry) { return entry == mark; });
  }

 private:
  static constexpr T mark = T(-12345);
  std::size_t rows_, cols_, first_ = 0;
  std::ptrdiff_t row_stride_ = 0, col_stride_ = 0;
  std::vector<T> memory_;
};

template <class T>
void check_call(const LossCase& item, Draw& draw) {
  const std::size_t rows = draw.size(item.min_rows), cols = draw.size(item.min_cols);
  const auto exact = tests::inputs_of(item, rows, cols, draw.below(1000));
  const auto inputs = tests::cast<T>(exact);
  INFO(item.name << (sizeof(T) == 4 ? ", float, " : ", double, ") << rows << "x" << cols);
  const auto expected = [&] {
    const tests::Threads one(1);
    return tests::run(*item.make<T>(), item, inputs);
  }();

  std::vector<Scattered<T>> stored, written;
  for (const auto& input : inputs) stored.emplace_back(input, draw);
  for (const auto& blank : tests::blank_gradients(item, inputs)) written.emplace_back(blank, draw);
  std::vector<selfsup::MutView<T>> outputs(written.begin(), written.end());
  std::vector<bool> skipped;
  for (auto& output : outputs) {
    skipped.push_back(draw.once_in(6));
    if (skipped.back()) output = {};
  }
  const std::size_t budget = draw.below(1u << 20);
  const auto loss = item.make<T>(draw.once_in(2) ? std::optional(budget) : std::nullopt);
  {
    const tests::Threads scope(1 + static_cast<int>(draw.below(3)));
    CHECK(loss->forward({stored.begin(), stored.end()}) == expected.value);
    loss->backward(outputs);
  }
  for (std::size_t k = 0; k < written.size(); ++k) {
    if (!skipped[k]) CHECK((written[k].take() == expected.gradients[k].entries()));
    if (skipped[k]) written[k].take();
    CHECK(written[k].all_marks());
  }

  const bool has_direction = !item.normalizes || cols > 1;
  if (sizeof(T) == 4 || rows * cols > 2000 || !has_direction) return;
  const auto right = item.reference(exact);
  CHECK_NONE(tests::check_reference(
      item, *item.make<double>(), exact, right,
      item.amplification<double>(exact) * tests::condition(item, exact, right)));
}

double environment(const char* name, double otherwise) {
  const char* const text = std::getenv(name);
  return text ? std::atof(text) : otherwise;
}

}  // namespace

TEST_CASE("random calls of every loss give the bits of the plain call and the reference's result") {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const std::chrono::duration<double> most(environment("SELFSUP_RANDOM_SECONDS", 3));
  const auto first = static_cast<std::uint64_t>(environment("SELFSUP_RANDOM_SEED", 1));
  std::uint64_t seed = first;
  for (; Clock::now() - begin < most; ++seed) {
    INFO("SELFSUP_RANDOM_SEED=" << seed);
    Draw draw(seed);
    const auto& all = tests::all_losses();
    const LossCase& item = all[draw.below(all.size())];
    if (draw.once_in(2)) {
      check_call<float>(item, draw);
    } else {
      check_call<double>(item, draw);
    }
  }
  CHECK(seed > first);
}
