#include "foreign_file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace trainer {
namespace {

// As many as tell a kind: a tar archive's name stands at 257.
std::string first_bytes(ByteView bytes) {
  constexpr std::size_t most = 512;
  std::string start;
  try {
    ByteReader reader(bytes, "");
    for (std::uint8_t byte = 0; start.size() < most; start += static_cast<char>(byte))
      reader.read(&byte, 1);
  } catch (const InputError&) {  // shorter, or damaged further on
  }
  return start;
}

bool begins(const std::string& text, const std::string& with) {
  return text.compare(0, with.size(), with) == 0;
}

// In small letters, from the first tag on.
std::string markup(const std::string& start) {
  const std::string byte_order_mark = "\xef\xbb\xbf";
  std::string text = start.substr(begins(start, byte_order_mark) ? byte_order_mark.size() : 0);
  text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

std::string foreign_kind(ByteView bytes) {
  const std::string start = first_bytes(bytes);
  if (begins(start, "PK\x03\x04") || begins(start, "PK\x05\x06")) return "a zip archive";
  if (start.size() > 262 && begins(start.substr(257), "ustar")) return "a tar archive";
  if (begins(start, "version https://git-lfs")) return "a Git LFS pointer";
  const std::string text = markup(start);
  for (const char* tag : {"<!doctype html", "<html", "<head", "<body", "<!--"}) {
    if (begins(text, tag)) return "an HTML page";
  }
  return begins(text, "<?xml") ? "an XML document" : "";
}

}  // namespace trainer
