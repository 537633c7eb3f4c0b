// IDX files: what is taken has as many bytes as its header says, and is taken in gzip just the
// same.
#include "idx.hpp"

#include "property.hpp"
#include "trainer/idx_bytes.hpp"

using trainer::ByteView;

namespace {

constexpr std::size_t classes = 10;

void check_images(ByteView bytes) {
  const auto images = [](ByteView view) {
    return fuzz::taken([&] { return trainer::parse_images(view, fuzz::input_name); });
  };
  const auto set = images(bytes);
  if (set) {
    fuzz::require(set->count > 0 && set->size.plane() > 0, "there is at least one pixel");
    fuzz::require(set->size.channels == 1, "IDX images are grey");
    fuzz::require(set->pixels.size() / set->count == set->size.plane() &&
                      set->pixels.size() % set->count == 0,
                  "every image has its pixels");
  }
  if (fuzz::is_gzip(bytes)) return;
  if (set) fuzz::require(bytes.size == 16 + set->pixels.size(), "every byte is used");
  const tests::Bytes packed = tests::gzipped({bytes.data, bytes.data + bytes.size});
  const auto same = images(tests::view(packed));
  fuzz::require(same.has_value() == set.has_value(), "gzip changes nothing");
  if (set) fuzz::require(same->pixels == set->pixels, "gzip changes no pixel");
}

void check_labels(ByteView bytes) {
  const auto labels = [](ByteView view) {
    return fuzz::taken([&] { return trainer::parse_labels(view, fuzz::input_name, classes); });
  };
  const auto list = labels(bytes);
  if (list) {
    for (const std::uint8_t label : *list) fuzz::require(label < classes, "labels are classes");
  }
  if (fuzz::is_gzip(bytes)) return;
  if (list) fuzz::require(bytes.size == 8 + list->size(), "every byte is used");
  const tests::Bytes packed = tests::gzipped({bytes.data, bytes.data + bytes.size});
  fuzz::require(labels(tests::view(packed)) == list, "gzip changes nothing");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_images({data, size});
  check_labels({data, size});
  return 0;
}
