#include "image_folder.hpp"

#include "byte_reader.hpp"
#include "cifar.hpp"
#include "errors.hpp"
#include "idx.hpp"

#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

namespace trainer {
namespace {

// The path of `stem` or `stem`.gz in the folder; empty when neither is there.
std::string find_file(const std::filesystem::path& folder, const std::string& stem) {
  for (const char* ending : {"", ".gz"}) {
    const std::filesystem::path path = folder / (stem + ending);
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path.string();
  }
  return {};
}

[[noreturn]] void fail_for_partner(const std::string& folder, const std::string& found,
                                   const std::string& missing) {
  throw InputError(folder + ": " + found + " is there, but not " + missing +
                   " (with or without .gz)");
}

std::optional<RawSet> read_pair(const std::string& folder, const std::string& prefix,
                                std::size_t classes) {
  const std::string images_stem = prefix + "-images-idx3-ubyte";
  const std::string labels_stem = prefix + "-labels-idx1-ubyte";
  const std::string images = find_file(folder, images_stem);
  const std::string labels = find_file(folder, labels_stem);
  if (images.empty() && labels.empty()) return std::nullopt;
  if (images.empty()) fail_for_partner(folder, labels_stem, images_stem);
  if (labels.empty()) fail_for_partner(folder, images_stem, labels_stem);
  const std::vector<std::uint8_t> image_bytes = read_file(images);
  const std::vector<std::uint8_t> label_bytes = read_file(labels);
  return parse_pair({image_bytes.data(), image_bytes.size()}, images,
                    {label_bytes.data(), label_bytes.size()}, labels, classes);
}

FolderSets read_idx(const std::string& folder, std::size_t classes) {
  FolderSets sets{read_pair(folder, "train", classes), read_pair(folder, "t10k", classes)};
  if (!sets.train || !sets.test) return sets;
  const ImageSize train = sets.train->images.size;
  const ImageSize test = sets.test->images.size;
  if (train.rows == test.rows && train.cols == test.cols) return sets;
  throw InputError(folder + ": training images are " + std::to_string(train.rows) + "x" +
                   std::to_string(train.cols) + ", test images " + std::to_string(test.rows) + "x" +
                   std::to_string(test.cols) + ": one size was expected");
}

std::string training_batch(std::size_t number) {
  return "data_batch_" + std::to_string(number) + ".bin";
}

RawSet read_batch(const std::string& path, std::size_t classes) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  return parse_cifar({bytes.data(), bytes.size()}, path, classes);
}

void append(RawSet& set, const RawSet& more) {
  set.images.count += more.images.count;
  set.images.pixels.insert(set.images.pixels.end(), more.images.pixels.begin(),
                           more.images.pixels.end());
  set.labels.insert(set.labels.end(), more.labels.begin(), more.labels.end());
}

FolderSets read_cifar(const std::string& folder, std::size_t classes) {
  std::vector<std::string> batches;
  for (std::size_t number = 1; number <= 5; ++number) {
    const std::string path = find_file(folder, training_batch(number));
    if (path.empty()) continue;
    if (batches.size() + 1 < number) {
      fail_for_partner(folder, training_batch(number), training_batch(batches.size() + 1));
    }
    batches.push_back(path);
  }
  FolderSets sets;
  for (const std::string& path : batches) {
    RawSet batch = read_batch(path, classes);
    if (sets.train) {
      append(*sets.train, batch);
    } else {
      sets.train = std::move(batch);
    }
  }
  const std::string test = find_file(folder, "test_batch.bin");
  if (!test.empty()) sets.test = read_batch(test, classes);
  return sets;
}

// The first of these that is there, with or without .gz; empty when none is.
std::string first_found(const std::string& folder, const std::vector<std::string>& stems) {
  for (const std::string& stem : stems) {
    if (!find_file(folder, stem).empty()) return stem;
  }
  return {};
}

}  // namespace

FolderSets read_folder(const std::string& folder, std::size_t classes) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw InputError(folder + " is no folder, one with IDX files or CIFAR-10 batches was expected");
  }
  const std::string idx = first_found(folder, {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                               "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"});
  const std::string cifar =
      first_found(folder, {training_batch(1), training_batch(2), training_batch(3),
                           training_batch(4), training_batch(5), "test_batch.bin"});
  if (idx.empty() && cifar.empty()) {
    throw InputError(folder +
                     ": none of train-images-idx3-ubyte, t10k-images-idx3-ubyte, data_batch_1.bin "
                     "and test_batch.bin (with or without .gz) is there");
  }
  if (!idx.empty() && !cifar.empty()) {
    throw InputError(folder + ": holds IDX files (" + idx + ") and CIFAR-10 batches (" + cifar +
                     "), one kind was expected");
  }
  return idx.empty() ? read_cifar(folder, classes) : read_idx(folder, classes);
}

}  // namespace trainer
