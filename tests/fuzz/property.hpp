// What every reader of files promises: input is taken, or refused by an InputError of one line.
#pragma once

#include "byte_reader.hpp"
#include "errors.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// The name of the input, with which errors begin.
inline constexpr const char* input_name = "input";

/// How many calls of `taken` returned a value; replay.cpp reads it.
inline std::size_t times_taken = 0;

/// Ends the program, as a finding, unless it holds.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

inline void require_one_line(const std::string& message) {
  require(message.rfind(input_name, 0) == 0, "a message begins with the name of the file");
  require(message.size() < 300, "a message has the length of a sentence");
  for (const char c : message) require(c >= ' ' && c <= '~', "a message is one printable line");
}

/// What `read` returns, or nothing when it throws an InputError. Other exceptions are findings.
template <class Read>
auto taken(const Read& read) -> std::optional<decltype(read())> {
  try {
    std::optional<decltype(read())> result(read());
    ++times_taken;
    return result;
  } catch (const trainer::InputError& error) {
    require_one_line(error.what());
    return std::nullopt;
  }
}

inline bool is_gzip(trainer::ByteView bytes) {
  return bytes.size >= 2 && bytes.data[0] == 0x1f && bytes.data[1] == 0x8b;
}

}  // namespace fuzz
