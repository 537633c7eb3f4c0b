#include "catch.hpp"
#include "losses/loss_case.hpp"

#include <algorithm>
#include <sstream>
#include <string>

namespace tests {

const std::vector<LossCase>& all_losses() {
  static const std::vector<LossCase> losses = [] {
    std::vector<LossCase> all;
    for (const auto& part :
         {nt_xent_cases(), info_nce_cases(), byol_cases(), simsiam_cases(), vicreg_cases(),
          siglip_cases(), sup_con_cases(), alignment_cases(), uniformity_cases(), sigreg_cases(),
          lejepa_cases(), grouped_covariance_cases(), probed_covariance_cases(),
          fft_covariance_cases(), barlow_twins_cases()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return losses;
}

}  // namespace tests

// TESTS_LOSS_HEADERS is the list of the files in selfsup/losses, made by the build.
TEST_CASE("every loss header is on the list of losses") {
  std::istringstream headers(TESTS_LOSS_HEADERS);
  std::string header;
  std::size_t count = 0;
  while (headers >> header) {
    INFO(header);
    const auto& all = tests::all_losses();
    CHECK(std::any_of(all.begin(), all.end(), [&](const auto& x) { return x.header == header; }));
    ++count;
  }
  CHECK(count >= 5);
}
