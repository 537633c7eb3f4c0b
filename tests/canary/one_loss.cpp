// The list of losses with the cases of one loss only: TESTS_CASES names the function.
#include "losses/loss_case.hpp"

const std::vector<tests::LossCase>& tests::all_losses() {
  static const std::vector<LossCase> losses = TESTS_CASES();
  return losses;
}
