#include "catch.hpp"
#include "losses/loss_case.hpp"

#include <algorithm>
#include <sstream>
#include <string>

// TESTS_LOSS_HEADERS is the list of the files in selfsup/losses, made by the build.
TEST_CASE("every loss header is on the list of losses") {
  std::istringstream headers(TESTS_LOSS_HEADERS);
  std::string header;
  std::size_t count = 0;
  while (headers >> header) {
    INFO(header);
    const auto& all = tests::all_losses();
    CHECK(std::any_of(all.begin(), all.end(), [&](const auto& x) { return x.header == header; }));
    ++count;
  }
  CHECK(count >= 5);
}
