// Runs the named steps of one program, compiled with different flags, and compares them with the
// first. STEPS, from the command line, lists what is linked: X(baseline) X(v3) ...
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "step.hpp"

#define X(step) Step step_##step;
STEPS
#undef X

namespace {

// Largest relative difference between instruction sets, in float.
constexpr double kTolerance = 2e-6;

bool close(const char* name, const char* what, double found, double expected) {
  const double error = std::abs(found - expected) / std::abs(expected);
  std::printf("%-8s %-13s %.9g, off by %.1e\n", name, what, found, error);
  return error <= kTolerance;
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
  for (std::size_t i = 0; i < n * d; ++i) {
    z_a[i] = std::sin(1.0F + 3.0F * static_cast<float>(i));
    z_b[i] = z_a[i] + 0.3F * std::cos(2.0F + 5.0F * static_cast<float>(i));
  }
  StepResult expected{};
  bool good = argc > 1;
  for (int i = 1; i < argc; ++i) {
    Step* const step = find_step(argv[i]);
    if (step == nullptr) {
      std::printf("no step %s in this program\n", argv[i]);
      return 1;
    }
    const StepResult found = step(z_a.data(), z_b.data(), n, d);
    if (i == 1) expected = found;
    good = close(argv[i], "nt_xent", found.nt_xent, expected.nt_xent) && good;
    good = close(argv[i], "vic_reg", found.vic_reg, expected.vic_reg) && good;
    good = close(argv[i], "gradient_norm", found.gradient_norm, expected.gradient_norm) && good;
  }
  return good ? 0 : 1;
}
