// Checkpoints: what is taken is written again to the same bytes, what is refused changes nothing.
// Every input is tried as it is, and with the checksum that it should have, behind which the parser
// begins.
#include "checkpoint.hpp"

#include "property.hpp"
#include "tiny_run.hpp"

#include <zlib.h>

#include <algorithm>
#include <vector>

namespace {

void check(const std::uint8_t* data, std::size_t size) {
  static fuzz::TinyRun run(1);
  static const std::string fresh = run.file();
  const auto restored = fuzz::taken([&] {
    run.restore({data, size}, fuzz::input_name);
    return 0;
  });
  const std::string after = run.file();
  if (!restored) {
    fuzz::require(after == fresh, "what is refused changes nothing");
    return;
  }
  const auto same = [](std::uint8_t byte, char c) { return byte == static_cast<std::uint8_t>(c); };
  fuzz::require(std::equal(data, data + size, after.begin(), after.end(), same),
                "what is taken is written again");
  run.restore({reinterpret_cast<const std::uint8_t*>(fresh.data()), fresh.size()},
              fuzz::input_name);
  fuzz::require(run.file() == fresh, "nothing is left of what was taken");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(data, size);
  if (size < 4) return 0;
  std::vector<std::uint8_t> bytes(data, data + size);
  const auto checksum = static_cast<std::uint32_t>(crc32(0, data, static_cast<uInt>(size - 4)));
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[size - 4 + i] = static_cast<std::uint8_t>(checksum >> 8 * i & 0xff);
  }
  if (!std::equal(bytes.begin(), bytes.end(), data)) check(bytes.data(), size);
  return 0;
}
