#include "selfsup/product/ahead.hpp"

#include "catch.hpp"

#include <cstddef>

TEST_CASE("a region counts in bytes, and may be upside down") {
  const double entries[12] = {};
  const auto found = selfsup::product::region(entries + 8, -4, 3, 2);
  CHECK(found.first == entries + 8);
  CHECK(found.stride == -4 * static_cast<std::ptrdiff_t>(sizeof(double)));
  CHECK(found.count == 3);
  CHECK(found.width == 2 * sizeof(double));
}
