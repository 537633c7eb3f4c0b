// Runs the named steps of one program, compiled with different flags, and compares them with the
// first. STEPS, from the command line, lists what is linked: X(baseline) X(v3) ...
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "step.hpp"

#define X(step) Step step_##step;
STEPS
#undef X

namespace {

// Largest difference between instruction sets, in float, beside the largest entry.
constexpr double kTolerance = 2e-6;

bool close(const char* step, const char* loss, const char* what, const float* found,
           const float* expected, std::size_t count) {
  double largest = 0, worst = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto right = static_cast<double>(expected[i]);
    const double difference = std::abs(static_cast<double>(found[i]) - right);
    largest = std::fmax(largest, std::abs(right));
    if (!(difference <= worst || worst != worst)) worst = difference;  // NaN is the largest
  }
  std::printf("%-8s %-12s %-8s off by %.1e of %.9g\n", step, loss, what, worst / largest, largest);
  return worst <= kTolerance * largest;
}

Step* find_step(const char* name) {
#define X(step) \
  if (std::strcmp(name, #step) == 0) return step_##step;
  STEPS
#undef X
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t n = 37, d = 50;
  std::vector<float> z_a(n * d), z_b(n * d);
  std::mt19937 engine(1);  // columns of a wave would be nearly copies of two
  const auto random = [&] { return static_cast<float>(engine() >> 8) * 0x1p-23F - 1.0F; };
  for (std::size_t i = 0; i < n * d; ++i) {
    z_a[i] = random();
    z_b[i] = z_a[i] + 0.3F * random();
  }
  std::vector<float> values(kLosses), gradients(kLosses * 2 * n * d), first_values, first_gradients;
  bool good = argc > 1;
  for (int i = 1; i < argc; ++i) {
    Step* const step = find_step(argv[i]);
    if (step == nullptr) {
      std::printf("no step %s in this program\n", argv[i]);
      return 1;
    }
    step(z_a.data(), z_b.data(), n, d, values.data(), gradients.data());
    if (i == 1) {
      first_values = values;
      first_gradients = gradients;
    }
    for (std::size_t k = 0; k < kLosses; ++k) {
      good = close(argv[i], kLossNames[k], "value", &values[k], &first_values[k], 1) && good;
      for (std::size_t side = 0; side < 2; ++side) {
        const std::size_t first = (2 * k + side) * n * d;
        good = close(argv[i], kLossNames[k], side == 0 ? "d_z_a" : "d_z_b", &gradients[first],
                     &first_gradients[first], n * d) &&
               good;
      }
    }
  }
  return good ? 0 : 1;
}
