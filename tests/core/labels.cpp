#include "selfsup/core/labels.hpp"

#include "catch.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

using selfsup::Labels;

namespace {

// As Eigen shows a column of a row-major matrix.
struct EverySecond {
  using value_type = int;
  std::vector<int> numbers;
  const int* data() const { return numbers.data(); }
  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(numbers.size() / 2); }
  std::ptrdiff_t innerStride() const { return 2; }
};

std::vector<std::int64_t> read(const Labels& labels) {
  std::vector<std::int64_t> result;
  for (std::size_t i = 0; i < labels.size(); ++i) result.push_back(labels[i]);
  return result;
}

}  // namespace

TEST_CASE("labels are read from any integers in any container with data and size") {
  const std::vector<std::int64_t> expected{3, 0, 255};
  CHECK(read(std::vector<int>{3, 0, 255}) == expected);
  CHECK(read(std::vector<unsigned char>{3, 0, 255}) == expected);
  CHECK(read(std::array<std::int16_t, 3>{3, 0, 255}) == expected);
  CHECK(read(EverySecond{{3, 9, 0, 9, 255, 9}}) == expected);
  const std::int64_t numbers[] = {3, 9, 0, 9, 255};
  CHECK(read({numbers, 3, 2}) == expected);
  CHECK(Labels().size() == 0);
}

TEST_CASE("labels keep every 64-bit integer apart") {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  const std::vector<std::uint64_t> numbers{0, most, most / 2, most / 2 + 1};
  const auto found = read(numbers);
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < i; ++j) CHECK(found[i] != found[j]);
  }
}

TEST_CASE("labels are integers") {
  CHECK(std::is_convertible_v<std::vector<int>, Labels>);
  CHECK_FALSE(std::is_convertible_v<std::vector<float>, Labels>);
  CHECK_FALSE(std::is_convertible_v<std::vector<bool>, Labels>);
  CHECK_FALSE(std::is_convertible_v<std::array<bool, 2>, Labels>);
  CHECK_FALSE(std::is_convertible_v<int, Labels>);
}
