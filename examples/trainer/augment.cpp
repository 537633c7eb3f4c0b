#include "augment.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/simd/batch.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace trainer {
namespace {

namespace simd = selfsup::simd;

// What is done at a time, whatever the width of a batch: the numbers drawn must not depend on it.
constexpr std::size_t run = 16;
static_assert(run % simd::lanes<float> == 0, "whole batches");

// A plane in a frame of zeros, one wide before and two behind: a point clamped to the frame has
// its four neighbours there, so sampling needs no test of bounds.
class Framed {
 public:
  Framed(const float* plane, ImageSize size)
      : last_x_(static_cast<float>(size.cols + 1)),
        last_y_(static_cast<float>(size.rows + 1)),
        stride_(size.cols + 3),
        entries_((size.rows + 3) * stride_) {
    for (std::size_t r = 0; r < size.rows; ++r) {
      std::copy_n(plane + r * size.cols, size.cols, entries_.data() + (r + 1) * stride_ + 1);
    }
  }

  /// Writes `count` pixels, bilinear samples times gain, at (y, x), (y + step_y, x + step_x), …;
  /// the image's first pixel lies at (1, 1).
  void sample(float y, float x, float step_y, float step_x, float gain, std::size_t count,
              float* pixels) const {
    using Floats = simd::Batch<float>;
    using Integers = simd::Batch<std::int32_t>;
    const Integers stride(static_cast<std::int32_t>(stride_));
    float steps[run];
    std::iota(steps, steps + run, 0.0F);
    for (std::size_t first = 0; first < count; first += run) {
      // The positions by batches; the look-ups gain nothing from them.
      std::int32_t corner[run];
      float down[run];
      float right[run];
      const Floats begin(static_cast<float>(first));
      for (std::size_t i = 0; i < run; i += simd::lanes<float>) {
        const Floats step = simd::load(steps + i) + begin;
        const Floats at_y = clamped(simd::fma(step, Floats(step_y), Floats(y)), last_y_);
        const Floats at_x = clamped(simd::fma(step, Floats(step_x), Floats(x)), last_x_);
        const Integers row = to_int(at_y);
        const Integers col = to_int(at_x);
        simd::store(corner + i, row * stride + col);
        simd::store(down + i, at_y - to_float(row));
        simd::store(right + i, at_x - to_float(col));
      }
      const std::size_t n = std::min(run, count - first);
      for (std::size_t i = 0; i < n; ++i) {
        const float* above = entries_.data() + corner[i];
        const float* below = above + stride_;
        const float left = 1 - right[i];
        pixels[first + i] = gain * ((above[0] * left + above[1] * right[i]) * (1 - down[i]) +
                                    (below[0] * left + below[1] * right[i]) * down[i]);
      }
    }
  }

 private:
  static simd::Batch<float> clamped(const simd::Batch<float>& at, float last) {
    return min(max(at, simd::Batch<float>(0.0F)), simd::Batch<float>(last));
  }

  float last_x_;
  float last_y_;
  std::size_t stride_;
  std::vector<float> entries_;
};

// Adds normal noise by Box and Muller's transform, which makes two normal numbers of two uniform
// ones.
void add_noise(Random& random, double deviation, float* pixels, std::size_t count) {
  const simd::Batch<float> scale(static_cast<float>(-2 * deviation * deviation));
  for (std::size_t first = 0; first < count; first += 2 * run) {
    alignas(64) float uniform[run];
    alignas(64) float angle[run];
    alignas(64) float noise[2 * run];
    for (std::size_t i = 0; i < run; ++i) {
      const std::uint64_t bits = random.bits();
      uniform[i] = static_cast<float>((bits >> 40) + 1) * 0x1p-24F;  // in (0, 1]
      angle[i] = static_cast<float>(bits & 0xffffff) * (6.2831853F * 0x1p-24F);
    }
    for (std::size_t i = 0; i < run; i += simd::lanes<float>) {
      const simd::Batch<float> radius = sqrt(scale * log(simd::load(uniform + i)));
      const auto turned = sincos(simd::load(angle + i));
      simd::store(noise + i, radius * turned.second);
      simd::store(noise + run + i, radius * turned.first);
    }
    const std::size_t n = std::min(2 * run, count - first);
    for (std::size_t i = 0; i < n; ++i) pixels[first + i] += noise[i];
  }
}

}  // namespace

void augment(const float* image, ImageSize size, const AugmentOptions& options, Random& random,
             float* view) {
  constexpr double degree = 3.141592653589793 / 180;
  const auto height = static_cast<double>(size.rows);
  const auto width = static_cast<double>(size.cols);
  const double angle = degree * random.uniform(-options.rotation, options.rotation);
  const double scale = random.uniform(options.scale_low, options.scale_high);
  const double shift_x = random.uniform(-options.shift_x, options.shift_x) * width / 2;
  const double shift_y = random.uniform(-options.shift_y, options.shift_y) * height / 2;
  const auto gain =
      static_cast<float>(random.uniform(1 - options.intensity, 1 + options.intensity));

  // The inverse map: where in the framed image a pixel of the view comes from. Along a row of the
  // view it moves by (step_x, step_y) a pixel.
  const double cosine = std::cos(angle) / scale;
  const double sine = std::sin(angle) / scale;
  const double centre_x = (width - 1) / 2;
  const double centre_y = (height - 1) / 2;
  const double x = -centre_x - shift_x;
  const auto step_x = static_cast<float>(cosine);
  const auto step_y = static_cast<float>(-sine);
  for (std::size_t plane = 0; plane < size.pixels(); plane += size.plane()) {
    const Framed framed(image + plane, size);
    for (std::size_t r = 0; r < size.rows; ++r) {
      const double y = static_cast<double>(r) - centre_y - shift_y;
      const auto from_x = static_cast<float>(cosine * x + sine * y + centre_x + 1);
      const auto from_y = static_cast<float>(cosine * y - sine * x + centre_y + 1);
      framed.sample(from_y, from_x, step_y, step_x, gain, size.cols, view + plane + r * size.cols);
    }
  }
  if (size.channels == 3) change_colours(options.colour, random, view, size.plane());
  if (options.noise > 0) add_noise(random, options.noise, view, size.pixels());
}

LabelledImages jittered(const LabelledImages& set, const AugmentOptions& options,
                        std::uint64_t seed, std::uint64_t part) {
  LabelledImages copy;
  copy.size = set.size;
  copy.labels = set.labels;
  copy.images.resize(set.images.rows(), set.images.cols());
  selfsup::parallel_for(set.count(), [&](std::size_t i) {
    Random random(seed, Stream::jitter, part, i);
    augment(set.images.row(i), set.size, options, random, copy.images.row(i));
  });
  return copy;
}

}  // namespace trainer
