#include "selfsup/core/buffer.hpp"

#include "catch.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

TEST_CASE("a buffer grows, never shrinks, and is aligned to a cache line") {
  selfsup::Buffer<float> buffer;
  CHECK(buffer.bytes() == 0);
  float* first = buffer.grow(100);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
  CHECK(buffer.bytes() == 400);
  CHECK(buffer.grow(7) == first);
  CHECK(buffer.grow(100) == first);
  CHECK(buffer.bytes() == 400);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.grow(1000)) % 64 == 0);
  CHECK(buffer.bytes() == 4000);
}

TEST_CASE("a buffer of a large page or more begins with one") {
  selfsup::Buffer<char> buffer;
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.grow(selfsup::large_page)) % selfsup::large_page ==
        0);
  char* const entries = buffer.grow(3 * selfsup::large_page / 2);
  CHECK(reinterpret_cast<std::uintptr_t>(entries) % selfsup::large_page == 0);
  std::fill_n(entries, 3 * selfsup::large_page / 2, 'x');
  const selfsup::Buffer<char> copy(buffer);
  CHECK(std::count(copy.data(), copy.data() + copy.bytes(), 'x') == 3 * selfsup::large_page / 2);
}

TEST_CASE("a buffer's copy has its own entries, a moved one the old ones") {
  selfsup::Buffer<double> buffer;
  for (std::size_t i = 0; i < 10; ++i) buffer.grow(10)[i] = static_cast<double>(i);
  selfsup::Buffer<double> copy(buffer);
  CHECK(copy.data() != buffer.data());
  buffer.data()[3] = -1;
  CHECK(copy.data()[3] == 3);
  const double* entries = copy.data();
  selfsup::Buffer<double> moved(std::move(copy));
  CHECK(moved.data() == entries);
  buffer = moved;
  CHECK(buffer.data()[3] == 3);
  buffer = std::move(moved);
  CHECK(buffer.data() == entries);
}

TEST_CASE("a buffer that cannot grow keeps its entries") {
  selfsup::Buffer<double> buffer;
  buffer.grow(1)[0] = 5;
  CHECK_THROWS_AS(buffer.grow(std::numeric_limits<std::size_t>::max()), std::bad_alloc);
  CHECK(buffer.data()[0] == 5);
  CHECK(buffer.bytes() == sizeof(double));
}

TEST_CASE("room for more than the largest size is refused, and what was there stays") {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  CHECK(selfsup::checked_product(most / 3, 3) == most / 3 * 3);
  CHECK(selfsup::checked_product(most, 0) == 0);
  CHECK_THROWS_AS(selfsup::checked_product(std::size_t{1} << 60, 16), std::bad_alloc);
  CHECK_THROWS_AS(selfsup::checked_product(most, 2), std::bad_alloc);
  selfsup::Buffer<double> buffer;
  buffer.grow(2, 3)[5] = 7;
  for (const auto& [rows, cols] : {std::pair{std::size_t{1} << 60, std::size_t{128}},
                                   {std::size_t{24}, std::size_t{1} << 60},
                                   {std::size_t{1} << 61, std::size_t{1}},
                                   {most, most}}) {
    CHECK_THROWS_AS(buffer.grow(rows, cols), std::bad_alloc);
  }
  CHECK(buffer.data()[5] == 7);
  CHECK(buffer.bytes() == 6 * sizeof(double));
}
