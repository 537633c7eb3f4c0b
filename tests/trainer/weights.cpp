#include "weights.hpp"

#include "atomic_file.hpp"
#include "catch.hpp"
#include "errors.hpp"
#include "scratch_folder.hpp"

#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>

using trainer::Matrix;

namespace {

// Reads the format as weights.hpp documents it.
class Reader {
 public:
  explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string text(std::size_t count) {
    position_ += count;
    return bytes_.substr(position_ - count, count);
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    const std::string four = text(4);
    for (int i = 3; i >= 0; --i) {
      value = value << 8 | static_cast<unsigned char>(four[static_cast<std::size_t>(i)]);
    }
    return value;
  }
  float real() {
    const std::uint32_t bits = number();
    float value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  std::size_t position() const { return position_; }

 private:
  std::string bytes_;
  std::size_t position_ = 0;
};

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("weights.bin holds every parameter and statistic, to the last bit") {
  trainer::Recipe recipe = *trainer::find_recipe("byol");
  recipe.encoder = {5, 4};
  recipe.projector = {3};
  recipe.predictor = 2;
  trainer::Model<float> model(recipe, 6, 1);
  std::map<std::string, Matrix<float>> expected;
  model.for_each_parameter([&](const std::string& name, trainer::Parameter<float>& parameter) {
    expected.emplace(name, parameter.value);
  });
  model.for_each_statistic([&](const std::string& name, const Matrix<float>& matrix) {
    expected.emplace(name, matrix);
  });
  REQUIRE(expected.count("encoder.0.linear.weight") == 1);
  REQUIRE(expected.count("encoder.1.norm.running_variance") == 1);
  REQUIRE(expected.count("predictor.1.linear.bias") == 1);

  const std::string file = trainer::weights_file(model);
  Reader reader(file);
  CHECK(reader.text(8) == "selfsup1");
  REQUIRE(reader.number() == expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const std::string name = reader.text(reader.number());
    REQUIRE(expected.count(name) == 1);
    const Matrix<float>& matrix = expected[name];
    REQUIRE(reader.number() == matrix.rows());
    REQUIRE(reader.number() == matrix.cols());
    for (std::size_t i = 0; i < matrix.size(); ++i) REQUIRE(reader.real() == matrix.data()[i]);
  }
  const std::size_t end = reader.position();
  const auto* bytes = reinterpret_cast<const Bytef*>(file.data());
  CHECK(reader.number() == crc32(crc32(0, nullptr, 0), bytes, static_cast<uInt>(end)));
  CHECK(reader.position() == file.size());
}

TEST_CASE("a file is replaced as a whole") {
  const tests::ScratchFolder folder;
  const std::string path = folder.path() + "/file";
  trainer::write_atomically(path, "first");
  CHECK(content_of(path) == "first");
  trainer::write_atomically(path, std::string("a\0b", 3));
  CHECK(content_of(path) == std::string("a\0b", 3));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    static_cast<void>(entry);
    ++files;
  }
  CHECK(files == 1);
}

TEST_CASE("a file that cannot be written is an InputError, and leaves nothing") {
  const tests::ScratchFolder folder;
  CHECK_THROWS_AS(trainer::write_atomically(folder.path() + "/absent/file", "text"),
                  trainer::InputError);
  // A folder in the way: the rename fails, the temporary file goes.
  std::filesystem::create_directory(folder.path() + "/taken");
  CHECK_THROWS_AS(trainer::write_atomically(folder.path() + "/taken", "text"), trainer::InputError);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  CHECK(files == 0);
}

TEST_CASE("a folder for results is made with its parents, unless a file is in the way") {
  const tests::ScratchFolder folder;
  trainer::prepare_folder(folder.path() + "/a/b");
  CHECK(std::filesystem::is_directory(folder.path() + "/a/b"));
  CHECK(std::filesystem::is_empty(folder.path() + "/a/b"));
  folder.write("file", {1});
  CHECK_THROWS_AS(trainer::prepare_folder(folder.path() + "/file"), trainer::InputError);
}
