// A linear encoder z = x W, trained by hand: forward, backward, a step of SGD. Both views of a
// sample show the same eight causes, mixed, each under noise of its own.
#include <Eigen/Core>
#include <cstdlib>
#include <iostream>
#include <selfsup/selfsup.hpp>

using Batch = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

int main() {
  constexpr Eigen::Index N = 128, inputs = 64, D = 16;
  std::srand(1);
  const Batch mixing = Batch::Random(8, inputs);

  Batch W = 0.2f * Batch::Random(inputs, D);
  selfsup::NtXent<float> loss;
  Batch z_a, z_b, d_z_a(N, D), d_z_b(N, D);
  for (int step = 0; step < 200; ++step) {
    const Batch x = Batch::Random(N, 8) * mixing;
    const Batch x_a = x + Batch::Random(N, inputs), x_b = x + Batch::Random(N, inputs);
    z_a = x_a * W;
    z_b = x_b * W;
    const float value = loss.forward(z_a, z_b);
    loss.backward(d_z_a, d_z_b);
    W -= 0.1f * (x_a.transpose() * d_z_a + x_b.transpose() * d_z_b);  // dL/dW by the chain rule
    if (step % 40 == 0 || step == 199) {
      std::cout << "step " << step << ": loss " << value
                << ", finds its other view among 255: " << 100 * loss.accuracy() << " %\n";
    }
  }
  return loss.accuracy() > 0.8 ? 0 : 1;
}
