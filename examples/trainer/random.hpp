// Repeatable random numbers: a stream is named by a seed and a few words (what for, epoch, image,
// view), so a draw depends on nothing else, neither on the order of the work nor on the threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace trainer {

/// What a stream is for: the first word of its name.
enum class Stream : std::uint64_t { weights = 1, split, order, view, jitter, labels };

/// SplitMix64 (Steele, Lea, Flood 2014). The distributions are written out, here and in
/// augment.cpp, because those of the standard library differ from one implementation to the next.
class Random {
 public:
  template <class... Words>
  Random(std::uint64_t seed, Stream stream, Words... words)
      : state_(mix(mix(seed) + static_cast<std::uint64_t>(stream))) {
    ((state_ = mix(state_ + golden + static_cast<std::uint64_t>(words))), ...);
  }

  std::uint64_t bits() { return mix(state_ += golden); }

  /// In [0, 1), a multiple of 2⁻⁵³.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// In {0, …, n − 1}, each equally likely; n > 0.
  std::size_t below(std::size_t n) {
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    std::uint64_t draw = bits();
    while (draw >= limit) draw = bits();
    return static_cast<std::size_t>(draw % n);
  }

 private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

/// 0 … count − 1 in random order (Fisher and Yates).
inline std::vector<std::size_t> shuffled(std::size_t count, Random& random) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace trainer
