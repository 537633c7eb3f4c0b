#include "losses/loss_case.hpp"

#include <algorithm>
#include <vector>

namespace tests {
namespace {

using Make = std::vector<LossCase> (*)();

std::vector<Make>& registered() {
  static std::vector<Make> parts;
  return parts;
}

}  // namespace

LossCases::LossCases(Make make) { registered().push_back(make); }

const std::vector<LossCase>& all_losses() {
  static const std::vector<LossCase> losses = [] {
    std::vector<LossCase> all;
    for (const Make make : registered()) {
      const std::vector<LossCase> part = make();
      all.insert(all.end(), part.begin(), part.end());
    }
    // In the order of their headers, not of the linker.
    std::stable_sort(all.begin(), all.end(), [](const LossCase& one, const LossCase& other) {
      return one.header < other.header;
    });
    return all;
  }();
  return losses;
}

}  // namespace tests
