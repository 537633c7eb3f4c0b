// Random numbers that are a function of (seed, step, stream) alone, the same to the last bit on
// every machine: integers and correctly rounded operations, no mathematical library.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// A counter-based generator: number i of a stream is splitmix64's hash of start + i·γ (Steele,
/// Lea, Flood 2014, "Fast splittable pseudorandom number generators"), and the start is a hash of
/// seed, step and stream.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t step, std::uint64_t stream = 0)
      : state_(hash(hash(hash(seed) + step) + stream)) {}

  /// 64 random bits.
  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15u;
    return hash(state_);
  }

  /// A number of [0, count), each as likely as the others; 0 < count < 2³².
  std::uint64_t below(std::uint64_t count) {
    constexpr std::uint64_t low = 0xffffffffu;
    const std::uint64_t rest = (low + 1) % count;  // numbers that would favour some results
    std::uint64_t product;
    do {
      product = (bits() >> 32) * count;
    } while ((product & low) < rest);
    return product >> 32;
  }

  /// Two independent numbers from the standard normal distribution, by Marsaglia's polar method.
  std::pair<double, double> normals() {
    double x, y, square;
    do {
      const std::uint64_t both = bits();
      x = symmetric(both >> 32);
      y = symmetric(both & 0xffffffffu);
      square = std::fma(x, x, y * y);
    } while (square >= 1);
    const double factor = std::sqrt(-2 * log(square) / square);
    return {x * factor, y * factor};
  }

 private:
  static std::uint64_t hash(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // 32 bits spread over (−1, 1), never 0.
  static double symmetric(std::uint64_t bits) {
    return (static_cast<double>(2 * bits + 1) - 4294967296.0) / 4294967296.0;
  }

  // log of (0, 1), to about 1e-12 relative: the system's own differs in its last bit between
  // machines. The series of 2·artanh((f − 1)/(f + 1)) for f in [√½, √2).
  static double log(double x) {
    int exponent;
    double f = std::frexp(x, &exponent);
    if (f < 0.70710678118654752) {
      f *= 2;
      --exponent;
    }
    const double w = (f - 1) / (f + 1), square = w * w;
    // Double also under -fsingle-precision-constant.
    constexpr double one = 1, log_2 = static_cast<double>(0.693147180559945309417L);
    double series = one / 15;
    for (int divisor = 13; divisor > 0; divisor -= 2)
      series = std::fma(series, square, one / divisor);
    return std::fma(static_cast<double>(exponent), log_2, 2 * w * series);
  }

  std::uint64_t state_;
};

/// Where a sequence of random numbers stands.
struct RandomPoint {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;

  bool operator==(const RandomPoint& other) const {
    return seed == other.seed && step == other.step;
  }
};

/// The steps that a loss draws its random numbers at: each forward takes the next one, value that
/// of the last forward.
class StepCount {
 public:
  void set(std::uint64_t step) { last_ = next_ = step; }
  std::uint64_t of(bool forward) const { return forward ? next_ : last_; }
  /// After a forward that succeeded.
  void advance() { last_ = next_++; }

 private:
  std::uint64_t last_ = 0;
  std::uint64_t next_ = 0;
};

/// Writes a random order of [0, count) (Fisher and Yates).
template <class Index>
void shuffle(RandomStream random, std::size_t count, Index* order) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto j = static_cast<std::size_t>(random.below(i + 1));
    order[i] = order[j];
    order[j] = static_cast<Index>(i);
  }
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
