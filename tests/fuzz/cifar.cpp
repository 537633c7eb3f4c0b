// CIFAR-10 batches: what is taken is made of whole records, and is taken in gzip just the same.
#include "cifar.hpp"

#include "property.hpp"
#include "trainer/idx_bytes.hpp"

#include <algorithm>

using trainer::ByteView;

namespace {

constexpr std::size_t classes = 10;
constexpr std::size_t record = 3073;

auto batch(ByteView bytes) {
  return fuzz::taken([&] { return trainer::parse_cifar(bytes, fuzz::input_name, classes); });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes{data, size};
  const auto set = batch(bytes);
  if (set) {
    const std::size_t count = set->images.count;
    fuzz::require(count > 0 && set->labels.size() == count, "every image has a label");
    fuzz::require(set->images.size.pixels() == record - 1, "images are 32x32 in three channels");
    fuzz::require(set->images.pixels.size() == count * (record - 1), "every image has its pixels");
    for (const std::uint8_t label : set->labels)
      fuzz::require(label < classes, "labels are classes");
  }
  if (fuzz::is_gzip(bytes)) return 0;
  if (set) {
    fuzz::require(size == set->images.count * record, "every byte is used");
    for (std::size_t i = 0; i < set->images.count; ++i) {
      const std::uint8_t* const expected = data + i * record;
      fuzz::require(set->labels[i] == *expected, "labels come first");
      fuzz::require(
          std::equal(expected + 1, expected + record, set->images.pixels.data() + i * (record - 1)),
          "pixels follow");
    }
  }
  const tests::Bytes packed = tests::gzipped({data, data + size});
  const auto same = batch(tests::view(packed));
  fuzz::require(same.has_value() == set.has_value(), "gzip changes nothing");
  if (set) {
    fuzz::require(same->labels == set->labels, "gzip changes no label");
    fuzz::require(same->images.pixels == set->images.pixels, "gzip changes no pixel");
  }
  return 0;
}
