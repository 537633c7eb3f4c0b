// What the losses take from the heap, and what they do when it has nothing left. This file replaces
// the global operator new of its program by one that counts, and fails when told to.
#include "selfsup/core/enter.hpp"  // precise under fast-math

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "sanitizer.hpp"
#include "threads.hpp"

#include "selfsup/core/errors.hpp"
#include "selfsup/losses/info_nce.hpp"
#include "selfsup/momentum/memory_bank.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> held{0};           // blocks that were not given back
std::atomic<std::size_t> until_failure{0};  // the n-th allocation from now fails; 0: none

void* allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  if (until_failure > 0 && --until_failure == 0) throw std::bad_alloc();
  const std::size_t rounded = (size + alignment) / alignment * alignment;  // never 0
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  ++held;
  return memory;
}

void give_back(void* memory) {
  if (memory != nullptr) --held;
  std::free(memory);
}

// A loss among the rows of a bank, the ids of which count or not, and what it is called with.
template <class T>
struct AmongBank {
  static constexpr std::size_t N = 21, D = 19;
  bool with_ids;
  std::vector<tests::Matrix<T>> z = tests::cast<T>(tests::random_views(N, D, 5, 3));
  std::vector<std::int64_t> ids = std::vector<std::int64_t>(N);
  selfsup::MemoryBank<T> bank{50, D};
  selfsup::InfoNce<T> loss{};
  tests::Matrix<T> d_query{N, D, std::numeric_limits<T>::quiet_NaN()}, d_key = d_query;

  explicit AmongBank(bool use_ids) : with_ids(use_ids) { std::iota(ids.begin(), ids.end(), 0); }

  void push(std::size_t rows = N) {
    const selfsup::ConstView<T> first(z[2].data(), rows, D);
    if (with_ids) {
      bank.push(first, {ids.data(), rows});
    } else {
      bank.push(first);
    }
  }
  T forward() {
    return with_ids ? loss.forward(z[0], z[1], bank, ids) : loss.forward(z[0], z[1], bank);
  }
  void backward() { loss.backward(d_query, d_key); }

  std::vector<T> rows() const {
    std::vector<T> entries;
    for (std::size_t r = 0; r < bank.size(); ++r) {
      for (std::size_t d = 0; d < bank.cols(); ++d) entries.push_back(bank.view()(r, d));
    }
    return entries;
  }
  bool wrote_nothing() const {
    const auto is_nan = [](T entry) { return std::isnan(entry); };
    return std::all_of(d_query.entries().begin(), d_query.entries().end(), is_nan) &&
           std::all_of(d_key.entries().begin(), d_key.entries().end(), is_nan);
  }
};

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
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

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

// Entries that a route over samples is no good for: one column far larger than the others, or one
// alone that is not constant.
template <class T>
std::vector<std::vector<tests::Matrix<T>>> unusual_inputs(std::vector<tests::Matrix<T>> inputs) {
  auto large = inputs, constant = inputs;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    for (std::size_t r = 0; r < inputs[k].rows(); ++r) {
      large[k](r, 1) *= static_cast<T>(sizeof(T) == 4 ? 1e3 : 1e5);
      for (std::size_t c = 1; c < inputs[k].cols(); ++c) constant[k](r, c) = static_cast<T>(k + 1);
    }
  }
  return {large, constant};
}

TEMPLATE_TEST_CASE("nothing allocates at a step of unusual entries", "", float, double) {
  using T = TestType;
  if (tests::slow && sizeof(T) == sizeof(double)) return;  // a minute
  for (const tests::LossCase& item : tests::all_losses()) {
    for (const auto& [rows, cols] : {std::pair{20u, 300u}, std::pair{20u, 420u}, {400u, 450u}}) {
      const bool columns = item.name.find("Covariance") != std::string::npos ||
                           item.name.find("VicReg") != std::string::npos ||
                           item.name.find("BarlowTwins") != std::string::npos;
      if (rows == 400 && !columns) continue;
      INFO(item.name << ", " << rows << "x" << cols);
      const auto loss = item.make<T>();
      const auto usual = tests::cast<T>(tests::inputs_of(item, rows, cols));
      auto gradients = tests::blank_gradients(item, usual);
      const auto to = tests::outputs(gradients);
      loss->forward(tests::views(usual));
      loss->backward(to);
      const std::size_t bytes = loss->bytes();
      for (const auto& inputs : unusual_inputs(usual)) {
        const auto from = tests::views(inputs);
        const std::size_t before = allocations;
        try {
          loss->forward(from);
        } catch (const selfsup::NonFiniteError&) {
          continue;  // refused, and a sentence takes memory
        }
        loss->backward(to);
        const std::size_t after = allocations;
        CHECK(after == before);
        CHECK(loss->bytes() == bytes);
        CHECK((tests::run(*loss, item, inputs) == tests::run(*item.make<T>(), item, inputs)));
      }
    }
  }
}

TEST_CASE("a step does not hold room for threads that have nothing to do") {
  for (const tests::LossCase& item : tests::all_losses()) {
    INFO(item.name);
    const auto inputs = tests::cast<float>(tests::inputs_of(item, 21, 19));
    std::vector<std::size_t> bytes;
    for (const int threads : {1, 64}) {
      const tests::Threads scope(threads);
      const auto loss = item.make<float>();
      tests::run(*loss, item, inputs);
      bytes.push_back(loss->bytes());
    }
    CHECK(bytes[1] == bytes[0]);
  }
}

TEST_CASE("the count of allocations counts") {
  const std::size_t before = allocations;
  const std::vector<double> memory(100);
  CHECK(allocations > before);
  CHECK(memory[99] == 0);
}

