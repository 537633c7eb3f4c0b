// Random changes of colour, defined as in torchvision's ColorJitter and RandomGrayscale.
#pragma once

#include "random.hpp"

#include <cstddef>

namespace trainer {

/// Ranges from which each view draws, uniformly. The changes are done in this order (torchvision
/// draws the order of the first four). Each ends with clamping to 0 … 1; one of range 0 is left
/// out. The grey level of a pixel p is 0.299 red + 0.587 green + 0.114 blue.
struct ColourOptions {
  double brightness = 0;  // p becomes f·p, f in 1 ± this, 0 … 1
  double contrast = 0;  // f·p + (1 − f)·(mean grey level of the image), f in 1 ± this, 0 … 1
  double saturation = 0;  // f·p + (1 − f)·(grey level of p), f in 1 ± this, 0 … 1
  double hue = 0;         // HSV's hue moves by ± this, in parts of a full turn, 0 … 0.5
  double grey = 0;        // probability that all three become the grey level, 0 … 1
};

/// Changes an image of three planes, red, green and blue, of `plane` entries each. Five numbers are
/// drawn whatever the ranges, so that a range of 0 leaves the other changes as they are.
void change_colours(const ColourOptions& options, Random& random, float* image, std::size_t plane);

}  // namespace trainer
