// The value and the gradient of a loss for two views of a batch.
#include <Eigen/Core>
#include <iostream>
#include <selfsup/selfsup.hpp>

int main() {
  using Batch = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;  // (N, D)
  const Batch z_a = Batch::Random(256, 512);
  const Batch z_b = z_a + 0.1f * Batch::Random(256, 512);
  Batch d_z_a(256, 512), d_z_b(256, 512);

  selfsup::VicReg<float> loss;  // one object a training step, reused
  std::cout << "loss " << loss.forward(z_a, z_b);
  loss.backward(d_z_a, d_z_b);  // writes dL/dz_a, dL/dz_b
  std::cout << ", covariance term " << loss.terms().covariance << ", gradient " << d_z_a.norm()
            << '\n';
}
