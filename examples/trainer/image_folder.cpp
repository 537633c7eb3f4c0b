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

// The names that a file goes by: mirrors have a dot before "idx" where MNIST has a dash.
std::vector<std::string> spellings(const std::string& stem) {
  std::vector<std::string> names = {stem};
  const std::size_t dash = stem.find("-idx");
  if (dash != std::string::npos) names.push_back(std::string(stem).replace(dash, 1, "."));
  return names;
}

// The same, for an error.
std::string all_names(const std::string& stem, const std::string& between) {
  std::string text;
  for (const std::string& name : spellings(stem)) text += (text.empty() ? "" : between) + name;
  return text;
}

constexpr const char* wherever = " (with or without .gz, or in a folder of that name)";

// What lies in the folder by one of these names, plain or .gz.
std::vector<std::filesystem::path> found_by_name(const std::filesystem::path& folder,
                                                 const std::string& stem) {
  std::vector<std::filesystem::path> found;
  for (const std::string& name : spellings(stem)) {
    for (const char* ending : {"", ".gz"}) {
      std::error_code ignored;
      const std::filesystem::path path = folder / (name + ending);
      if (std::filesystem::exists(path, ignored)) found.push_back(path);
    }
  }
  return found;
}

// The path of the file in the folder, or in a folder of that name, as some archives unpack; of such
// a folder itself when that is all; empty when nothing is there.
std::string find_file(const std::filesystem::path& folder, const std::string& stem) {
  const auto is_file = [](const std::filesystem::path& path) {
    std::error_code ignored;
    return !std::filesystem::is_directory(path, ignored);
  };
  const std::vector<std::filesystem::path> found = found_by_name(folder, stem);
  for (const std::filesystem::path& path : found) {
    if (is_file(path)) return path.string();
    for (const std::filesystem::path& inner : found_by_name(path, stem)) {
      if (is_file(inner)) return inner.string();
    }
  }
  return found.empty() ? "" : found.front().string();
}

[[noreturn]] void fail_for_partner(const std::string& folder, const std::string& found,
                                   const std::string& missing) {
  throw InputError(folder + ": " + found + " is there, but not " + all_names(missing, " or ") +
                   wherever);
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

// The first of these that is there; empty when none is.
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
    throw InputError(folder + ": none of " + all_names("train-images-idx3-ubyte", ", ") + ", " +
                     all_names("t10k-images-idx3-ubyte", ", ") +
                     ", data_batch_1.bin and test_batch.bin is there" + wherever);
  }
  if (!idx.empty() && !cifar.empty()) {
    throw InputError(folder + ": holds IDX files (" + idx + ") and CIFAR-10 batches (" + cifar +
                     "), one kind was expected");
  }
  return idx.empty() ? read_cifar(folder, classes) : read_idx(folder, classes);
}

}  // namespace trainer
