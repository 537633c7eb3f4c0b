// Which files of a folder are a training and a test set.
#pragma once

#include "image_set.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace trainer {

/// What a folder holds: one of the two, or both with images of one size.
struct FolderSets {
  std::optional<RawSet> train;
  std::optional<RawSet> test;
};

/// Reads either IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte and the t10k pair, or
/// the same with a dot before "idx") or CIFAR-10 batches (data_batch_1.bin and the batches that
/// follow it, up to 5, and test_batch.bin), each with or without .gz, or in a folder of its name.
FolderSets read_folder(const std::string& folder, std::size_t classes);

}  // namespace trainer
