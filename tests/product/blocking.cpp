#include "selfsup/product/blocking.hpp"

#include "catch.hpp"

#include <cstddef>

TEST_CASE("rounding up gives the least multiple that is not below") {
  for (std::size_t multiple = 1; multiple < 20; ++multiple) {
    for (std::size_t n = 0; n < 50; ++n) {
      const std::size_t found = selfsup::product::round_up(n, multiple);
      CHECK(found % multiple == 0);
      CHECK(found >= n);
      CHECK(found < n + multiple);
    }
  }
}
