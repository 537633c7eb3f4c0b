#include "cifar.hpp"

#include "errors.hpp"
#include "foreign_file.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace trainer {
namespace {

RawSet parse_records(ByteView bytes, const std::string& name, std::size_t classes) {
  constexpr ImageSize size{32, 32, 3};
  const std::size_t record = 1 + size.pixels();
  ByteReader reader(bytes, name);
  const std::vector<std::uint8_t> content = reader.rest();
  if (content.empty()) {
    throw InputError(name + ": holds no image, at least one of " + std::to_string(record) +
                     " bytes was expected");
  }
  if (content.size() % record != 0) {
    throw InputError(name + ": holds " + std::to_string(content.size()) + " bytes, a multiple of " +
                     std::to_string(record) + " (a label and 3 planes of 32x32) was expected");
  }
  RawSet set;
  set.images.count = content.size() / record;
  set.images.size = size;
  set.images.pixels.resize(set.images.count * size.pixels());
  set.labels.resize(set.images.count);
  for (std::size_t i = 0; i < set.images.count; ++i) {
    const std::uint8_t* const label = content.data() + i * record;
    set.labels[i] = *label;
    std::copy_n(label + 1, size.pixels(), set.images.pixels.data() + i * size.pixels());
  }
  check_labels(set.labels, name, classes);
  return set;
}

}  // namespace

RawSet parse_cifar(ByteView bytes, const std::string& name, std::size_t classes) {
  return parsed(bytes, name, "a batch of CIFAR-10 was expected",
                [&] { return parse_records(bytes, name, classes); });
}

}  // namespace trainer
