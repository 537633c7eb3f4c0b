// Builds IDX files, sound and damaged, in memory.
#pragma once

#include "byte_reader.hpp"

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace tests {

using Bytes = std::vector<std::uint8_t>;

inline trainer::ByteView view(const Bytes& bytes) { return {bytes.data(), bytes.size()}; }

inline void append_number(Bytes& bytes, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(number >> shift & 0xff));
  }
}

/// Pixels are 0, 1, 2, … modulo 251.
inline Bytes image_bytes(std::uint32_t count, std::uint32_t rows, std::uint32_t cols) {
  Bytes bytes;
  for (const std::uint32_t number : {0x00000803U, count, rows, cols}) append_number(bytes, number);
  for (std::uint32_t i = 0; i < count * rows * cols; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i % 251));
  }
  return bytes;
}

/// Labels are 0, 1, …, 9, 0, 1, …
inline Bytes label_bytes(std::uint32_t count) {
  Bytes bytes;
  append_number(bytes, 0x00000801U);
  append_number(bytes, count);
  for (std::uint32_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i % 10));
  return bytes;
}

inline Bytes gzipped(const Bytes& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  Bytes packed(deflateBound(&stream, static_cast<uLong>(bytes.size())));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate");
  return packed;
}

/// One after the other.
inline Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace tests
