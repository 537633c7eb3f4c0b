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

// Slow references of some losses take N²·D steps, or a sine for each row and slice, of others N·D².
const std::set<std::string> by_rows{"info_nce", "lejepa",  "nt_xent",   "siglip",
                                    "sigreg",   "sup_con", "uniformity"};
const std::set<std::string> by_columns{"barlow_twins", "fft_covariance", "grouped_covariance",
                                       "probed_covariance", "vicreg"};

void check(std::size_t rows, std::size_t cols, const std::set<std::string>& too_slow) {
  if (tests::slow) return;  // minutes
  auto left_out = too_slow;
  for (const LossCase& item : tests::all_losses()) {
    if (!left_out.insert(item.header).second) continue;  // the first case of each loss
    INFO(item.name << ", " << rows << "x" << cols);
    const auto inputs = tests::inputs_of(item, rows, cols);
    CHECK_NONE(tests::check_reference(item, *item.make<float>(), tests::cast<float>(inputs),
                                      item.reference(inputs), item.amplification<float>(inputs)));
  }
}

}  // namespace

TEST_CASE("float keeps its accuracy in rows of half a million entries") {
  check(20, 500009, by_columns);
}

TEST_CASE("float keeps its accuracy in columns of half a million entries") {
  check(500009, 20, by_rows);
}

#include "selfsup/core/leave.hpp"
