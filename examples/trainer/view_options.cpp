#include "view_options.hpp"

#include "errors.hpp"
#include "option_checks.hpp"

#include <cstdio>
#include <utility>

namespace trainer {
namespace {

std::string pair_text(const std::array<double, 2>& pair) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%g,%g", pair[0], pair[1]);
  return text.data();
}

}  // namespace

ViewOptions::ViewOptions(CLI::App& app, std::string prefix, std::string group,
                         AugmentOptions& views)
    : prefix_(std::move(prefix)),
      group_(std::move(group)),
      views_(views),
      scale_{views.scale_low, views.scale_high},
      shift_{views.shift_x, views.shift_y} {
  add(app, prefix_ + "rotation", views_.rotation, "DEGREES", "largest rotation, either way")
      ->capture_default_str()
      ->group(group_);
  add(app, prefix_ + "scale", scale_, "LOW,HIGH", "smallest and largest size")
      ->delimiter(',')
      ->default_str(pair_text(scale_))
      ->group(group_);
  add(app, prefix_ + "shift", shift_, "X,Y", "largest shift, as a fraction of half the side")
      ->delimiter(',')
      ->default_str(pair_text(shift_))
      ->group(group_);
  add(app, prefix_ + "intensity", views_.intensity, "X", "all pixels times 1 plus or minus X")
      ->capture_default_str()
      ->group(group_);
  add(app, prefix_ + "noise", views_.noise, "X", "standard deviation of the noise of each pixel")
      ->capture_default_str()
      ->group(group_);
}

void ViewOptions::add_colours(CLI::App& app) {
  ColourOptions& colour = views_.colour;
  add(app, "--brightness", colour.brightness, "X",
      "of colour images, as these below: times 1 plus or minus X")
      ->capture_default_str()
      ->group(group_);
  add(app, "--contrast", colour.contrast, "X", "distance to the mean grey, times 1 plus or minus X")
      ->capture_default_str()
      ->group(group_);
  add(app, "--saturation", colour.saturation, "X",
      "distance to the pixel's grey, times 1 plus or minus X")
      ->capture_default_str()
      ->group(group_);
  add(app, "--hue", colour.hue, "X", "plus or minus X, in parts of a full turn, at most 0.5")
      ->capture_default_str()
      ->group(group_);
  add(app, "--grey", colour.grey, "X", "probability that a view loses its colours")
      ->capture_default_str()
      ->group(group_);
}

void ViewOptions::finish() {
  views_.scale_low = scale_[0];
  views_.scale_high = scale_[1];
  views_.shift_x = shift_[0];
  views_.shift_y = shift_[1];
  check(prefix_ + "rotation", views_.rotation, 0, 180);
  check(prefix_ + "scale", views_.scale_low, 0.1, 10);
  check(prefix_ + "scale", views_.scale_high, 0.1, 10);
  if (views_.scale_low > views_.scale_high) {
    throw InputError(prefix_ + "scale: the first number is above the second");
  }
  check(prefix_ + "shift", views_.shift_x, 0, 2);
  check(prefix_ + "shift", views_.shift_y, 0, 2);
  check(prefix_ + "intensity", views_.intensity, 0, 1);
  check(prefix_ + "noise", views_.noise, 0, 10);
  check(prefix_ + "brightness", views_.colour.brightness, 0, 1);
  check(prefix_ + "contrast", views_.colour.contrast, 0, 1);
  check(prefix_ + "saturation", views_.colour.saturation, 0, 1);
  check(prefix_ + "hue", views_.colour.hue, 0, 0.5);
  check(prefix_ + "grey", views_.colour.grey, 0, 1);
}

}  // namespace trainer
