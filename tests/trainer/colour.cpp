#include "colour.hpp"

#include "catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

using trainer::ColourOptions;

namespace {

using Pixel = std::array<double, 3>;
using Image = std::vector<Pixel>;

// What is drawn for a view, in the order of the options.
struct Draw {
  double brightness;
  double contrast;
  double saturation;
  double turn;
  bool grey;

  Draw(const ColourOptions& options, std::uint64_t seed) {
    trainer::Random random(seed, trainer::Stream::view);
    brightness = random.uniform(1 - options.brightness, 1 + options.brightness);
    contrast = random.uniform(1 - options.contrast, 1 + options.contrast);
    saturation = random.uniform(1 - options.saturation, 1 + options.saturation);
    turn = random.uniform(-options.hue, options.hue);
    grey = random.uniform() < options.grey;
  }
};

// Odd sizes; red, green and blue each largest and smallest somewhere, grey, black and white ones.
Image test_image() {
  Image image;
  trainer::Random random(8, trainer::Stream::view);
  for (int i = 0; i < 91; ++i) {
    image.push_back({random.uniform(), random.uniform(), random.uniform()});
  }
  for (const double red : {0.0, 0.5, 1.0}) {
    for (const double green : {0.0, 0.5, 1.0}) {
      for (const double blue : {0.0, 0.5, 1.0}) image.push_back({red, green, blue});
    }
  }
  for (Pixel& pixel : image) {
    for (double& value : pixel) value = static_cast<double>(static_cast<float>(value));
  }
  return image;
}

std::vector<float> planes_of(const Image& image) {
  std::vector<float> planes;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (const Pixel& pixel : image) planes.push_back(static_cast<float>(pixel[channel]));
  }
  return planes;
}

std::vector<float> changed(const Image& image, const ColourOptions& options, std::uint64_t seed) {
  trainer::Random random(seed, trainer::Stream::view);
  std::vector<float> planes = planes_of(image);
  trainer::change_colours(options, random, planes.data(), image.size());
  return planes;
}

double grey_of(const Pixel& pixel) {
  return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

Pixel blended(const Pixel& pixel, double factor, double other) {
  Pixel result{};
  for (std::size_t i = 0; i < 3; ++i) {
    result[i] = std::min(std::max(factor * pixel[i] + (1 - factor) * other, 0.0), 1.0);
  }
  return result;
}

// By way of HSV and its six sectors, as textbooks have it. `turn` is in full turns.
Pixel hue_turned(const Pixel& pixel, double turn) {
  const auto [red, green, blue] = pixel;
  const double v = std::max({red, green, blue});
  const double range = v - std::min({red, green, blue});
  if (range == 0) return pixel;
  const double s = range / v;
  double h = 0;
  if (v == red) {
    h = (green - blue) / range / 6;
  } else if (v == green) {
    h = ((blue - red) / range + 2) / 6;
  } else {
    h = ((red - green) / range + 4) / 6;
  }
  h += turn;
  h -= std::floor(h);
  const double sector = std::floor(h * 6);
  const double f = h * 6 - sector;
  const double p = v * (1 - s);
  const double q = v * (1 - s * f);
  const double t = v * (1 - s * (1 - f));
  const std::array<Pixel, 6> sectors = {Pixel{v, t, p}, Pixel{q, v, p}, Pixel{p, v, t},
                                        Pixel{p, q, v}, Pixel{t, p, v}, Pixel{v, p, q}};
  return sectors[static_cast<std::size_t>(sector) % 6];
}

Image reference(Image image, const ColourOptions& options, const Draw& draw) {
  if (options.brightness > 0) {
    for (Pixel& pixel : image) pixel = blended(pixel, draw.brightness, 0);
  }
  if (options.contrast > 0) {
    double mean = 0;
    for (const Pixel& pixel : image) mean += grey_of(pixel) / static_cast<double>(image.size());
    for (Pixel& pixel : image) pixel = blended(pixel, draw.contrast, mean);
  }
  if (options.saturation > 0) {
    for (Pixel& pixel : image) pixel = blended(pixel, draw.saturation, grey_of(pixel));
  }
  if (options.hue > 0) {
    for (Pixel& pixel : image) pixel = hue_turned(pixel, draw.turn);
  }
  if (draw.grey) {
    for (Pixel& pixel : image) pixel = blended(pixel, 0, grey_of(pixel));
  }
  return image;
}

double largest_difference(const Image& expected, const std::vector<float>& found) {
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double value = expected[i % expected.size()][i / expected.size()];
    largest = std::max(largest, std::abs(static_cast<double>(found[i]) - value));
  }
  return largest;
}

