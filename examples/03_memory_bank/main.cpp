// MoCo's loss: queries find their keys among those of earlier batches. The key encoder follows the
// query encoder by a moving average; keys are constants.
#include <Eigen/Core>
#include <cstdlib>
#include <iostream>
#include <selfsup/selfsup.hpp>

using Batch = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

int main() {
  constexpr Eigen::Index N = 64, inputs = 64, D = 16;
  std::srand(1);
  const Batch mixing = Batch::Random(8, inputs);

  Batch W = 0.2f * Batch::Random(inputs, D), W_key = W;
  selfsup::InfoNce<float> loss(selfsup::InfoNceOptions::moco());
  selfsup::MemoryBank<float> bank(1024, D);
  Batch query, key, d_query(N, D);
  for (int step = 0; step < 400; ++step) {
    const Batch x = Batch::Random(N, 8) * mixing;
    const Batch x_query = x + Batch::Random(N, inputs), x_key = x + Batch::Random(N, inputs);
    query = x_query * W;
    key = x_key * W_key;
    if (bank.size() == bank.capacity()) {
      const float value = loss.forward(query, key, bank);
      loss.backward(d_query);
      W -= 0.1f * (x_query.transpose() * d_query);
      selfsup::ema_update<float>(W_key, W, 0.99);
      if (step % 80 == 79) {
        std::cout << "step " << step + 1 << ": loss " << value
                  << ", finds its key among 1025: " << 100 * loss.accuracy() << " %\n";
      }
    }
    bank.push(key);  // after backward, which reads the bank in place
  }
  return loss.accuracy() > 0.7 ? 0 : 1;
}
