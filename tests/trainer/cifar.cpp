#include "cifar.hpp"

#include "catch.hpp"
#include "cifar_bytes.hpp"
#include "errors.hpp"
#include "message.hpp"

#include <string>

using tests::Bytes;

namespace {

std::string error(const Bytes& bytes) {
  return tests::message<trainer::InputError>(
      [&] { trainer::parse_cifar(tests::view(bytes), "batch", 10); });
}

}  // namespace

TEST_CASE("CIFAR-10 batches are read, plain and gzip") {
  const Bytes plain = tests::cifar_bytes(5, 3);
  for (const Bytes& bytes : {plain, tests::gzipped(plain)}) {
    const trainer::RawSet set = trainer::parse_cifar(tests::view(bytes), "batch", 10);
    CHECK(set.labels == Bytes{3, 4, 5, 6, 7});
    CHECK(set.images.count == 5);
    CHECK(set.images.size.rows == 32);
    CHECK(set.images.size.cols == 32);
    CHECK(set.images.size.channels == 3);
    REQUIRE(set.images.pixels.size() == 5 * tests::cifar_pixels);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < set.images.pixels.size(); ++i) {
      const std::uint8_t expected =
          tests::cifar_pixel(3 + i / tests::cifar_pixels, i % tests::cifar_pixels);
      if (set.images.pixels[i] != expected) ++wrong;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("content of any length comes whole out of gzip") {
  // Around the sizes of the buffer that grows while its end is not known: 65536, 131072, …
  for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 131072U, 200000U}) {
    Bytes plain(size);
    for (std::size_t i = 0; i < size; ++i) plain[i] = static_cast<std::uint8_t>(i * i >> 3);
    for (const Bytes& bytes : {plain, tests::gzipped(plain)}) {
      trainer::ByteReader reader(tests::view(bytes), "content");
      CHECK(reader.rest() == plain);
      reader.expect_end();
    }
  }
  const Bytes plain = tests::cifar_bytes(1, 0);
  for (const Bytes& bytes : {plain, tests::gzipped(plain)}) {
    trainer::ByteReader reader(tests::view(bytes), "content");
    Bytes start(10);
    reader.read(start.data(), start.size());
    CHECK(reader.rest() == Bytes(plain.begin() + 10, plain.end()));
  }
}

TEST_CASE("damaged CIFAR-10 batches are refused by name") {
  const Bytes sound = tests::cifar_bytes(5, 3);
  Bytes bytes = sound;
  std::string expected;
  SECTION("empty") {
    bytes.clear();
    expected = "batch: holds no image, at least one of 3073 bytes was expected";
  }
  SECTION("empty in gzip") {
    bytes = tests::gzipped({});
    expected = "batch: holds no image, at least one of 3073 bytes was expected";
  }
  SECTION("a byte too few") {
    bytes.pop_back();
    expected =
        "batch: holds 15364 bytes, a multiple of 3073 (a label and 3 planes of 32x32) was expected";
  }
  SECTION("a byte too many, in gzip") {
    bytes.push_back(0);
    bytes = tests::gzipped(bytes);
    expected =
        "batch: holds 15366 bytes, a multiple of 3073 (a label and 3 planes of 32x32) was expected";
  }
  SECTION("a label out of range") {
    bytes[4 * 3073] = 10;
    expected = "batch: label 4 is 10, 0 to 9 was expected";
  }
  SECTION("gzip cut in the pixels") {
    bytes = tests::gzipped(bytes);
    bytes.resize(40);
    expected = "batch: truncated gzip data, its end was expected after ";
  }
  SECTION("gzip cut in the checksum") {
    bytes = tests::gzipped(bytes);
    bytes.pop_back();
    expected = "batch: truncated gzip data, its end was expected after 15365 bytes";
  }
  SECTION("gzip of another checksum") {
    bytes = tests::gzipped(bytes);
    bytes[bytes.size() - 8] ^= 1;
    expected = "batch: damaged gzip data after 15365 bytes (incorrect data check)";
  }
  SECTION("bytes after the gzip data") {
    bytes = tests::gzipped(bytes);
    bytes.insert(bytes.end(), 3, 7);
    expected = "batch: 3 bytes follow where the gzip data was expected to end the file";
  }
  CHECK(error(sound) == "nothing thrown");
  // Only the number of bytes that a cut stream still gives is zlib's to choose.
  const bool prefix = expected.back() == ' ';
  const std::string found = error(bytes);
  INFO(found);
  CHECK((prefix ? found.substr(0, expected.size()) : found) == expected);
}
