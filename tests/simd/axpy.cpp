#include "selfsup/simd/axpy.hpp"

#include "catch.hpp"
#include "simd/marked.hpp"

#include <cstddef>

namespace simd = selfsup::simd;
using tests::Marked;

TEMPLATE_TEST_CASE("a multiple of a row is added at every length, and to nothing beside it", "",
                   float, double) {
  using T = TestType;
  for (std::size_t n = 0; n <= 2 * simd::lanes<T> + 1; ++n) {
    for (const std::size_t offset : {0u, 1u, 3u}) {
      Marked<T> from(n, 1), to(n, offset);
      for (std::size_t i = 0; i < n; ++i) {
        from[i] = static_cast<T>(i + 1);
        to[i] = static_cast<T>(2 * i + 5);
      }
      simd::axpy(T(-3), from.data(), to.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        CHECK(to[i] == static_cast<T>(2 * i + 5) - T(3) * static_cast<T>(i + 1));
        CHECK(from[i] == static_cast<T>(i + 1));
      }
      CHECK(to.marks_untouched());
    }
  }
}
