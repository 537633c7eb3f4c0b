// Compiled once for each set of flags, with STEP as the function's name.
#include "step.hpp"

#include <vector>

#include "selfsup/selfsup.hpp"

Step STEP;

void STEP(const float* z_a, const float* z_b, std::size_t n, std::size_t d, float* values,
          float* gradients) {
  std::vector<float> d_z_b(n * d);
  selfsup::NtXent<float> nt_xent;
  values[0] = nt_xent.forward({z_a, n, d}, {z_b, n, d});
  nt_xent.backward({gradients, n, d}, {d_z_b.data(), n, d});

  selfsup::VicReg<float> vic_reg;
  values[1] = vic_reg.forward({z_a, n, d}, {z_b, n, d});
  vic_reg.backward({gradients + n * d, n, d}, {d_z_b.data(), n, d});

  selfsup::Byol<float> byol;
  values[2] = byol.forward({z_a, n, d}, {z_b, n, d});
  byol.backward({gradients + 2 * n * d, n, d});

  selfsup::BarlowTwins<float> barlow_twins;
  values[3] = barlow_twins.forward({z_a, n, d}, {z_b, n, d});
  barlow_twins.backward({gradients + 3 * n * d, n, d}, {d_z_b.data(), n, d});
}
