#include "dataset.hpp"

#include "embedded_digits.hpp"
#include "errors.hpp"
#include "idx.hpp"
#include "image_folder.hpp"
#include "random.hpp"

#include <algorithm>
#include <utility>

namespace trainer {
namespace {

// 0 asks for the least factor that leaves at most 16 rows and columns: MNIST's 28 become 14.
std::size_t downsampling(const DataOptions& options, const ImageSet& images) {
  if (options.downsample > 0) return options.downsample;
  constexpr std::size_t largest_side = 16;
  return (std::max(images.size.rows, images.size.cols) + largest_side - 1) / largest_side;
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

FolderSets embedded_set(std::size_t classes) {
  return {parse_pair(embedded_images(), "the embedded images", embedded_labels(),
                     "the embedded labels", classes),
          {}};
}

}  // namespace

LabelledImages prepare(const ImageSet& images, std::vector<std::uint8_t> labels,
                       std::size_t factor) {
  const ImageSize from = images.size;
  LabelledImages set;
  set.size = {(from.rows + factor - 1) / factor, (from.cols + factor - 1) / factor, from.channels};
  set.images.resize(images.count, set.size.pixels());
  set.labels = std::move(labels);
  float* out = set.images.data();
  for (std::size_t n = 0; n < images.count * from.channels; ++n) {
    const std::uint8_t* plane = images.pixels.data() + n * from.plane();
    for (std::size_t top = 0; top < from.rows; top += factor) {
      const std::size_t bottom = std::min(top + factor, from.rows);
      for (std::size_t left = 0; left < from.cols; left += factor) {
        const std::size_t right = std::min(left + factor, from.cols);
        std::size_t sum = 0;
        for (std::size_t r = top; r < bottom; ++r) {
          for (std::size_t c = left; c < right; ++c) sum += plane[r * from.cols + c];
        }
        const auto area = static_cast<float>((bottom - top) * (right - left));
        *out++ = static_cast<float>(sum) / (255.0F * area);
      }
    }
  }
  return set;
}

Dataset load_dataset(const DataOptions& options) {
  const bool embedded = options.folder.empty();
  Dataset dataset;
  dataset.name = embedded ? "the embedded digits" : options.folder;
  dataset.classes = options.classes;
  auto [train, test] =
      embedded ? embedded_set(options.classes) : read_folder(options.folder, options.classes);
  RawSet& first = train ? *train : *test;
  const std::size_t factor = downsampling(options, first.images);
  if (!train || !test) {
    split(prepare(first.images, std::move(first.labels), factor), options.seed, dataset);
    return dataset;
  }
  dataset.train = prepare(train->images, std::move(train->labels), factor);
  dataset.test = prepare(test->images, std::move(test->labels), factor);
  return dataset;
}

}  // namespace trainer
