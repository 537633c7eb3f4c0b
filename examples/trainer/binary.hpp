// Little-endian files that end with a CRC-32 (as in gzip) of everything before.
#pragma once

#include "byte_reader.hpp"
#include "matrix.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace trainer {

class BinaryWriter {
 public:
  /// Begins with eight characters that tell what the file is.
  explicit BinaryWriter(const std::string& magic) : bytes_(magic) {}

  void u8(std::uint8_t number) { append(number, 1); }
  void u32(std::uint32_t number) { append(number, 4); }
  void u64(std::uint64_t number) { append(number, 8); }
  void f64(double number);
  /// Its length as u32, then its bytes.
  void text(const std::string& text);
  /// Its name, rows and columns as u32, then its entries, row by row.
  void matrix(const std::string& name, const Matrix<float>& matrix);
  /// Returns the whole file; nothing may be added after it.
  std::string finish();

 private:
  void append(std::uint64_t number, int count);

  std::string bytes_;
};

/// Text of a file as an error shows it: one short line of ASCII, whatever the file holds.
std::string printable(const std::string& text);

/// Reads what a BinaryWriter wrote. Errors are InputErrors that begin with the file's name.
class BinaryReader {
 public:
  /// Checks magic and checksum; `kind` is what errors call such a file, "checkpoint".
  BinaryReader(ByteView bytes, const std::string& magic, std::string name, std::string kind);

  std::uint32_t u32() { return static_cast<std::uint32_t>(take(4)); }
  std::uint64_t u64() { return take(8); }
  double f64();
  std::string text();
  /// The entries of a matrix that must have this name and shape.
  Matrix<float> matrix(const std::string& name, std::size_t rows, std::size_t cols);
  /// Anything left is an error.
  void expect_end() const;

  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::uint64_t take(std::size_t count);

  ByteView bytes_;  // between magic and checksum
  std::size_t position_ = 0;
  std::string name_;
  std::string kind_;
};

}  // namespace trainer