void check_against_reference(const ColourOptions& options) {
  const Image image = test_image();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Image expected = reference(image, options, Draw(options, seed));
    const double difference = largest_difference(expected, changed(image, options, seed));
    INFO("seed " << seed << ", difference " << difference);
    // A few roundings of 2⁻²⁴, once more of each in a later change.
    REQUIRE(difference < 2e-6);
  }
}

}  // namespace

TEST_CASE("each change of colour meets its definition") {
  check_against_reference({0.8, 0, 0, 0, 0});
  check_against_reference({0, 0.8, 0, 0, 0});
  check_against_reference({0, 0, 0.8, 0, 0});
  check_against_reference({0, 0, 0, 0.5, 0});
  check_against_reference({0, 0, 0, 0, 0.5});
}

TEST_CASE("all changes of colour are done in order") {
  check_against_reference({0.4, 0.4, 0.4, 0.1, 0.2});
  check_against_reference({1, 1, 1, 0.5, 0});
}

TEST_CASE("the reference turns hues as Python's colorsys does") {
  const auto near = [](const Pixel& found, const Pixel& expected) {
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(found[i] - expected[i]) < 1e-9);
  };
  near(hue_turned({1, 0, 0}, 1.0 / 3), {0, 1, 0});
  near(hue_turned({0.9, 0.3, 0.2}, 0.1), {0.9, 0.72, 0.2});
  near(hue_turned({0.2, 0.5, 0.7}, -0.3), {0.4, 0.7, 0.2});
  near(hue_turned({0.4, 0.1, 0.8}, 0.5), {0.5, 0.8, 0.1});
}

TEST_CASE("ranges of 0 leave an image as it is to the last bit") {
  Image image = test_image();
  image.push_back({1.5, -0.5, 2});  // not even clamped
  CHECK(changed(image, {}, 3) == planes_of(image));
}

TEST_CASE("a range of 0 leaves the draws of the other changes, and what is drawn later") {
  for (const ColourOptions& options : {ColourOptions{}, ColourOptions{0.4, 0.4, 0.4, 0.1, 1}}) {
    trainer::Random random(5, trainer::Stream::view);
    trainer::Random same(5, trainer::Stream::view);
    std::vector<float> planes = planes_of(test_image());
    trainer::change_colours(options, random, planes.data(), planes.size() / 3);
    for (int i = 0; i < 5; ++i) same.bits();
    CHECK(random.bits() == same.bits());
  }
}

TEST_CASE("a view without colours has three equal planes") {
  const Image image = test_image();
  const auto n = static_cast<std::ptrdiff_t>(image.size());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<float> planes = changed(image, {0.4, 0.4, 0.4, 0.1, 1}, seed);
    CHECK(std::equal(planes.begin(), planes.begin() + n, planes.begin() + n));
    CHECK(std::equal(planes.begin(), planes.begin() + n, planes.begin() + 2 * n));
  }
}

TEST_CASE("a share of the views loses its colours") {
  const Image image = {{0.2, 0.4, 0.6}};
  int grey = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const std::vector<float> planes = changed(image, {0, 0, 0, 0, 0.2}, seed);
    grey += planes[0] == planes[2] ? 1 : 0;
  }
  CHECK((grey > 490 && grey < 710));  // ± 5 deviations of √(3000·0.2·0.8) around 600
}

TEST_CASE("changed colours stay from 0 to 1") {
  Image image = test_image();
  image.push_back({1.4, 0.2, 1.2});  // as a gain of intensity leaves them
  const std::array<ColourOptions, 4> kinds = {
      ColourOptions{1, 0, 0, 0, 0}, ColourOptions{0, 1, 0, 0, 0}, ColourOptions{0, 0, 1, 0, 0},
      ColourOptions{0, 0, 0, 0.5, 0}};
  for (const ColourOptions& kind : kinds) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const std::vector<float> planes = changed(image, kind, seed);
      const auto [least, most] = std::minmax_element(planes.begin(), planes.end());
      CHECK((*least >= 0 && *most <= 1));
    }
  }
}
