// Labelled images for training and testing, from a folder or from the set built into the program.
#pragma once

#include "image_set.hpp"
#include "matrix.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

/// One image a row, plane after plane, pixels 0 … 1, and the class of each image.
struct LabelledImages {
  ImageSize size;
  Matrix<float> images;
  std::vector<std::uint8_t> labels;
  std::size_t count() const { return labels.size(); }
};

struct Dataset {
  std::string name;
  std::size_t classes = 0;
  LabelledImages train;
  LabelledImages test;
};

struct DataOptions {
  std::string folder;          // of IDX files or CIFAR-10 batches; empty: the embedded digits
  std::size_t classes = 10;    // labels are 0 … classes − 1
  std::size_t downsample = 0;  // block of pixels averaged into one; 0: least that leaves sides ≤ 16
  std::uint64_t seed = 1;      // of the 80/20 split where there is one set only
};

/// Reads the folder (image_folder.hpp). Where it holds one set only, a random 80 % of it is for
/// training.
Dataset load_dataset(const DataOptions& options);

/// Pixels scaled to 0 … 1 and averaged over blocks of factor × factor of each plane; blocks at the
/// right and lower edge may be smaller.
LabelledImages prepare(const ImageSet& images, std::vector<std::uint8_t> labels,
                       std::size_t factor);

}  // namespace trainer
