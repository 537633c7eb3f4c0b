// Compiled once for each set of flags, with STEP as the function's name.
#include "step.hpp"

#include <cmath>
#include <vector>

#include "selfsup/selfsup.hpp"

Step STEP;

StepResult STEP(const float* z_a, const float* z_b, std::size_t n, std::size_t d) {
  std::vector<float> d_z_a(n * d), d_z_b(n * d);
  StepResult result{};
  const auto add_gradients = [&] {
    for (const float g : d_z_a)
      result.gradient_norm += static_cast<double>(g) * static_cast<double>(g);
    for (const float g : d_z_b)
      result.gradient_norm += static_cast<double>(g) * static_cast<double>(g);
  };

  selfsup::NtXent<float> nt_xent;
  result.nt_xent = static_cast<double>(nt_xent.forward({z_a, n, d}, {z_b, n, d}));
  nt_xent.backward({d_z_a.data(), n, d}, {d_z_b.data(), n, d});
  add_gradients();

  selfsup::VicReg<float> vic_reg;
  result.vic_reg = static_cast<double>(vic_reg.forward({z_a, n, d}, {z_b, n, d}));
  vic_reg.backward({d_z_a.data(), n, d}, {d_z_b.data(), n, d});
  add_gradients();

  result.gradient_norm = std::sqrt(result.gradient_norm);
  return result;
}
