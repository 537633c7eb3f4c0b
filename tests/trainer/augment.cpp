#include "augment.hpp"

#include "catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace {

constexpr trainer::ImageSize size{7, 5};

std::vector<float> test_image() {
  std::vector<float> image(size.pixels());
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i % 11) / 11;
  return image;
}

trainer::AugmentOptions none() { return {0, 1, 1, 0, 0, 0, 0}; }

std::vector<float> view_of(const std::vector<float>& image, const trainer::AugmentOptions& options,
                           std::uint64_t seed) {
  trainer::Random random(seed, trainer::Stream::view);
  std::vector<float> view(image.size());
  trainer::augment(image.data(), size, options, random, view.data());
  return view;
}

}  // namespace

TEST_CASE("a view without change is the image to the last bit") {
  CHECK(view_of(test_image(), none(), 3) == test_image());
}

TEST_CASE("equal seeds give equal views, other seeds others") {
  const trainer::AugmentOptions options;
  CHECK(view_of(test_image(), options, 3) == view_of(test_image(), options, 3));
  CHECK(view_of(test_image(), options, 3) != view_of(test_image(), options, 4));
}

TEST_CASE("each kind of change changes the view") {
  std::vector<trainer::AugmentOptions> kinds(5, none());
  kinds[0].rotation = 20;
  kinds[1].scale_low = kinds[1].scale_high = 1.3;
  kinds[2].shift_x = 0.5;
  kinds[3].intensity = 0.5;
  kinds[4].noise = 0.1;
  for (const trainer::AugmentOptions& kind : kinds) {
    CHECK(view_of(test_image(), kind, 3) != test_image());
  }
}

TEST_CASE("a quarter turn moves a pixel to where geometry says") {
  constexpr trainer::ImageSize square{5, 5};
  std::vector<float> image(25, 0.0F);
  image[0 * 5 + 2] = 1;  // top centre
  trainer::AugmentOptions options = none();
  options.rotation = 90;
  // The draw is uniform in ±90 degrees: search a seed that comes within a tenth of a degree.
  std::uint64_t seed = 0;
  double angle = 0;
  for (; std::abs(angle - 90) > 0.1; ++seed) {
    trainer::Random random(seed + 1, trainer::Stream::view);
    angle = random.uniform(-90, 90);
  }
  trainer::Random random(seed, trainer::Stream::view);
  std::vector<float> view(25);
  trainer::augment(image.data(), square, options, random, view.data());
  // Clockwise on the screen, where y points down: the right centre.
  CHECK(view[2 * 5 + 4] > 0.98F);
  CHECK(*std::max_element(view.begin(), view.end()) == view[2 * 5 + 4]);
}

TEST_CASE("bilinear sampling of a linear ramp is exact inside") {
  std::vector<float> ramp(size.pixels());
  for (std::size_t r = 0; r < size.rows; ++r) {
    for (std::size_t c = 0; c < size.cols; ++c) ramp[r * size.cols + c] = static_cast<float>(c);
  }
  trainer::AugmentOptions options = none();
  options.shift_x = 0.3;
  trainer::Random same(9, trainer::Stream::view);
  same.uniform();  // the angle
  same.uniform();  // the scale
  const double shift = same.uniform(-0.3, 0.3) * 5 / 2;
  const std::vector<float> view = view_of(ramp, options, 9);
  for (std::size_t r = 0; r < size.rows; ++r) {
    CHECK(std::abs(static_cast<double>(view[r * size.cols + 2]) - (2 - shift)) < 1e-6);
  }
}

TEST_CASE("noise has the mean and deviation of its option") {
  trainer::AugmentOptions options = none();
  options.noise = 0.5;
  const std::vector<float> black(size.pixels(), 0.0F);
  double sum = 0;
  double square = 0;
  constexpr std::size_t views = 3000;
  for (std::size_t i = 0; i < views; ++i) {
    for (const float pixel : view_of(black, options, i)) {
      sum += static_cast<double>(pixel);
      square += std::pow(static_cast<double>(pixel), 2);
    }
  }
  // Five standard errors: 0.5/√n for the mean, 0.5²·√(2/n) for the variance.
  const auto n = static_cast<double>(views * size.pixels());
  CHECK(std::abs(sum / n) < 5 * 0.5 / std::sqrt(n));
  CHECK(std::abs(square / n - 0.25) < 5 * 0.25 * std::sqrt(2 / n));
}

