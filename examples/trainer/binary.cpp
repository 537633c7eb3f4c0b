#include "binary.hpp"

#include "errors.hpp"

#include <zlib.h>

#include <cstring>
#include <utility>

namespace trainer {
namespace {

constexpr std::size_t crc_bytes = 4;

std::uint32_t crc32_of(const void* bytes, std::size_t count) {
  return static_cast<std::uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), static_cast<const Bytef*>(bytes), count));
}

}  // namespace

void BinaryWriter::append(std::uint64_t number, int count) {
  for (int shift = 0; shift < 8 * count; shift += 8)
    bytes_.push_back(static_cast<char>(static_cast<unsigned char>(number >> shift & 0xff)));
}

void BinaryWriter::f64(double number) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &number, sizeof(bits));
  u64(bits);
}

void BinaryWriter::text(const std::string& text) {
  u32(static_cast<std::uint32_t>(text.size()));
  bytes_ += text;
}

void BinaryWriter::matrix(const std::string& name, const Matrix<float>& matrix) {
  text(name);
  u32(static_cast<std::uint32_t>(matrix.rows()));
  u32(static_cast<std::uint32_t>(matrix.cols()));
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, matrix.data() + i, sizeof(bits));
    u32(bits);
  }
}

std::string BinaryWriter::finish() {
  u32(crc32_of(bytes_.data(), bytes_.size()));
  return std::move(bytes_);
}

std::string printable(const std::string& text) {
  constexpr std::size_t longest = 60;
  std::string shown = text.substr(0, longest);
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text.size() > longest ? shown + "..." : shown;
}

BinaryReader::BinaryReader(ByteView bytes, const std::string& magic, std::string name,
                           std::string kind)
    : name_(std::move(name)), kind_(std::move(kind)) {
  if (bytes.size < magic.size() + crc_bytes ||
      std::memcmp(bytes.data, magic.data(), magic.size()) != 0) {
    throw InputError(name_ + ": is no " + kind_ + " of selfsup-train");
  }
  bytes_ = {bytes.data + magic.size(), bytes.size - magic.size()};
  position_ = bytes_.size - crc_bytes;
  const std::uint32_t promised = u32();
  if (promised != crc32_of(bytes.data, bytes.size - crc_bytes)) {
    throw InputError(name_ + ": the " + kind_ + " is damaged, its checksum is another");
  }
  bytes_.size -= crc_bytes;
  position_ = 0;
}

void BinaryReader::fail(const std::string& what) const {
  throw InputError(name_ + ": the " + kind_ + " " + what);
}

std::uint64_t BinaryReader::take(std::size_t count) {
  if (bytes_.size - position_ < count) fail("ends too early");
  std::uint64_t number = 0;
  for (std::size_t i = count; i-- > 0;) number = number << 8 | bytes_.data[position_ + i];
  position_ += count;
  return number;
}

double BinaryReader::f64() {
  const std::uint64_t bits = u64();
  double number = 0;
  std::memcpy(&number, &bits, sizeof(number));
  return number;
}

std::string BinaryReader::text() {
  const std::size_t count = u32();
  if (bytes_.size - position_ < count) fail("ends too early");
  const auto* const first = reinterpret_cast<const char*>(bytes_.data + position_);
  position_ += count;
  return {first, count};
}

Matrix<float> BinaryReader::matrix(const std::string& name, std::size_t rows, std::size_t cols) {
  const std::string found = text();
  const std::size_t found_rows = u32();
  const std::size_t found_cols = u32();
  if (found != name || found_rows != rows || found_cols != cols) {
    fail("has " + printable(found) + " of " + std::to_string(found_rows) + "x" +
         std::to_string(found_cols) + " where " + name + " of " + std::to_string(rows) + "x" +
         std::to_string(cols) + " was expected");
  }
  Matrix<float> matrix(rows, cols);
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    const std::uint32_t bits = u32();
    std::memcpy(matrix.data() + i, &bits, sizeof(bits));
  }
  return matrix;
}

void BinaryReader::expect_end() const {
  if (position_ != bytes_.size) fail("has more bytes than it promises");
}

}  // namespace trainer
