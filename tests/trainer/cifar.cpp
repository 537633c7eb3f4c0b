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

TEST_CASE("gzip of several members is one file") {
  const Bytes plain = tests::cifar_bytes(3, 2);
  const auto part = [&](std::size_t first, std::size_t last) {
    return tests::gzipped({plain.begin() + static_cast<std::ptrdiff_t>(first),
                           plain.begin() + static_cast<std::ptrdiff_t>(last)});
  };
  Bytes bytes = tests::joined(part(0, 1), part(1, 5000));  // as cat puts them together
  bytes = tests::joined(bytes, tests::gzipped({}));  // as bgzip's, in the middle and at the end
  bytes = tests::joined(bytes, part(5000, plain.size()));
  bytes = tests::joined(bytes, tests::gzipped({}));
  const Bytes sound = bytes;
  std::string expected = "nothing thrown";
  SECTION("as it is") {}
  SECTION("padded with zeros, as on a tape") { bytes.resize(bytes.size() + 512); }
  SECTION("bytes after the last member") {
    bytes.insert(bytes.end(), 3, 7);
    expected = "batch: 3 bytes follow where the gzip data was expected to end the file";
  }
  SECTION("bytes after the padding") {
    bytes.resize(bytes.size() + 10);
    bytes.push_back(7);
    expected = "batch: 11 bytes follow where the gzip data was expected to end the file";
  }
  SECTION("a last member that is cut") {
    bytes = tests::joined(bytes, {0x1f, 0x8b});
    expected = "batch: truncated gzip data, its end was expected after 9219 bytes";
  }
  SECTION("a checksum of a member within") {
    bytes[part(0, 1).size() - 8] ^= 1;
    expected = "batch: damaged gzip data after 1 bytes (incorrect data check)";
  }
  CHECK(error(bytes) == expected);
  if (expected != "nothing thrown") return;
  CHECK(trainer::parse_cifar(tests::view(bytes), "batch", 10).labels == Bytes{2, 3, 4});

  trainer::ByteReader reader(tests::view(bytes), "content");
  Bytes pieces(plain.size());
  for (std::size_t first = 0; first < plain.size(); first += 439) {
    CHECK(reader.most_left() >= plain.size() - first);
    reader.read(pieces.data() + first, 439);
  }
  reader.expect_end();
  CHECK(pieces == plain);
}

TEST_CASE("gzip of members without end has a bound") {
  Bytes many;
  for (int member = 0; member < 2000; ++member) many = tests::joined(many, tests::gzipped({}));
  CHECK(error(many) == "batch: holds no image, at least one of 3073 bytes was expected");
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