TEST_CASE("a grey view is the same to the last bit whatever the ranges of colours") {
  trainer::AugmentOptions options;
  const std::vector<float> view = view_of(test_image(), options, 3);
  options.colour = {0.4, 0.4, 0.4, 0.1, 1};
  CHECK(view_of(test_image(), options, 3) == view);
}

namespace {

constexpr trainer::ImageSize colour{size.rows, size.cols, 3};

std::vector<float> colour_image() {
  std::vector<float> image(colour.pixels());
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i * i % 17) / 17;
  return image;
}

std::vector<float> colour_view(const trainer::AugmentOptions& options) {
  const std::vector<float> image = colour_image();
  trainer::Random random(3, trainer::Stream::view);
  std::vector<float> view(image.size());
  trainer::augment(image.data(), colour, options, random, view.data());
  return view;
}

}  // namespace

TEST_CASE("every plane of a colour image moves as a grey image does") {
  trainer::AugmentOptions options;
  options.intensity = 0.2;
  options.noise = 0;
  const std::vector<float> image = colour_image();
  const std::vector<float> view = colour_view(options);
  for (std::size_t first = 0; first < image.size(); first += size.pixels()) {
    const auto begin = image.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = begin + static_cast<std::ptrdiff_t>(size.pixels());
    const std::vector<float> grey = view_of({begin, end}, options, 3);
    CHECK(std::equal(grey.begin(), grey.end(), view.begin() + static_cast<std::ptrdiff_t>(first)));
  }
}

TEST_CASE("colours change after the map and before the noise") {
  trainer::AugmentOptions options;
  options.noise = 0;
  std::vector<float> expected = colour_view(options);
  options.colour = {0.4, 0.4, 0.4, 0.1, 0};
  trainer::Random random(3, trainer::Stream::view);
  for (int i = 0; i < 5; ++i) random.bits();  // angle, scale, shifts, intensity
  trainer::change_colours(options.colour, random, expected.data(), colour.plane());
  CHECK(colour_view(options) == expected);
  options.noise = 0.5;
  const std::vector<float> noisy = colour_view(options);
  CHECK(noisy != expected);
  CHECK(*std::min_element(noisy.begin(), noisy.end()) < 0);
}

TEST_CASE("the jittered copy depends on seed, part and image alone") {
  trainer::LabelledImages set;
  set.size = size;
  set.images.resize(3, size.pixels());
  set.labels = {4, 5, 6};
  const std::vector<float> image = test_image();
  for (std::size_t i = 0; i < 3; ++i) std::copy(image.begin(), image.end(), set.images.row(i));
  const trainer::AugmentOptions options;
  const trainer::LabelledImages copy = trainer::jittered(set, options, 1, 0);
  const trainer::LabelledImages again = trainer::jittered(set, options, 1, 0);
  const trainer::LabelledImages other = trainer::jittered(set, options, 1, 1);
  const auto same = [](const float* a, const float* b) {
    return std::equal(a, a + size.pixels(), b);
  };
  CHECK(copy.labels == set.labels);
  CHECK(same(copy.images.row(2), again.images.row(2)));
  CHECK_FALSE(same(copy.images.row(2), copy.images.row(1)));
  CHECK_FALSE(same(copy.images.row(2), other.images.row(2)));
}

TEST_CASE("shuffled gives a permutation, and below stays below") {
  trainer::Random random(5, trainer::Stream::order);
  std::vector<std::size_t> order = trainer::shuffled(100, random);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(order[i] == i);
  std::vector<std::size_t> counts(3);
  for (int i = 0; i < 3000; ++i) ++counts[random.below(3)];
  for (const std::size_t count : counts) CHECK((count > 870 && count < 1130));  // ± 5 deviations
}
