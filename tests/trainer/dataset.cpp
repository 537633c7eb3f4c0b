#include "dataset.hpp"

#include "catch.hpp"
#include "cifar_bytes.hpp"
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

TEST_CASE("the names of mirrors and of unpacked archives are found") {
  struct Names {
    std::string images, labels, empty_folder;
  };
  const std::string dash_images = "train-images-idx3-ubyte",
                    dash_labels = "train-labels-idx1-ubyte";
  const std::string dot_images = "train-images.idx3-ubyte", dot_labels = "train-labels.idx1-ubyte";
  const Names names =
      GENERATE_COPY(Names{dot_images, dot_labels, ""}, Names{dot_images + ".gz", dash_labels, ""},
                    Names{dash_images + "/" + dash_images, dash_labels + "/" + dash_labels, ""},
                    Names{dot_images + "/" + dot_images, dot_labels + "/" + dot_labels + ".gz", ""},
                    Names{dash_images + "/" + dot_images, dash_labels + "/" + dot_labels, ""},
                    Names{dot_images, dot_labels + ".gz", dash_images});
  const std::string prefix = GENERATE("train", "t10k");
  const ScratchFolder folder;
  const auto stored = [&](const std::string& train_name, const tests::Bytes& bytes) {
    std::string name = train_name;
    for (std::size_t at = 0; (at = name.find("train", at)) != std::string::npos; at += 4)
      name.replace(at, 5, prefix);
    const std::filesystem::path path = std::filesystem::path(folder.path()) / name;
    std::filesystem::create_directories(bytes.empty() ? path : path.parent_path());
    if (bytes.empty()) return;
    folder.write(name, path.extension() == ".gz" ? tests::gzipped(bytes) : bytes);
  };
  stored(names.images, tests::image_bytes(10, 4, 4));
  stored(names.labels, tests::label_bytes(10));
  stored(names.empty_folder, {});
  INFO(prefix << ": " << names.images << ", " << names.labels);
  trainer::DataOptions options;
  options.folder = folder.path();
  const trainer::Dataset data = trainer::load_dataset(options);
  CHECK(data.train.count() + data.test.count() == 10);
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
  trainer::ImageSet set{1, {3, 3}, {0, 20, 40, 60, 80, 100, 120, 140, 160}};
  const trainer::LabelledImages small = trainer::prepare(set, {0}, 2);
  CHECK(small.size.rows == 2);
  CHECK(small.size.cols == 2);
  CHECK(small.images(0, 0) == 160.0F / (255.0F * 4));
  CHECK(small.images(0, 1) == 140.0F / (255.0F * 2));
  CHECK(small.images(0, 2) == 260.0F / (255.0F * 2));
  CHECK(small.images(0, 3) == 160.0F / 255.0F);
}

TEST_CASE("planes are downsampled one by one") {
  trainer::ImageSet set{2, {2, 3, 3}, {}};
  for (std::uint8_t i = 0; i < 36; ++i) set.pixels.push_back(i);
  const trainer::LabelledImages small = trainer::prepare(set, {0, 1}, 2);
  CHECK(small.size.rows == 1);
  CHECK(small.size.cols == 2);
  CHECK(small.size.channels == 3);
  REQUIRE(small.images.cols() == 6);
  for (std::size_t plane = 0; plane < 6; ++plane) {
    const float first = 6 * static_cast<float>(plane);
    const float* const out = small.images.row(plane / 3) + plane % 3 * 2;
    CHECK(out[0] == (4 * first + 0 + 1 + 3 + 4) / (255.0F * 4));
    CHECK(out[1] == (2 * first + 2 + 5) / (255.0F * 2));
  }
}

TEST_CASE("CIFAR-10 batches are one training set in order, plain or gzip") {
  const ScratchFolder folder;
  folder.write("data_batch_1.bin", tests::cifar_bytes(3, 0));
  folder.write("data_batch_2.bin.gz", tests::gzipped(tests::cifar_bytes(4, 3)));
  folder.write("test_batch.bin", tests::cifar_bytes(2, 7));
  trainer::DataOptions options;
  options.folder = folder.path();
  options.downsample = 1;
  const trainer::Dataset data = trainer::load_dataset(options);
  CHECK(data.train.labels == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(data.test.labels == std::vector<std::uint8_t>{7, 8});
  CHECK(data.train.size.rows == 32);
  CHECK(data.train.size.cols == 32);
  CHECK(data.train.size.channels == 3);
  REQUIRE(data.train.images.rows() == 7);
  REQUIRE(data.train.images.cols() == 3072);
  for (const std::size_t image : {0U, 2U, 3U, 6U}) {
    for (const std::size_t pixel : {0U, 1024U, 3071U}) {
      CHECK(data.train.images(image, pixel) ==
            static_cast<float>(tests::cifar_pixel(image, pixel)) / 255.0F);
    }
  }
  options.downsample = 0;
  CHECK(trainer::load_dataset(options).train.size.rows == 16);
}

TEST_CASE("a single CIFAR-10 set is split 80/20") {
  const ScratchFolder folder;
  folder.write("test_batch.bin.gz", tests::gzipped(tests::cifar_bytes(10, 0)));
  trainer::DataOptions options;
  options.folder = folder.path();
  CHECK(trainer::load_dataset(options).train.count() == 8);
  folder.write("data_batch_1.bin", tests::cifar_bytes(5, 0));
  CHECK(trainer::load_dataset(options).train.count() == 5);
  std::filesystem::remove(folder.path() + "/test_batch.bin.gz");
  CHECK(trainer::load_dataset(options).train.count() == 4);
}

TEST_CASE("CIFAR-10 folders that cannot be used are refused by name") {
  const ScratchFolder folder;
  folder.write("data_batch_1.bin", tests::cifar_bytes(2, 0));
  folder.write("data_batch_3.bin", tests::cifar_bytes(2, 0));
  CHECK(load_error(folder.path()) ==
        folder.path() +
            ": data_batch_3.bin is there, but not data_batch_2.bin (with or without .gz, or in a "
            "folder of that name)");
  folder.write("data_batch_2.bin.gz", tests::cifar_bytes(2, 9));
  CHECK(load_error(folder.path()) ==
        folder.path() + "/data_batch_2.bin.gz: label 1 is 10, 0 to 9 was expected");
  folder.write("t10k-labels-idx1-ubyte.gz", tests::label_bytes(12));
  CHECK(load_error(folder.path()) ==
        folder.path() +
            ": holds IDX files (t10k-labels-idx1-ubyte) and CIFAR-10 batches "
            "(data_batch_1.bin), one kind was expected");
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
  const std::string wherever = " (with or without .gz, or in a folder of that name)";
  CHECK(load_error(folder.path()) ==
        folder.path() +
            ": none of train-images-idx3-ubyte, train-images.idx3-ubyte, t10k-images-idx3-ubyte, "
            "t10k-images.idx3-ubyte, data_batch_1.bin and test_batch.bin is there" +
            wherever);

  folder.write("train-images-idx3-ubyte", tests::image_bytes(12, 4, 4));
  CHECK(load_error(folder.path()) ==
        folder.path() +
            ": train-images-idx3-ubyte is there, but not train-labels-idx1-ubyte or "
            "train-labels.idx1-ubyte" +
            wherever);

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
