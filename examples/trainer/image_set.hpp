// Images and labels as files hold them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

struct ImageSize {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t channels = 1;  // 1: grey; 3: red, green and blue
  std::size_t plane() const { return rows * cols; }
  std::size_t pixels() const { return plane() * channels; }
};

/// Images of one size, each a plane a channel, row by row, 0 (background) … 255.
struct ImageSet {
  std::size_t count = 0;
  ImageSize size;
  std::vector<std::uint8_t> pixels;
};

struct RawSet {
  ImageSet images;
  std::vector<std::uint8_t> labels;
};

/// A label that is not below `classes` is an InputError that begins with `name`.
void check_labels(const std::vector<std::uint8_t>& labels, const std::string& name,
                  std::size_t classes);

}  // namespace trainer
