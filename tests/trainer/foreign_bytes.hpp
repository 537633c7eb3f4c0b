// What often lies where a data file should, in memory.
#pragma once

#include "idx_bytes.hpp"

#include <cstdint>
#include <string>

namespace tests {

inline Bytes text_bytes(const std::string& text) { return {text.begin(), text.end()}; }

/// Of one file without compression, without the directory at its end.
inline Bytes zip_bytes() {
  const std::string name = "train-images-idx3-ubyte";
  Bytes bytes = text_bytes("PK\x03\x04\x0a");
  bytes.resize(26);
  bytes.push_back(static_cast<std::uint8_t>(name.size()));
  bytes.resize(30);
  bytes.insert(bytes.end(), name.begin(), name.end());
  return bytes;
}

inline Bytes tar_bytes() {
  Bytes bytes = text_bytes("cifar-10-batches-bin/");
  bytes.resize(257);
  for (const char c : std::string("ustar  ")) bytes.push_back(static_cast<std::uint8_t>(c));
  bytes.resize(1024);
  return bytes;
}

inline Bytes lfs_bytes() {
  return text_bytes(
      "version https://git-lfs.github.com/spec/v1\n"
      "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
      "size 12345\n");
}

inline Bytes html_bytes() {
  return text_bytes("\xef\xbb\xbf\n<!DOCTYPE HTML>\n<html><body>404 Not Found</body></html>\n");
}

inline Bytes xml_bytes() {
  return text_bytes("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>");
}

}  // namespace tests
