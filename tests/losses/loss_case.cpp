#include "losses/loss_case.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
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

std::vector<LossCase> chosen_losses() {
  const char* const header = std::getenv("TESTS_LOSS");
  if (header == nullptr) return all_losses();
  std::vector<LossCase> chosen;
  for (const LossCase& item : all_losses())
    if (item.header == header) chosen.push_back(item);
  if (chosen.empty()) throw std::runtime_error(std::string("no loss is called ") + header);
  return chosen;
}

}  // namespace tests
