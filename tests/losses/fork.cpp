// A child of fork() among threads that run losses.
#include "catch.hpp"
#include "child.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "sanitizer.hpp"
#include "threads.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

TEST_CASE("on one thread a child of fork comes to its end, whatever goes on beside its parent") {
  if (tests::address_sanitizer) return;  // its allocator's locks do not survive fork
  const tests::Threads scope(1);
  std::string type;
  std::vector<tests::LossCase> items;
  for (const tests::LossCase& item : tests::all_losses()) {
    if (item.type != type) items.push_back(item);  // one choice of options a type
    type = item.type;
  }
  const auto step = [](const tests::LossCase& item) {
    const auto inputs = tests::cast<float>(tests::random_views(130, 9, 5, item.arguments.size()));
    tests::run(*item.make<float>(), item, inputs);
  };
  std::atomic<bool> over{false};
  std::vector<std::thread> others;
  for (std::size_t first = 0; first < 3; ++first) {
    others.emplace_back([&, first] {
      const tests::Threads one(1);
      for (std::size_t i = first; !over; ++i) step(items[i % items.size()]);
    });
  }
  std::size_t ended = 0;
  constexpr std::size_t children = 60;
  for (std::size_t i = 0; i < children; ++i)
    ended += tests::Child([&] { step(items[i % items.size()]); }).ends_well() ? 1 : 0;
  over = true;
  for (std::thread& other : others) other.join();
  CHECK(ended == children);
}

TEST_CASE("threads: a child of fork comes to its end after the parent has used threads") {
  if (tests::address_sanitizer) return;
  const tests::Threads scope(3);
  for (const tests::LossCase& item : tests::all_losses()) {
    INFO(item.name);
    const auto inputs = tests::cast<float>(tests::random_views(130, 9, 5, item.arguments.size()));
    const auto expected = tests::run(*item.make<float>(), item, inputs);
    tests::Child child([&] {
      if (!(tests::run(*item.make<float>(), item, inputs) == expected)) _exit(1);
    });
    CHECK(child.ends_well());
  }
}
