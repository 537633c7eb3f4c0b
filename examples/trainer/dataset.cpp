#include "dataset.hpp"

#include "embedded_digits.hpp"
#include "errors.hpp"
#include "random.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

namespace trainer {
namespace {

struct RawSet {
  ImageSet images;
  std::vector<std::uint8_t> labels;
};

// The path of `stem` or `stem`.gz in the folder; empty when neither is there.
std::string find_file(const std::filesystem::path& folder, const std::string& stem) {
  for (const char* ending : {"", ".gz"}) {
    const std::filesystem::path path = folder / (stem + ending);
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path.string();
  }
  return {};
}

RawSet parse_pair(ByteView images, const std::string& images_name, ByteView labels,
                  const std::string& labels_name, std::size_t classes) {
  RawSet set{parse_images(images, images_name), parse_labels(labels, labels_name, classes)};
  if (set.images.count == set.labels.size()) return set;
  throw InputError(labels_name + " has " + std::to_string(set.labels.size()) + " labels, " +
                   images_name + " has " + std::to_string(set.images.count) +
                   " images: as many were expected");
}

std::optional<RawSet> read_pair(const std::string& folder, const std::string& prefix,
                                std::size_t classes) {
  const std::string images_stem = prefix + "-images-idx3-ubyte";
  const std::string labels_stem = prefix + "-labels-idx1-ubyte";
  const std::string images = find_file(folder, images_stem);
  const std::string labels = find_file(folder, labels_stem);
  if (images.empty() && labels.empty()) return std::nullopt;
  if (images.empty() || labels.empty()) {
    throw InputError(folder + ": " + (images.empty() ? labels_stem : images_stem) +
                     " is there, but not " + (images.empty() ? images_stem : labels_stem) +
                     " (with or without .gz)");
  }
  const std::vector<std::uint8_t> image_bytes = read_file(images);
  const std::vector<std::uint8_t> label_bytes = read_file(labels);
  return parse_pair({image_bytes.data(), image_bytes.size()}, images,
                    {label_bytes.data(), label_bytes.size()}, labels, classes);
}

// 0 asks for the least factor that leaves at most 16 rows and columns: MNIST's 28 become 14.
std::size_t downsampling(const DataOptions& options, const ImageSet& images) {
  if (options.downsample > 0) return options.downsample;
  constexpr std::size_t largest_side = 16;
  return (std::max(images.rows, images.cols) + largest_side - 1) / largest_side;
}

LabelledImages chosen(const LabelledImages& all, const std::size_t* ids, std::size_t count) {
  LabelledImages part;
  part.size = all.size;
  part.images.resize(count, all.images.cols());
  part.labels.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(all.images.row(ids[i]), all.images.cols(), part.images.row(i));
    part.labels[i] = all.labels[ids[i]];
  }
  return part;
}

void split(const LabelledImages& all, std::uint64_t seed, Dataset& dataset) {
  const std::size_t train = all.count() * 4 / 5;
  if (train == 0) {
    throw InputError(dataset.name + " has 1 image, at least 2 were expected to split 80/20");
  }
  Random random(seed, Stream::split);
  const std::vector<std::size_t> order = shuffled(all.count(), random);
  dataset.train = chosen(all, order.data(), train);
  dataset.test = chosen(all, order.data() + train, all.count() - train);
}

RawSet embedded_set(std::size_t classes) {
  return parse_pair(embedded_images(), "the embedded images", embedded_labels(),
                    "the embedded labels", classes);
}

}  // namespace

LabelledImages prepare(const ImageSet& images, std::vector<std::uint8_t> labels,
                       std::size_t factor) {
  LabelledImages set;
  set.size = {(images.rows + factor - 1) / factor, (images.cols + factor - 1) / factor};
  set.images.resize(images.count, set.size.pixels());
  set.labels = std::move(labels);
  for (std::size_t n = 0; n < images.count; ++n) {
    const std::uint8_t* image = images.pixels.data() + n * images.rows * images.cols;
    float* out = set.images.row(n);
    for (std::size_t top = 0; top < images.rows; top += factor) {
      const std::size_t bottom = std::min(top + factor, images.rows);
      for (std::size_t left = 0; left < images.cols; left += factor) {
        const std::size_t right = std::min(left + factor, images.cols);
        std::size_t sum = 0;
        for (std::size_t r = top; r < bottom; ++r) {
          for (std::size_t c = left; c < right; ++c) sum += image[r * images.cols + c];
        }
        const auto area = static_cast<float>((bottom - top) * (right - left));
        *out++ = static_cast<float>(sum) / (255.0F * area);
      }
    }
  }
  return set;
}

Dataset load_dataset(const DataOptions& options) {
  Dataset dataset;
  dataset.classes = options.classes;
  std::optional<RawSet> train;
  std::optional<RawSet> test;
  if (options.folder.empty()) {
    dataset.name = "the embedded digits";
    train = embedded_set(options.classes);
  } else {
    dataset.name = options.folder;
    std::error_code ignored;
    if (!std::filesystem::is_directory(options.folder, ignored)) {
      throw InputError(options.folder + " is no folder, one with IDX files was expected");
    }
    train = read_pair(options.folder, "train", options.classes);
    test = read_pair(options.folder, "t10k", options.classes);
    if (!train && !test) {
      throw InputError(options.folder +
                       ": neither train-images-idx3-ubyte nor t10k-images-idx3-ubyte (with or "
                       "without .gz) is there");
    }
  }
  RawSet& first = train ? *train : *test;
  const std::size_t factor = downsampling(options, first.images);
  if (!train || !test) {
    split(prepare(first.images, std::move(first.labels), factor), options.seed, dataset);
    return dataset;
  }
  if (test->images.rows != train->images.rows || test->images.cols != train->images.cols) {
    throw InputError(options.folder + ": training images are " +
                     std::to_string(train->images.rows) + "x" + std::to_string(train->images.cols) +
                     ", test images " + std::to_string(test->images.rows) + "x" +
                     std::to_string(test->images.cols) + ": one size was expected");
  }
  dataset.train = prepare(train->images, std::move(train->labels), factor);
  dataset.test = prepare(test->images, std::move(test->labels), factor);
  return dataset;
}

}  // namespace trainer
