// Nothing allocates after the first call of a size. This file replaces the global operator new of
// its program by one that counts.
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace {

std::atomic<std::size_t> allocations{0};

void* allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (size + alignment) / alignment * alignment;  // never 0
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return allocate(size, alignof(std::max_align_t));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

TEMPLATE_TEST_CASE("nothing allocates after the first call of a size", "", float, double) {
  using T = TestType;
  for (const tests::LossCase& item : tests::all_losses()) {
    for (const auto& [rows, cols] : {std::pair{21u, 19u}, std::pair{205u, 33u}, {20u, 300u}}) {
      INFO(item.name << ", " << rows << "x" << cols);
      const auto loss = item.make<T>();
      const auto inputs = tests::cast<T>(tests::inputs_of(item, rows, cols));
      auto gradients = tests::blank_gradients(item, inputs);
      const auto from = tests::views(inputs);
      const auto to = tests::outputs(gradients);
      loss->forward(from);
      loss->backward(to);
      const std::size_t before = allocations;
      loss->forward(from);
      loss->backward(to);
      loss->backward(to);
      loss->value(from);
      loss->forward(from);
      const std::size_t after = allocations;
      CHECK(after == before);
    }
  }
}

TEST_CASE("the count of allocations counts") {
  const std::size_t before = allocations;
  const std::vector<double> memory(100);
  CHECK(allocations > before);
  CHECK(memory[99] == 0);
}
