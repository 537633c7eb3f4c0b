#include "dataset.hpp"

#include "catch.hpp"
#include "errors.hpp"
#include "idx_bytes.hpp"
#include "scratch_folder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

using tests::ScratchFolder;

namespace {

std::string load_error(const std::string& folder) {
  trainer::DataOptions options;
  options.folder = folder;
  try {
    trainer::load_dataset(options);
  } catch (const trainer::InputError& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the embedded digits are 1797 images of 8x8, split 80/20 by the seed") {
  trainer::DataOptions options;
  const trainer::Dataset first = trainer::load_dataset(options);
  CHECK(first.train.count() == 1437);
  CHECK(first.test.count() == 360);
  CHECK(first.train.size.rows == 8);
  CHECK(first.train.size.cols == 8);

  // Facts about scikit-learn's load_digits, which no split can change.
  std::array<std::size_t, 10> counts{};
  double sum = 0;
  for (const auto* part : {&first.train, &first.test}) {
    for (const std::uint8_t label : part->labels) ++counts[label];
    for (std::size_t i = 0; i < part->images.size(); ++i) {
      sum += std::round(static_cast<double>(part->images.data()[i]) * 16);
    }
  }
  CHECK(counts == std::array<std::size_t, 10>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180});
  CHECK(sum == 561718);

  const trainer::Dataset again = trainer::load_dataset(options);
  CHECK(again.train.labels == first.train.labels);
  options.seed = 2;
  CHECK(trainer::load_dataset(options).train.labels != first.train.labels);
}

TEST_CASE("two pairs of files are training and test set, plain or gzip") {
  const ScratchFolder folder;
  folder.write("train-images-idx3-ubyte", tests::image_bytes(12, 4, 6));
  folder.write("train-labels-idx1-ubyte.gz", tests::gzipped(tests::label_bytes(12)));
  folder.write("t10k-images-idx3-ubyte.gz", tests::gzipped(tests::image_bytes(5, 4, 6)));
  folder.write("t10k-labels-idx1-ubyte", tests::label_bytes(5));
  trainer::DataOptions options;
  options.folder = folder.path();
  const trainer::Dataset data = trainer::load_dataset(options);
  CHECK(data.train.labels == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1});
  CHECK(data.test.labels == std::vector<std::uint8_t>{0, 1, 2, 3, 4});
  CHECK(data.train.size.rows == 4);
  CHECK(data.train.size.cols == 6);
  CHECK(data.train.images(0, 5) == 5.0F / 255.0F);
}

TEST_CASE("a single pair keeps every image exactly once") {
  const ScratchFolder folder;
  folder.write("t10k-images-idx3-ubyte", tests::image_bytes(11, 1, 1));
  folder.write("t10k-labels-idx1-ubyte", tests::label_bytes(11));
  trainer::DataOptions options;
  options.folder = folder.path();
  const trainer::Dataset data = trainer::load_dataset(options);
  CHECK(data.train.count() == 8);
  CHECK(data.test.count() == 3);
  std::set<float> pixels;
  for (const auto* part : {&data.train, &data.test}) {
    for (std::size_t i = 0; i < part->count(); ++i) pixels.insert(part->images(i, 0));
  }
  CHECK(pixels.size() == 11);
}

TEST_CASE("downsampling averages blocks, smaller ones at the edge") {
  trainer::ImageSet set{1, 3, 3, {0, 20, 40, 60, 80, 100, 120, 140, 160}};
  const trainer::LabelledImages small = trainer::prepare(set, {0}, 2);
  CHECK(small.size.rows == 2);
  CHECK(small.size.cols == 2);
  CHECK(small.images(0, 0) == 160.0F / (255.0F * 4));
  CHECK(small.images(0, 1) == 140.0F / (255.0F * 2));
  CHECK(small.images(0, 2) == 260.0F / (255.0F * 2));
  CHECK(small.images(0, 3) == 160.0F / 255.0F);
}

TEST_CASE("images of more than 16 rows or columns are downsampled by default") {
  const ScratchFolder folder;
  folder.write("train-images-idx3-ubyte", tests::image_bytes(5, 28, 28));
  folder.write("train-labels-idx1-ubyte", tests::label_bytes(5));
  trainer::DataOptions options;
  options.folder = folder.path();
  CHECK(trainer::load_dataset(options).train.size.rows == 14);
  options.downsample = 1;
  CHECK(trainer::load_dataset(options).train.size.rows == 28);
}

TEST_CASE("folders that cannot be used are refused by name") {
  const ScratchFolder folder;
  CHECK(has(load_error(folder.path() + "/absent"), "absent is no folder"));
  CHECK(has(load_error(folder.path()), "neither train-images-idx3-ubyte nor t10k"));

  folder.write("train-images-idx3-ubyte", tests::image_bytes(12, 4, 4));
  CHECK(has(load_error(folder.path()),
            "train-images-idx3-ubyte is there, but not train-labels-idx1-ubyte"));

  folder.write("train-labels-idx1-ubyte", tests::label_bytes(11));
  CHECK(has(load_error(folder.path()), "has 11 labels"));
  CHECK(has(load_error(folder.path()), "has 12 images"));

  folder.write("train-labels-idx1-ubyte", tests::label_bytes(12));
  folder.write("t10k-images-idx3-ubyte", tests::image_bytes(5, 4, 5));
  folder.write("t10k-labels-idx1-ubyte", tests::label_bytes(5));
  CHECK(has(load_error(folder.path()), "training images are 4x4, test images 4x5"));
}

TEST_CASE("what is no regular file is refused") {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder.path() + "/train-images-idx3-ubyte");
  folder.write("train-labels-idx1-ubyte", tests::label_bytes(12));
  CHECK(has(load_error(folder.path()), "is no regular file"));
}

TEST_CASE("one image cannot be split") {
  const ScratchFolder folder;
  folder.write("train-images-idx3-ubyte", tests::image_bytes(1, 4, 4));
  folder.write("train-labels-idx1-ubyte", tests::label_bytes(1));
  CHECK(has(load_error(folder.path()), "has 1 image"));
}
