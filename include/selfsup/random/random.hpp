// Random numbers that are a function of (seed, step, stream) alone, the same to the last bit on
// every machine: integers and correctly rounded operations, no mathematical library.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace rng {

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

  /// Writes independent numbers from the standard normal distribution, by Marsaglia's polar method:
  /// two from each accepted 64 bits, the last one of an odd count dropped.
  void normals(std::size_t count, double* to) {
    constexpr std::size_t most = 64;  // pairs at a time
    alignas(64) double x[most] = {}, y[most] = {}, square[most];
    std::fill_n(square, most, 0.5);  // lanes beyond the last pair raise no exception
    for (std::size_t first = 0; first < count; first += 2 * most) {
      const std::size_t rest = count - first, pairs = std::min(most, (rest + 1) / 2);
      for (std::size_t i = 0; i < pairs;) {
        const std::uint64_t both = bits();
        x[i] = symmetric(both >> 32);
        y[i] = symmetric(both & 0xffffffffu);
        square[i] = std::fma(x[i], x[i], y[i] * y[i]);
        i += square[i] < 1 ? 1 : 0;
      }
      scale(pairs, square, x, y);
      for (std::size_t i = 0; i < rest && i < 2 * pairs; ++i)
        to[first + i] = (i % 2 ? y : x)[i / 2];
    }
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

  // Multiplies each pair by sqrt(−2·log(square)/square).
  static void scale(std::size_t pairs, double* square, double* x, double* y) {
    using Batch = simd::Batch<double>;
    constexpr std::size_t L = simd::lanes<double>;
    alignas(64) double fraction[L], exponent[L];
    for (std::size_t first = 0; first < pairs; first += L) {
      for (std::size_t i = 0; i < L; ++i) split(square[first + i], fraction[i], exponent[i]);
      const Batch squares = simd::load(square + first);
      const Batch log = log_of(simd::load(fraction), simd::load(exponent));
      const Batch factor = simd::sqrt<double>(Batch(-2.0) * log / squares);
      simd::store(x + first, simd::load(x + first) * factor);
      simd::store(y + first, simd::load(y + first) * factor);
    }
  }

  // x = fraction·2^exponent, fraction in [½, 1); x above the least normal number.
  static void split(double x, double& fraction, double& exponent) {
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof(bits));
    exponent = static_cast<double>(static_cast<std::int64_t>(bits >> 52) - 1022);
    bits = (bits & 0x000fffffffffffffu) | 0x3fe0000000000000u;
    std::memcpy(&fraction, &bits, sizeof(bits));
  }

  // log(fraction·2^exponent), to about 1e-12 relative: the system's own differs in its last bit
  // between machines. The series of 2·artanh((f − 1)/(f + 1)) for f in [√½, √2).
  static simd::Batch<double> log_of(const simd::Batch<double>& fraction,
                                    const simd::Batch<double>& exponent) {
    using Batch = simd::Batch<double>;
    // Double also under -fsingle-precision-constant.
    constexpr double one = 1, log_2 = static_cast<double>(0.693147180559945309417L),
                     root = static_cast<double>(0.707106781186547524401L);
    const simd::Mask<double> low = fraction < Batch(root);
    const Batch f = simd::select<double>(low, fraction + fraction, fraction);
    const Batch power = simd::select<double>(low, exponent - Batch(one), exponent);
    const Batch w = (f - Batch(one)) / (f + Batch(one)), square = w * w;
    Batch series(one / 15);
    for (int divisor = 13; divisor > 0; divisor -= 2)
      series = simd::fma_rounded_once(series, square, Batch(one / divisor));
    return simd::fma_rounded_once(power, Batch(log_2), (w + w) * series);
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

}  // namespace rng
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
