#include "augment.hpp"

#include "selfsup/core/parallel.hpp"

#include <cmath>

namespace trainer {
namespace {

float pixel(const float* image, ImageSize size, std::ptrdiff_t r, std::ptrdiff_t c) {
  const bool inside = r >= 0 && c >= 0 && r < static_cast<std::ptrdiff_t>(size.rows) &&
                      c < static_cast<std::ptrdiff_t>(size.cols);
  return inside ? image[r * static_cast<std::ptrdiff_t>(size.cols) + c] : 0.0F;
}

float bilinear(const float* image, ImageSize size, double y, double x) {
  const double top = std::floor(y);
  const double left = std::floor(x);
  const auto r = static_cast<std::ptrdiff_t>(top);
  const auto c = static_cast<std::ptrdiff_t>(left);
  const auto down = static_cast<float>(y - top);
  const auto right = static_cast<float>(x - left);
  const float above = pixel(image, size, r, c) * (1 - right) + pixel(image, size, r, c + 1) * right;
  const float below =
      pixel(image, size, r + 1, c) * (1 - right) + pixel(image, size, r + 1, c + 1) * right;
  return above * (1 - down) + below * down;
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

  // The inverse map: where in the image a pixel of the view comes from.
  const double cosine = std::cos(angle) / scale;
  const double sine = std::sin(angle) / scale;
  const double centre_x = (width - 1) / 2;
  const double centre_y = (height - 1) / 2;
  for (std::size_t r = 0; r < size.rows; ++r) {
    const double y = static_cast<double>(r) - centre_y - shift_y;
    for (std::size_t c = 0; c < size.cols; ++c) {
      const double x = static_cast<double>(c) - centre_x - shift_x;
      const double from_x = cosine * x + sine * y + centre_x;
      const double from_y = cosine * y - sine * x + centre_y;
      view[r * size.cols + c] = gain * bilinear(image, size, from_y, from_x);
    }
  }
  if (options.noise == 0) return;
  for (std::size_t i = 0; i < size.pixels(); ++i) {
    view[i] += static_cast<float>(options.noise * random.normal());
  }
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
