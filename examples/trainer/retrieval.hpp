// Search by picture: the training images that a representation finds for a few test images.
//
// images.bin holds the images that occur, in their random poses. All numbers are little-endian:
//   8 bytes        "selfsimg"
//   u32            1, the version of the format
//   u32, u32, u32  channels, rows, columns
//   u32            number of images, then for each
//   u32, u32       0 for a training image, 1 for a test image; its row among them
//   u8 …           pixels, 0 … 1 as 0 … 255, channel by channel, row by row
//   u32            CRC-32 (as in gzip) of everything before
#pragma once

#include "dataset.hpp"
#include "evaluate.hpp"
#include "nearest_neighbours.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

/// Up to twelve test images to search for: the first of each class that occurs, then the second of
/// each class, and so on.
std::vector<std::size_t> choose_queries(const std::vector<std::uint8_t>& labels);

/// What one representation finds.
struct Retrieval {
  std::string representation;
  std::vector<std::vector<Neighbour>> neighbours;  // of each query, the nearest first
};

/// The eight training images (fewer if there are not as many) most similar to each query, a row of
/// features.test. Rows must have been normalised.
Retrieval retrieve(const std::string& representation, const Features& features,
                   const std::vector<std::size_t>& queries);

/// The content of images.bin: every image that occurs, once.
std::string images_file(const std::vector<std::size_t>& queries,
                        const std::vector<Retrieval>& retrievals, const LabelledImages& train,
                        const LabelledImages& test);

}  // namespace trainer
