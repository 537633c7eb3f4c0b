// How far the estimates of VICReg's covariance term, and its relaxation, are from the term itself:
// a table for docs/losses/covariance.md, the same on every machine.
//
//   covariance_error [STEPS]    default: 400 steps of each, seed 1
#include "selfsup/losses/fft_covariance.hpp"
#include "selfsup/losses/grouped_covariance.hpp"
#include "selfsup/losses/probed_covariance.hpp"
#include "selfsup/losses/vicreg.hpp"
#include "selfsup/random/random.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr std::size_t N = 256;
constexpr std::size_t D = 512;
constexpr std::uint64_t seed = 1;

using Batch = std::vector<double>;

selfsup::ConstView<double> view(const Batch& z) { return {z.data(), N, D}; }
selfsup::MutView<double> view(Batch& z) { return {z.data(), N, D}; }

// Normal columns that share `factors` normal factors: with none of them C_ij is noise alone.
Batch random_batch(std::size_t factors) {
  selfsup::rng::RandomStream random(seed, 0, factors);
  const auto draw = [&random](std::size_t count) {
    Batch entries(count);
    random.normals(count, entries.data());
    return entries;
  };
  Batch z = draw(N * D);
  const Batch loads = draw(factors * D), scores = draw(N * factors);
  for (std::size_t n = 0; n < N; ++n) {
    for (std::size_t f = 0; f < factors; ++f) {
      for (std::size_t d = 0; d < D; ++d)
        z[n * D + d] +=
            scores[n * factors + f] * loads[f * D + d] / std::sqrt(static_cast<double>(factors));
    }
  }
  return z;
}

double dot(const Batch& a, const Batch& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

struct Exact {
  double value;
  Batch gradient;
};

Exact exact(const Batch& z) {
  selfsup::VicRegOptions options;
  options.invariance_weight = options.variance_weight = 0;
  selfsup::VicReg<double> loss(options);
  Exact result{loss.forward(view(z)), Batch(N * D)};
  loss.backward(view(result.gradient));
  return result;
}

// Prints a row: value and gradient of `steps` steps, relative to the exact ones.
template <class Loss>
void measure(const std::string& name, Loss loss, const Batch& z, const Exact& right,
             std::size_t steps) {
  double sum = 0, squares = 0, distance = 0, cosine = 0;
  Batch gradient(N * D), mean_gradient(N * D);
  for (std::size_t step = 0; step < steps; ++step) {
    loss.set_step(step);
    const double value = loss.forward(view(z)) / right.value;
    loss.backward(view(gradient));
    sum += value;
    squares += value * value;
    const double own = dot(gradient, gradient), both = dot(gradient, right.gradient);
    const double whole = dot(right.gradient, right.gradient);
    distance += std::sqrt((own - 2 * both + whole) / whole);
    cosine += both / std::sqrt(own * whole);
    for (std::size_t i = 0; i < N * D; ++i) mean_gradient[i] += gradient[i];
  }
  const auto count = static_cast<double>(steps);
  const double mean = sum / count;
  const double deviation = std::sqrt((squares - count * mean * mean) / (count - 1));
  const double mean_cosine =
      dot(mean_gradient, right.gradient) /
      std::sqrt(dot(mean_gradient, mean_gradient) * dot(right.gradient, right.gradient));
  std::printf("| %s | %.4f ± %.4f | %.3f | %.2f | %.3f | %.3f |\n", name.c_str(), mean,
              deviation / std::sqrt(count), deviation, distance / count, cosine / count,
              mean_cosine);
}

void measure_all(const Batch& z, std::size_t steps) {
  const Exact right = exact(z);
  std::printf(
      "| | value, mean ± standard error | deviation of a step | gradient's distance | cosine | "
      "cosine of the mean gradient |\n|---|---:|---:|---:|---:|---:|\n");
  for (const std::size_t size : {32u, 128u, 256u}) {
    selfsup::GroupedCovarianceOptions options;
    options.group_size = size;
    options.seed = seed;
    measure("groups of " + std::to_string(size), selfsup::GroupedCovariance<double>(options), z,
            right, steps);
  }
  for (const std::size_t count : {4u, 16u, 64u}) {
    selfsup::ProbedCovarianceOptions options;
    options.probes = count;
    options.seed = seed;
    measure(std::to_string(count) + " probes", selfsup::ProbedCovariance<double>(options), z, right,
            steps);
  }
  selfsup::FftCovarianceOptions options;
  options.seed = seed;
  measure("fft, q = 2", selfsup::FftCovariance<double>(options), z, right, steps);
  options.exponent = 1;
  measure("fft, q = 1", selfsup::FftCovariance<double>(options), z, right, steps);
}

}  // namespace

int main(int argc, char** argv) {
  const long steps = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 400;
  if (argc > 2 || steps < 2) {
    std::fprintf(stderr, "usage: covariance_error [STEPS], at least 2\n");
    return 1;
  }
  for (const std::size_t factors : {0u, 8u}) {
    const std::string batch =
        factors == 0 ? "independent normal columns"
                     : "the same plus " + std::to_string(factors) + " shared normal factors";
    std::printf("\n%zu x %zu, %s, %ld steps, seed %llu:\n\n", N, D, batch.c_str(), steps,
                static_cast<unsigned long long>(seed));
    measure_all(random_batch(factors), static_cast<std::size_t>(steps));
  }
  return 0;
}
