// A program that ends while losses are at work: in objects that are destroyed late, and in a thread
// that is never joined. It comes to its end, with status 0.
#include "selfsup/core/parallel.hpp"

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

std::size_t sum() {
  std::vector<std::size_t> items(1000);
  selfsup::parallel_for(items.size(), [&](std::size_t item) { items[item] = item; });
  std::size_t total = 0;
  for (const std::size_t item : items) total += item;
  return total;
}

void require_sum(const char* where) {
  if (sum() == 499500) return;
  std::fprintf(stderr, "exit: a wrong sum %s\n", where);
  std::_Exit(1);
}

struct WorksAtTheEnd {
  ~WorksAtTheEnd() { require_sum("in a destructor at exit"); }
};

// Made before the pool, so destroyed after it has stopped.
const WorksAtTheEnd destroyed_last;

}  // namespace

int main() {
  require_sum("in main");
  static const WorksAtTheEnd destroyed_first;  // the pool still works
  std::atomic<int> sums{0};
  std::thread([&sums] {
    for (;; ++sums) require_sum("in a thread that goes on");
  }).detach();
  while (sums < 10) std::this_thread::yield();
  std::exit(0);  // sums lives on
}
