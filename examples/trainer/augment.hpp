// Random views of an image: an affine map by bilinear sampling, intensity, colours and noise.
#pragma once

#include "colour.hpp"
#include "dataset.hpp"
#include "random.hpp"

#include <cstddef>
#include <cstdint>

namespace trainer {

/// Ranges from which each view draws, uniformly.
struct AugmentOptions {
  double rotation = 25;     // ± degrees, ≥ 0
  double scale_low = 0.8;   // size of the drawing against the original, > 0
  double scale_high = 1.2;  // ≥ scale_low
  double shift_x = 0.3;     // ± fraction of half the width, ≥ 0
  double shift_y = 0.25;    // ± fraction of half the height, ≥ 0
  double intensity = 0;     // all pixels times 1 ± this, 0 … 1
  double noise = 0.1;       // standard deviation of the normal noise added to each pixel, ≥ 0
  ColourOptions colour{};   // of images in three channels, before the noise
};

/// Writes a random view of `image` to `view` (size.pixels() entries each, no overlap). All planes
/// move alike; grey images draw no colours. Outside the image all is 0. With every range empty the
/// view is the image, bit for bit.
void augment(const float* image, ImageSize size, const AugmentOptions& options, Random& random,
             float* view);

/// A fixed copy in random poses for evaluation: image i is drawn from (seed, part, i).
LabelledImages jittered(const LabelledImages& set, const AugmentOptions& options,
                        std::uint64_t seed, std::uint64_t part);

}  // namespace trainer
