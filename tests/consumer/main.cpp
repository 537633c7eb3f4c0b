// What a user's first program looks like: one loss, one step.
#include <cmath>
#include <cstdio>
#include <vector>

#include "selfsup/selfsup.hpp"

int main() {
  const std::size_t n = 4, d = 3;
  std::vector<float> z_a(n * d), z_b(n * d), d_z_a(n * d), d_z_b(n * d);
  for (std::size_t i = 0; i < n * d; ++i) {
    z_a[i] = std::sin(1.0F + static_cast<float>(i));
    z_b[i] = z_a[i] + 0.3F * std::cos(2.0F + static_cast<float>(i));
  }
  selfsup::NtXent<float> loss;
  const float value = loss.forward({z_a.data(), n, d}, {z_b.data(), n, d});
  loss.backward({d_z_a.data(), n, d}, {d_z_b.data(), n, d});
  std::printf("%.6f %.6f\n", static_cast<double>(value), static_cast<double>(d_z_a[0]));
  return std::abs(value - 0.9669230820F) < 1e-5F && std::abs(d_z_a[0] + 0.2315341579F) < 1e-5F ? 0
                                                                                               : 1;
}
