// Compiled once for each set of flags, with STEP as the function's name.
#include "step.hpp"

#include "selfsup/selfsup.hpp"

Step STEP;

void STEP(const float* z_a, const float* z_b, std::size_t n, std::size_t d, float* values,
          float* gradients) {
  const auto of_two = [&](auto loss, std::size_t k) {
    float* const d_z_a = gradients + 2 * k * n * d;
    values[k] = loss.forward({z_a, n, d}, {z_b, n, d});
    loss.backward({d_z_a, n, d}, {d_z_a + n * d, n, d});
  };
  // Each side alone, the value is the sum.
  const auto of_one = [&](auto loss, std::size_t k) {
    float* const d_z_a = gradients + 2 * k * n * d;
    values[k] = loss.forward({z_a, n, d});
    loss.backward({d_z_a, n, d});
    values[k] += loss.forward({z_b, n, d});
    loss.backward({d_z_a + n * d, n, d});
  };
  selfsup::ByolOptions both_sides;
  both_sides.stop_gradient = selfsup::StopGradient::none;
  of_two(selfsup::NtXent<float>(), 0);
  of_two(selfsup::VicReg<float>(), 1);
  of_two(selfsup::Byol<float>(both_sides), 2);
  of_two(selfsup::BarlowTwins<float>(), 3);
  of_one(selfsup::SigReg<float>(), 4);
  of_two(selfsup::SigLip<float>(), 5);
  of_two(selfsup::InfoNce<float>(), 6);
  of_one(selfsup::GroupedCovariance<float>(), 7);
  of_one(selfsup::ProbedCovariance<float>(), 8);
}
