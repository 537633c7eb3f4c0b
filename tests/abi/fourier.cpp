// A step of FftCovariance, whose transform is Eigen's, compiled with and without the debug
// containers of the standard library.
#include "selfsup/losses/fft_covariance.hpp"

#include <cstddef>
#include <vector>

double STEP();

double STEP() {
  constexpr std::size_t N = 9, D = 13;
  std::vector<double> z(N * D), d_z(N * D);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = static_cast<double>(i * 7919 % 101) / 50 - 1;
  selfsup::FftCovariance<double> loss;
  const double value = loss.forward({z.data(), N, D});
  loss.backward({d_z.data(), N, D});
  return value + d_z[5];
}
