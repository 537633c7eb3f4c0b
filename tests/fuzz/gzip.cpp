// Plain and gzip content: the same whole and in pieces, never longer than was foretold. The first
// byte tells the size of the pieces, the others are the file.
#include "property.hpp"

#include <algorithm>
#include <vector>

using trainer::ByteReader;
using trainer::ByteView;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes in_pieces(ByteView bytes, std::size_t size, std::size_t piece) {
  ByteReader reader(bytes, fuzz::input_name);
  Bytes content(size);
  for (std::size_t first = 0; first < size; first += piece) {
    fuzz::require(reader.most_left() >= size - first, "no more follows than was foretold");
    reader.read(content.data() + first, std::min(piece, size - first));
  }
  reader.expect_end();
  return content;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = std::size_t{1} + data[0];
  const ByteView bytes{data + 1, size - 1};
  const auto content = fuzz::taken([&] { return ByteReader(bytes, fuzz::input_name).rest(); });
  if (!content) {
    // Nothing else may take it, wherever it believes the end to be.
    const auto all = [&] {
      ByteReader reader(bytes, fuzz::input_name);
      Bytes some(piece * 16);
      while (true) reader.read(some.data(), some.size());
      return 0;
    };
    fuzz::require(!fuzz::taken(all), "what follows the end cannot be read");
    return 0;
  }
  if (!fuzz::is_gzip(bytes)) {
    fuzz::require(*content == Bytes(bytes.data, bytes.data + bytes.size), "plain bytes stay");
  }
  // Long content in few pieces, so that a run stays short.
  const auto same = fuzz::taken(
      [&] { return in_pieces(bytes, content->size(), std::max(piece, content->size() / 1000)); });
  fuzz::require(same == content, "pieces make up the whole");
  const auto shorter = [&] { return in_pieces(bytes, content->size() - 1, content->size()); };
  if (!content->empty()) fuzz::require(!fuzz::taken(shorter), "what is left is an error");
  return 0;
}
