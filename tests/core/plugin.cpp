// A library with losses may be loaded and unloaded: no thread outlives its code.
#include "catch.hpp"
#include "matrix.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

#include <dlfcn.h>

namespace {

using Threads = std::size_t();
using Loss = float(const float*, const float*, std::size_t, std::size_t);

std::size_t threads_of_process() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

// The kernel lists a thread for a moment after it was joined.
bool comes_back_to(std::size_t threads) {
  for (int look = 0; look < 1000 && threads_of_process() != threads; ++look)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return threads_of_process() == threads;
}

}  // namespace

TEST_CASE("a library with losses is loaded, called and unloaded, again and again") {
  constexpr std::size_t N = 300, D = 40;
  const auto z = tests::cast<float>(tests::random_views(N, D, 1, 2));
  std::vector<float> values;
  for (int round = 0; round < 4; ++round) {
    void* const library = dlopen(TESTS_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != nullptr);
    const auto threads = reinterpret_cast<Threads*>(dlsym(library, "plugin_threads"));
    const auto loss = reinterpret_cast<Loss*>(dlsym(library, "plugin_loss"));
    REQUIRE(threads != nullptr);
    REQUIRE(loss != nullptr);
    const std::size_t before = threads_of_process();
    values.push_back(loss(z[0].entries().data(), z[1].entries().data(), N, D));
    CHECK((threads_of_process() > before) == (threads() > 1));
    REQUIRE(dlclose(library) == 0);
    CHECK(comes_back_to(before));
    CHECK(dlopen(TESTS_PLUGIN, RTLD_NOW | RTLD_NOLOAD) == nullptr);  // it is gone
  }
  CHECK(std::count(values.begin(), values.end(), values[0]) == 4);
}
