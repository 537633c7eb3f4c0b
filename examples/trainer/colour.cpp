#include "colour.hpp"

#include <algorithm>
#include <cmath>

namespace trainer {
namespace {

float clamped(float value) { return std::min(std::max(value, 0.0F), 1.0F); }

struct Pixel {
  float red;
  float green;
  float blue;

  float grey() const { return 0.299F * red + 0.587F * green + 0.114F * blue; }
};

class Planes {
 public:
  Planes(float* image, std::size_t plane) : image_(image), plane_(plane) {}

  /// Calls f(pixel) for each.
  template <class F>
  void for_each(F f) const {
    for (std::size_t i = 0; i < plane_; ++i) {
      f(Pixel{image_[i], image_[plane_ + i], image_[2 * plane_ + i]});
    }
  }

  /// Replaces each pixel by f(pixel), clamped.
  template <class F>
  void change(F f) const {
    for (std::size_t i = 0; i < plane_; ++i) {
      const Pixel changed = f(Pixel{image_[i], image_[plane_ + i], image_[2 * plane_ + i]});
      image_[i] = clamped(changed.red);
      image_[plane_ + i] = clamped(changed.green);
      image_[2 * plane_ + i] = clamped(changed.blue);
    }
  }

  float mean_grey() const {
    double sum = 0;
    for_each([&sum](const Pixel& pixel) { sum += static_cast<double>(pixel.grey()); });
    return static_cast<float>(sum / static_cast<double>(plane_));
  }

 private:
  float* image_;
  std::size_t plane_;
};

Pixel blended(const Pixel& pixel, float factor, float other) {
  const float rest = (1 - factor) * other;
  return {factor * pixel.red + rest, factor * pixel.green + rest, factor * pixel.blue + rest};
}

// A hue of HSV, in sixths of a turn from −1 to 5: red is 0, green 2, blue 4.
float hue_of(const Pixel& pixel, float largest, float range) {
  if (range == 0) return 0;
  if (largest == pixel.red) return (pixel.green - pixel.blue) / range;
  if (largest == pixel.green) return 2 + (pixel.blue - pixel.red) / range;
  return 4 + (pixel.red - pixel.green) / range;
}

// `turn` is in sixths of a turn.
Pixel turned(const Pixel& pixel, float turn) {
  const float largest = std::max({pixel.red, pixel.green, pixel.blue});
  const float range = largest - std::min({pixel.red, pixel.green, pixel.blue});
  const float hue = hue_of(pixel, largest, range) + turn;
  // A channel is largest within one sixth of its own hue, smallest from two sixths on.
  const auto channel = [&](float own) {
    const float away = hue - own;
    return largest - range * clamped(std::abs(away - 6 * std::nearbyint(away / 6)) - 1);
  };
  return {channel(0), channel(2), channel(4)};
}

}  // namespace

void change_colours(const ColourOptions& options, Random& random, float* image, std::size_t plane) {
  const auto factor = [&random](double range) {
    return static_cast<float>(random.uniform(1 - range, 1 + range));
  };
  const float brightness = factor(options.brightness);
  const float contrast = factor(options.contrast);
  const float saturation = factor(options.saturation);
  const auto turn = static_cast<float>(6 * random.uniform(-options.hue, options.hue));
  const bool grey = random.uniform() < options.grey;

  const Planes planes(image, plane);
  if (options.brightness > 0) {
    planes.change([&](const Pixel& pixel) { return blended(pixel, brightness, 0); });
  }
  if (options.contrast > 0) {
    const float mean = planes.mean_grey();
    planes.change([&](const Pixel& pixel) { return blended(pixel, contrast, mean); });
  }
  if (options.saturation > 0) {
    planes.change([&](const Pixel& pixel) { return blended(pixel, saturation, pixel.grey()); });
  }
  if (options.hue > 0) planes.change([&](const Pixel& pixel) { return turned(pixel, turn); });
  if (grey) planes.change([](const Pixel& pixel) { return blended(pixel, 0, pixel.grey()); });
}

}  // namespace trainer