TEMPLATE_TEST_CASE("each allocation may fail: no leak, no output half-written, the next call works",
                   "", float, double) {
  using T = TestType;
  for (const tests::LossCase& item : tests::all_losses()) {
    for (const auto& [rows, cols] : {std::pair{21u, 19u}, std::pair{20u, 420u}}) {
      INFO(item.name << ", " << rows << "x" << cols);
      const auto inputs = tests::cast<T>(tests::inputs_of(item, rows, cols));
      const auto from = tests::views(inputs);
      const auto expected = tests::run(*item.make<T>(), item, inputs);
      const std::size_t before = held;
      std::size_t failed = 0;
      for (bool failing = true; failing;) {
        tests::Run<T> found{0, tests::blank_gradients(item, inputs)};
        const auto to = tests::outputs(found.gradients);
        const auto loss = item.make<T>();
        bool went_forward = false;
        until_failure = failed + 1;
        try {
          found.value = loss->forward(from);
          went_forward = true;
          loss->backward(to);
          until_failure = 0;
          failing = false;
        } catch (const std::bad_alloc&) {
          ++failed;
        }
        if (failing) {
          for (const auto& gradient : found.gradients) {
            CHECK(std::all_of(gradient.entries().begin(), gradient.entries().end(),
                              [](T entry) { return std::isnan(entry); }));
          }
          if (!went_forward) CHECK_THROWS_AS(loss->backward(to), selfsup::StateError);
          found.value = loss->forward(from);
          loss->backward(to);
        }
        CHECK((found == expected));
      }
      CHECK(failed >= 2);
      CHECK(held == before);
    }
  }
}

TEMPLATE_TEST_CASE("a bank and a loss among its rows allocate nothing after the first call", "",
                   float, double) {
  for (const bool with_ids : {false, true}) {
    INFO("with ids " << with_ids);
    AmongBank<TestType> among{with_ids};
    among.push();
    const std::size_t first = allocations;
    for (int step = 0; step < 4; ++step) among.push();  // round the ring
    const std::size_t pushed = allocations;
    CHECK(pushed == first);
    among.forward();
    among.backward();
    const std::size_t before = allocations;
    for (int step = 0; step < 3; ++step) {
      among.push();
      among.forward();
      among.backward();
    }
    const std::size_t after = allocations;
    CHECK(after == before);
  }
}

TEMPLATE_TEST_CASE("each allocation of a bank and a loss among its rows may fail: nothing changes",
                   "", float, double) {
  using T = TestType;
  for (const auto& [with_ids, old_count] :
       {std::pair{false, 0u}, std::pair{false, 3u}, {true, 0u}, {true, 3u}}) {
    INFO("with ids " << with_ids << ", " << old_count << " rows in the bank");
    AmongBank<T> expected{with_ids};
    if (old_count > 0) expected.push(old_count);
    const auto old_rows = expected.rows();
    expected.push();
    const auto new_rows = expected.rows();
    const T value = expected.forward();
    expected.backward();
    const std::size_t before = held;
    std::size_t failed = 0;
    for (bool failing = true; failing;) {
      AmongBank<T> among{with_ids};
      if (old_count > 0) among.push(old_count);
      T found = 0;
      bool pushed = false, went_forward = false;
      until_failure = failed + 1;
      try {
        among.push();
        pushed = true;
        found = among.forward();
        went_forward = true;
        among.backward();
        until_failure = 0;
        failing = false;
      } catch (const std::bad_alloc&) {
        ++failed;
      }
      if (failing) {
        CHECK(among.wrote_nothing());
        CHECK(among.rows() == (pushed ? new_rows : old_rows));
        if (!pushed) {
          CHECK(among.bank.next() == old_count);
          CHECK((among.bank.ids() != nullptr) == (with_ids && old_count > 0));
          among.push();
        }
        if (!went_forward) CHECK_THROWS_AS(among.backward(), selfsup::StateError);
        found = among.forward();
        among.backward();
      }
      CHECK(found == value);
      CHECK(among.d_query.entries() == expected.d_query.entries());
      CHECK(among.d_key.entries() == expected.d_key.entries());
    }
    CHECK(failed >= 2);
    CHECK(held == before);
  }
}

TEST_CASE("a hundred thousand steps, batches of three sizes in turn, take no more memory") {
  std::string type;
  std::size_t types = 0, steps = 0;
  for (const tests::LossCase& item : tests::all_losses()) {
    if (item.type != type) ++types;
    type = item.type;
  }
  type.clear();
  for (const tests::LossCase& item : tests::all_losses()) {
    if (item.type == type) continue;  // one choice of options a type
    type = item.type;
    INFO(item.name);
    const auto loss = item.make<float>();
    std::vector<std::vector<tests::Matrix<float>>> inputs, gradients;
    std::vector<tests::AnyLoss<float>::Inputs> from;
    std::vector<tests::AnyLoss<float>::Outputs> to;
    for (const auto& [rows, cols] : {std::pair{7u, 5u}, std::pair{12u, 9u}, {4u, 17u}}) {
      inputs.push_back(tests::cast<float>(tests::inputs_of(item, rows, cols)));
      gradients.push_back(tests::blank_gradients(item, inputs.back()));
      from.push_back(tests::views(inputs.back()));
      to.push_back(tests::outputs(gradients.back()));
    }
    std::size_t allocated = 0, bytes = 0;
    for (std::size_t step = 0; step < 3 + 100000 / types; ++step, ++steps) {
      if (step == 3) {  // each size was there once
        allocated = allocations;
        bytes = loss->bytes();
      }
      loss->forward(from[step % 3]);
      loss->backward(to[step % 3]);
    }
    CHECK(allocations == allocated);
    CHECK(loss->bytes() == bytes);
  }
  CHECK(steps >= 100000);
}

#include "selfsup/core/leave.hpp"
