#include "selfsup/simd/stream.hpp"

#include "catch.hpp"
#include "simd/batches.hpp"
#include "simd/marked.hpp"

#include <cstddef>

namespace simd = selfsup::simd;
using tests::Marked;

TEST_CASE("arrays of 16 MB and more exceed the caches") {
  constexpr std::size_t bytes = std::size_t{16} << 20;
  CHECK(simd::exceeds_caches(bytes));
  CHECK_FALSE(simd::exceeds_caches(bytes - 1));
}

TEMPLATE_TEST_CASE("an array is aligned when it begins at a whole batch", "", float, double) {
  constexpr std::size_t L = simd::lanes<TestType>;
  Marked<TestType> to(3 * L);
  for (std::size_t i = 0; i < 2 * L; ++i) CHECK(simd::is_aligned(to.data() + i) == (i % L == 0));
}

TEMPLATE_TEST_CASE("a batch is streamed to its place, aligned or not, and to nothing beside it", "",
                   float, double) {
  using T = TestType;
  constexpr std::size_t L = simd::lanes<T>;
  const auto x = tests::batch_of<T>([](std::size_t i) { return i + 1; });
  for (std::size_t offset = 0; offset <= L; ++offset) {
    Marked<T> to(L, offset);
    simd::stream(to.data(), x);
    simd::end_of_stream();
    for (std::size_t i = 0; i < L; ++i) CHECK(to[i] == static_cast<T>(i + 1));
    CHECK(to.marks_untouched());
  }
}

TEMPLATE_TEST_CASE("an array is written batch by batch, streamed or not", "", float, double) {
  using T = TestType;
  for (std::size_t n = 0; n <= 2 * simd::lanes<T> + 1; ++n) {
    for (const std::size_t offset : {0u, 1u}) {
      for (const bool streamed : {false, true}) {
        Marked<T> to(n, offset);
        simd::write_batches<T>(to.data(), n, streamed, [](std::size_t first, auto) {
          return tests::batch_of<T>([&](std::size_t i) { return first + i + 1; });
        });
        simd::end_of_stream();
        for (std::size_t i = 0; i < n; ++i) CHECK(to[i] == static_cast<T>(i + 1));
        CHECK(to.marks_untouched());
      }
    }
  }
}
