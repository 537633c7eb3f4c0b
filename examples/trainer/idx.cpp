#include "idx.hpp"

#include "errors.hpp"
#include "foreign_file.hpp"

#include <array>
#include <cstdio>

namespace trainer {
namespace {

constexpr std::uint32_t image_magic = 0x00000803;
constexpr std::uint32_t label_magic = 0x00000801;

std::uint32_t read_number(ByteReader& reader) {
  std::array<std::uint8_t, 4> bytes{};
  reader.read(bytes.data(), bytes.size());
  std::uint32_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

// The types of entries that the format has beside unsigned bytes.
const char* other_type(std::uint32_t magic) {
  if (magic >> 16 != 0) return nullptr;
  switch (magic >> 8 & 0xff) {
    case 0x09:
      return "signed byte";
    case 0x0b:
      return "short";
    case 0x0c:
      return "int";
    case 0x0d:
      return "float";
    case 0x0e:
      return "double";
    default:
      return nullptr;
  }
}

void check_magic(ByteReader& reader, std::uint32_t expected, const char* kind) {
  const std::uint32_t found = read_number(reader);
  if (found == expected) return;
  std::array<char, 100> text{};
  if (const char* const type = other_type(found)) {
    std::snprintf(text.data(), text.size(),
                  ": holds IDX entries of type %s (0x%02x), unsigned byte (0x08) was expected",
                  type, found >> 8 & 0xff);
    throw InputError(reader.name() + text.data());
  }
  std::snprintf(text.data(), text.size(), ": magic number 0x%08x, 0x%08x (IDX %s) was expected",
                found, expected, kind);
  throw InputError(reader.name() + text.data());
}

// The header's product may overflow, so it is compared by division; nothing is allocated before.
void check_promise(const ByteReader& reader, std::size_t count, std::size_t each,
                   const std::string& what) {
  const std::size_t left = reader.most_left();
  if (count <= left / each) return;
  throw InputError(reader.name() + ": the header promises " + what + ", at most " +
                   std::to_string(left) + " bytes can follow");
}

ImageSet read_images(ByteView bytes, const std::string& name) {
  ByteReader reader(bytes, name);
  check_magic(reader, image_magic, "images");
  ImageSet set;
  set.count = read_number(reader);
  set.size.rows = read_number(reader);
  set.size.cols = read_number(reader);
  const std::string what = std::to_string(set.count) + " images of " +
                           std::to_string(set.size.rows) + "x" + std::to_string(set.size.cols);
  if (set.count == 0 || set.size.rows == 0 || set.size.cols == 0) {
    throw InputError(name + ": the header says " + what + ", at least one pixel was expected");
  }
  check_promise(reader, set.size.rows, set.size.cols, what);
  check_promise(reader, set.count, set.size.pixels(), what);
  set.pixels.resize(set.count * set.size.pixels());
  reader.read(set.pixels.data(), set.pixels.size());
  reader.expect_end();
  return set;
}

std::vector<std::uint8_t> read_labels(ByteView bytes, const std::string& name,
                                      std::size_t classes) {
  ByteReader reader(bytes, name);
  check_magic(reader, label_magic, "labels");
  const std::size_t count = read_number(reader);
  check_promise(reader, count, 1, std::to_string(count) + " labels");
  std::vector<std::uint8_t> labels(count);
  reader.read(labels.data(), count);
  reader.expect_end();
  check_labels(labels, name, classes);
  return labels;
}

}  // namespace

ImageSet parse_images(ByteView bytes, const std::string& name) {
  return parsed(bytes, name, "IDX images were expected", [&] { return read_images(bytes, name); });
}

std::vector<std::uint8_t> parse_labels(ByteView bytes, const std::string& name,
                                       std::size_t classes) {
  return parsed(bytes, name, "IDX labels were expected",
                [&] { return read_labels(bytes, name, classes); });
}

RawSet parse_pair(ByteView images, const std::string& images_name, ByteView labels,
                  const std::string& labels_name, std::size_t classes) {
  RawSet set{parse_images(images, images_name), parse_labels(labels, labels_name, classes)};
  if (set.images.count == set.labels.size()) return set;
  throw InputError(labels_name + " has " + std::to_string(set.labels.size()) + " labels, " +
                   images_name + " has " + std::to_string(set.images.count) +
                   " images: as many were expected");
}

}  // namespace trainer
