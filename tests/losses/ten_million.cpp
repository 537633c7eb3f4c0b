// The promised accuracy of float up to batches of ten million entries.
#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "sanitizer.hpp"

#include <cstddef>
#include <set>
#include <string>

namespace {

using tests::LossCase;

void check(std::size_t rows, std::size_t cols, bool LossCase::*too_slow) {
  if (tests::slow) return;  // minutes
  std::set<std::string> seen;
  for (const LossCase& item : tests::chosen_losses()) {
    if (item.*too_slow || !seen.insert(item.header).second) continue;  // the first of each loss
    INFO(item.name << ", " << rows << "x" << cols);
    const auto inputs = tests::inputs_of(item, rows, cols);
    CHECK_NONE(tests::check_reference(item, *item.make<float>(), tests::cast<float>(inputs),
                                      item.reference(inputs), item.amplification<float>(inputs)));
  }
}

}  // namespace

TEST_CASE("float keeps its accuracy in rows of half a million entries", "[by_loss][long]") {
  check(20, 500009, &LossCase::slow_by_columns);
}

TEST_CASE("float keeps its accuracy in columns of half a million entries", "[by_loss][long]") {
  check(500009, 20, &LossCase::slow_by_rows);
}

#include "selfsup/core/leave.hpp"
