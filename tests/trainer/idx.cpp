#include "idx.hpp"

#include "catch.hpp"
#include "errors.hpp"
#include "idx_bytes.hpp"

#include <algorithm>
#include <string>

using tests::Bytes;

namespace {

// The message of the error that reading the bytes gives, or "" without one.
std::string image_error(const Bytes& bytes) {
  try {
    trainer::parse_images(tests::view(bytes), "images");
  } catch (const trainer::InputError& error) {
    return error.what();
  }
  return "";
}

std::string label_error(const Bytes& bytes) {
  try {
    trainer::parse_labels(tests::view(bytes), "labels", 10);
  } catch (const trainer::InputError& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void set_number(Bytes& bytes, std::size_t position, std::uint32_t number) {
  Bytes four;
  tests::append_number(four, number);
  std::copy(four.begin(), four.end(), bytes.begin() + static_cast<std::ptrdiff_t>(position));
}

}  // namespace

TEST_CASE("IDX images are read, plain and gzip") {
  const Bytes plain = tests::image_bytes(7, 5, 3);
  for (const Bytes& bytes : {plain, tests::gzipped(plain)}) {
    const trainer::ImageSet set = trainer::parse_images(tests::view(bytes), "images");
    CHECK(set.count == 7);
    CHECK(set.size.rows == 5);
    CHECK(set.size.cols == 3);
    CHECK(set.size.channels == 1);
    CHECK(set.pixels == Bytes(plain.begin() + 16, plain.end()));
  }
}

TEST_CASE("IDX labels are read, plain and gzip") {
  const Bytes plain = tests::label_bytes(23);
  for (const Bytes& bytes : {plain, tests::gzipped(plain)}) {
    CHECK(trainer::parse_labels(tests::view(bytes), "labels", 10) ==
          Bytes(plain.begin() + 8, plain.end()));
  }
}

TEST_CASE("damaged IDX images are refused by name") {
  const Bytes sound = tests::image_bytes(7, 5, 3);
  Bytes bytes = sound;
  std::string expected;
  SECTION("empty") {
    bytes.clear();
    expected = "images: ends after 0 bytes, 4 were expected";
  }
  SECTION("header cut") {
    bytes.resize(13);
    expected = "images: ends after 13 bytes, 16 were expected";
  }
  SECTION("labels instead") {
    bytes = tests::label_bytes(7);
    expected = "images: magic number 0x00000801, 0x00000803 (IDX images) was expected";
  }
  SECTION("pixels cut") {
    bytes.pop_back();
    expected = "images: the header promises 7 images of 5x3, at most 104 bytes can follow";
  }
  SECTION("a byte too many") {
    bytes.push_back(0);
    expected = "images: more bytes follow after the 121 that the header promises";
  }
  SECTION("no image") {
    set_number(bytes, 4, 0);
    expected = "images: the header says 0 images of 5x3";
  }
  SECTION("no column") {
    set_number(bytes, 12, 0);
    expected = "images: the header says 7 images of 5x0";
  }
  SECTION("a product of sizes that wraps around to a small number") {
    set_number(bytes, 4, 0x80000000U);
    set_number(bytes, 8, 0x80000000U);
    set_number(bytes, 12, 4);
    expected = "images: the header promises 2147483648 images of 2147483648x4";
  }
  SECTION("more than memory can hold") {
    set_number(bytes, 4, 0xffffffffU);
    set_number(bytes, 8, 0xffffffffU);
    set_number(bytes, 12, 0xffffffffU);
    expected = "images: the header promises 4294967295 images of 4294967295x4294967295";
  }
  CHECK(image_error(sound).empty());
  const std::string found = image_error(bytes);
  INFO(found);
  CHECK(has(found, expected));
}

TEST_CASE("damaged gzip data is refused by name") {
  const Bytes plain = tests::image_bytes(60, 9, 9);
  const Bytes sound = tests::gzipped(plain);
  Bytes bytes = sound;
  std::string expected;
  SECTION("cut in the pixels") {
    bytes.resize(bytes.size() / 2);
    expected = "images: truncated gzip data";
  }
  SECTION("cut in the checksum") {
    bytes.pop_back();
    expected = "images: truncated gzip data, its last bytes";
  }
  SECTION("only the two bytes that tell gzip") {
    bytes.resize(2);
    expected = "images: truncated gzip data, it ends after 0 bytes, 4 were expected";
  }
  SECTION("wrong checksum") {
    bytes[bytes.size() - 6] ^= 1;
    expected = "images: damaged gzip data";
  }
  SECTION("a damaged block") {
    for (std::size_t i = 12; i < 40; ++i) bytes[i] ^= 0xff;
    expected = "images: damaged gzip data";
  }
  SECTION("bytes after the end") {
    bytes.push_back(7);
    expected = "images: more bytes follow";
  }
  SECTION("more content than promised") {
    Bytes longer = plain;
    longer.push_back(0);
    bytes = tests::gzipped(longer);
    expected = "images: more bytes follow after the 4876 that the header promises";
  }
  SECTION("less content than promised") {
    Bytes shorter = plain;
    shorter.pop_back();
    bytes = tests::gzipped(shorter);
    expected = "images: ends after 4875 bytes, 4876 were expected";
  }
  SECTION("a promise beyond what gzip can expand to") {
    Bytes hostile = plain;
    set_number(hostile, 4, 0xffffffffU);
    bytes = tests::gzipped(hostile);
    expected = "images: the header promises 4294967295 images of 9x9, at most";
  }
  CHECK(image_error(sound).empty());
  const std::string found = image_error(bytes);
  INFO(found);
  CHECK(has(found, expected));
}

TEST_CASE("IDX entries of another type are refused by its name") {
  const auto error = [](std::uint8_t type, Bytes bytes) {
    bytes[2] = type;
    const bool images = bytes[3] == 3;
    const std::string found = images ? image_error(bytes) : label_error(bytes);
    CHECK((images ? image_error : label_error)(tests::gzipped(bytes)) == found);
    return found;
  };
  const Bytes images = tests::image_bytes(2, 2, 2);
  const Bytes labels = tests::label_bytes(3);
  const std::string end = ", unsigned byte (0x08) was expected";
  CHECK(error(0x09, labels) == "labels: holds IDX entries of type signed byte (0x09)" + end);
  CHECK(error(0x0b, images) == "images: holds IDX entries of type short (0x0b)" + end);
  CHECK(error(0x0c, labels) == "labels: holds IDX entries of type int (0x0c)" + end);
  CHECK(error(0x0d, images) == "images: holds IDX entries of type float (0x0d)" + end);
  CHECK(error(0x0e, images) == "images: holds IDX entries of type double (0x0e)" + end);
  CHECK(error(0x0a, images) ==
        "images: magic number 0x00000a03, 0x00000803 (IDX images) was expected");
}

TEST_CASE("damaged IDX labels are refused by name") {
  const Bytes sound = tests::label_bytes(23);
  Bytes bytes = sound;
  std::string expected;
  SECTION("images instead") {
    bytes = tests::image_bytes(2, 2, 2);
    expected = "labels: magic number 0x00000803, 0x00000801 (IDX labels) was expected";
  }
  SECTION("cut") {
    bytes.pop_back();
    expected = "labels: the header promises 23 labels, at most 22 bytes can follow";
  }
  SECTION("a byte too many") {
    bytes.push_back(0);
    expected = "labels: more bytes follow after the 31";
  }
  SECTION("out of range") {
    bytes[8 + 4] = 10;
    expected = "labels: label 4 is 10, 0 to 9 was expected";
  }
  CHECK(label_error(sound).empty());
  const std::string found = label_error(bytes);
  INFO(found);
  CHECK(has(found, expected));
}
