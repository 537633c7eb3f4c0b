// Compiled once for each set of flags, with STEP as the function's name.
#include "step.hpp"

#include "selfsup/selfsup.hpp"

Step STEP;

void STEP(const float* z_a, const float* z_b, std::size_t n, std::size_t d, float* values,
          float* gradients) {
  const auto run = [&](auto loss, std::size_t k) {
    float* const d_z_a = gradients + 2 * k * n * d;
    values[k] = loss.forward({z_a, n, d}, {z_b, n, d});
    loss.backward({d_z_a, n, d}, {d_z_a + n * d, n, d});
  };
  selfsup::ByolOptions both_sides;
  both_sides.stop_gradient = selfsup::StopGradient::none;
  run(selfsup::NtXent<float>(), 0);
  run(selfsup::VicReg<float>(), 1);
  run(selfsup::Byol<float>(both_sides), 2);
  run(selfsup::BarlowTwins<float>(), 3);
}
