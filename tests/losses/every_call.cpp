// How every loss behaves as an object: layouts, outputs, repeated calls, threads, copies.
#include "catch.hpp"
#include "executors.hpp"
#include "layout.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "sanitizer.hpp"
#include "threads.hpp"

#include "selfsup/core/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

// For LeakSanitizer: Clang's OpenMP keeps what its threads had when a program ends.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp"; }

namespace {

using tests::LossCase;
using tests::Matrix;
using tests::Stored;

template <class T>
std::vector<Matrix<T>> inputs_of(const LossCase& item, std::size_t rows, std::size_t cols) {
  return tests::cast<T>(tests::inputs_of(item, rows, cols));
}

// Calls check(item, T()) for every loss in float and in double.
template <class Check>
void for_all(const Check& check) {
  for (const LossCase& item : tests::all_losses()) {
    INFO(item.name);
    {
      INFO("float");
      check(item, float());
    }
    INFO("double");
    check(item, double());
  }
}

// What takes longest is left to float where a test takes minutes.
template <class T>
constexpr bool too_slow = tests::slow && sizeof(T) == sizeof(double);

constexpr std::size_t line_bytes = 64;

/// A matrix whose first entry lies `offset` entries behind the start of a line of the cache.
template <class T>
class Offset {
 public:
  Offset(const Matrix<T>& matrix, std::size_t offset)
      : rows_(matrix.rows()),
        cols_(matrix.cols()),
        memory_(matrix.entries().size() + 2 * line_bytes / sizeof(T)) {
    const auto behind = reinterpret_cast<std::uintptr_t>(memory_.data()) % line_bytes;
    first_ = (line_bytes - behind) / sizeof(T) + offset;
    std::copy(matrix.entries().begin(), matrix.entries().end(), memory_.data() + first_);
  }
  Offset(Offset&&) = default;  // a copy's memory would start elsewhere

  operator selfsup::ConstView<T>() const { return {memory_.data() + first_, rows_, cols_}; }
  operator selfsup::MutView<T>() { return {memory_.data() + first_, rows_, cols_}; }
  std::vector<T> entries() const {
    return {memory_.data() + first_, memory_.data() + first_ + rows_ * cols_};
  }

 private:
  std::size_t rows_, cols_, first_ = 0;
  std::vector<T> memory_;
};

}  // namespace

TEST_CASE("every layout of inputs and outputs gives the same bits") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto inputs = inputs_of<T>(item, 21, 19);
    const auto loss = item.make<T>();
    const auto d_loss = static_cast<T>(0.3);  // not 1, which no output would show
    tests::Run<T> expected{loss->forward(tests::views(inputs)),
                           tests::blank_gradients(item, inputs)};
    loss->backward(tests::outputs(expected.gradients), d_loss);
    for (const auto layout : tests::layouts) {
      INFO(tests::name(layout));
      const std::vector<Stored<T>> stored = [&] {
        std::vector<Stored<T>> all;
        for (const auto& input : inputs) all.emplace_back(input, layout);
        return all;
      }();
      std::vector<Stored<T>> written;
      for (const auto& blank : tests::blank_gradients(item, inputs)) {
        written.emplace_back(blank, layout);
      }
      CHECK(loss->forward({stored.begin(), stored.end()}) == expected.value);
      loss->backward({written.begin(), written.end()}, d_loss);
      for (std::size_t k = 0; k < written.size(); ++k) {
        CHECK(written[k].matrix().entries() == expected.gradients[k].entries());
        CHECK(written[k].surroundings_untouched());
      }
    }
  });
}

TEST_CASE("every offset within 64 bytes of inputs and outputs gives the bits of the plain call") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    constexpr std::size_t offsets = line_bytes / sizeof(T);
    const auto inputs = inputs_of<T>(item, 7, 19);
    const auto loss = item.make<T>();
    const auto expected = tests::run(*loss, item, inputs);
    for (std::size_t offset = 0; offset < offsets; ++offset) {
      INFO("offset " << offset);
      std::vector<Offset<T>> stored, written;  // each one entry further than the one before
      for (const auto& input : inputs) {
        stored.emplace_back(input, (offset + stored.size()) % offsets);
      }
      for (const auto& blank : tests::blank_gradients(item, inputs)) {
        written.emplace_back(blank, (offset + written.size()) % offsets);
      }
      CHECK(loss->forward({stored.begin(), stored.end()}) == expected.value);
      loss->backward({written.begin(), written.end()});
      for (std::size_t k = 0; k < written.size(); ++k) {
        CHECK(written[k].entries() == expected.gradients[k].entries());
      }
    }
  });
}

TEST_CASE("a gradient may be written over its own input") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    auto inputs = inputs_of<T>(item, 21, 19);
    const auto loss = item.make<T>();
    const auto expected = tests::run(*loss, item, inputs);
    loss->forward(tests::views(inputs));
    std::vector<selfsup::MutView<T>> over;
    std::vector<const Matrix<T>*> written;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (!item.has_gradient[k]) continue;
      over.emplace_back(inputs[k]);
      written.push_back(&inputs[k]);
    }
    loss->backward(over);
    for (std::size_t k = 0; k < written.size(); ++k) {
      CHECK(written[k]->entries() == expected.gradients[k].entries());
    }
  });
}

TEST_CASE("inputs may change between forward and backward") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    auto inputs = inputs_of<T>(item, 21, 19);
    const auto loss = item.make<T>();
    const auto expected = tests::run(*loss, item, inputs);
    loss->forward(tests::views(inputs));
    for (auto& input : inputs) {
      for (T& entry : input.entries()) entry = std::numeric_limits<T>::quiet_NaN();
    }
    auto gradients = tests::blank_gradients(item, inputs);
    loss->backward(tests::outputs(gradients));
    for (std::size_t k = 0; k < gradients.size(); ++k) {
      CHECK(gradients[k].entries() == expected.gradients[k].entries());
    }
  });
}

TEST_CASE("a skipped output changes no other") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto inputs = inputs_of<T>(item, 21, 19);
    const auto loss = item.make<T>();
    const auto expected = tests::run(*loss, item, inputs);
    const auto d_temperature = loss->d_temperature();
    const std::size_t count = expected.gradients.size();
    for (std::size_t skipped = 0; skipped <= count; ++skipped) {  // the last round skips all
      loss->forward(tests::views(inputs));
      auto gradients = tests::blank_gradients(item, inputs);
      auto outputs = tests::outputs(gradients);
      for (std::size_t k = 0; k < count; ++k) {
        if (k == skipped || skipped == count) outputs[k] = {};
      }
      loss->backward(outputs);
      for (std::size_t k = 0; k < count; ++k) {
        if (k == skipped || skipped == count) continue;
        CHECK(gradients[k].entries() == expected.gradients[k].entries());
      }
      if (d_temperature) {
        const double error = std::abs(*loss->d_temperature() - *d_temperature);
        CHECK(error <=
              tests::tolerance::operations<T>(100) * std::abs(*d_temperature) / item.temperature);
      }
    }
  });
}

TEST_CASE("backward twice gives the same bits, and d_loss is a factor") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto inputs = inputs_of<T>(item, 21, 19);
    const auto loss = item.make<T>();
    const auto once = tests::run(*loss, item, inputs);
    auto again = tests::blank_gradients(item, inputs);
    auto scaled = again, zero = again, third = again;
    loss->backward(tests::outputs(again));
    loss->backward(tests::outputs(scaled), T(-2));
    loss->backward(tests::outputs(zero), T(0));
    loss->backward(tests::outputs(third), T(0.3));
    for (std::size_t k = 0; k < again.size(); ++k) {
      CHECK(again[k].entries() == once.gradients[k].entries());
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < scaled[k].entries().size(); ++i) {
        const T entry = once.gradients[k].entries()[i];
        const bool normal = std::abs(entry) >= std::numeric_limits<T>::min();
        if (normal && scaled[k].entries()[i] != -2 * entry) ++wrong;  // exact
      }
      CHECK(wrong == 0);
      CHECK(zero[k].entries() == std::vector<T>(zero[k].entries().size(), T(0)));
    }
    auto expected = tests::cast<double>(once.gradients);
    for (auto& gradient : expected) {
      for (double& entry : gradient.entries()) entry *= static_cast<double>(T(0.3));
    }
    CHECK(tests::gradient_error(third, expected).entry <= tests::tolerance::operations<T>(4));
  });
}

TEST_CASE("value is what forward returns") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto loss = item.make<T>();
    for (const std::size_t rows : {3u, 40u, 130u}) {
      const auto inputs = inputs_of<T>(item, rows, 19);
      CHECK(loss->value(tests::views(inputs)) == loss->forward(tests::views(inputs)));
    }
  });
}

TEST_CASE("any number of threads gives the same bits") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    if (too_slow<T>) return;
    for (const auto& [rows, cols] : {std::pair{205u, 33u}, std::pair{1100u, 9u}, {9u, 1100u}}) {
      INFO(rows << "x" << cols);
      const auto inputs = inputs_of<T>(item, rows, cols);
      const auto on_threads = [&](int threads) {
        const tests::Threads scope(threads);
        return tests::run(*item.make<T>(), item, inputs);
      };
      const auto expected = on_threads(1);
      for (const int threads : {2, 3, 5, 16, 64}) {
        if (threads > 3 && rows != 205) continue;
        INFO(threads << " threads");
        CHECK(on_threads(threads) == expected);
      }
    }
  });
}

TEST_CASE("any executor gives the same bits, on any number of its threads") {
  for (const std::size_t threads : {2u, 3u, 5u, 16u, 64u}) {
    if (tests::slow && threads != 5) continue;  // a minute for all
    INFO(threads << " threads");
    const tests::Threads of_openmp(static_cast<int>(threads));
    tests::for_each_executor(threads, [](const char* name, selfsup::Executor& executor) {
      INFO(name);
      for_all([&](const LossCase& item, auto scalar) {
        using T = decltype(scalar);
        const auto inputs = inputs_of<T>(item, 205, 33);
        const auto loss = item.make<T>();
        const auto expected = [&] {
          tests::Backwards one(1);
          loss->run_on(&one);
          return tests::run(*loss, item, inputs);
        }();
        loss->run_on(&executor);
        CHECK(tests::run(*loss, item, inputs) == expected);
      });
    });
  }
}

TEST_CASE("work enough for several threads in every part of a step gives the same bits") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    if (too_slow<T>) return;
    const auto inputs = inputs_of<T>(item, 300, 450);
    const auto on_threads = [&](int threads) {
      const tests::Threads scope(threads);
      return tests::run(*item.make<T>(), item, inputs);
    };
    CHECK(on_threads(3) == on_threads(1));
  });
}

TEST_CASE("all calls of an object run on its executor, and those of its copies") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    if (too_slow<T>) return;
    const auto inputs = inputs_of<T>(item, 300, 450);
    auto gradients = tests::blank_gradients(item, inputs);
    const auto loss = item.make<T>();
    const auto asked_for = [&](tests::AnyLoss<T>& one, selfsup::Executor& executor,
                               tests::Asked& asked, const char* call) {
      INFO(call);
      const selfsup::RunOn scope(executor);
      const std::size_t before = asked.calls();
      if (call[0] == 'f') one.forward(tests::views(inputs));
      if (call[0] == 'v') one.value(tests::views(inputs));
      if (call[0] == 'b') one.backward(tests::outputs(gradients));
      return asked.calls() > before;
    };
    tests::Asked own(4), outer(4);
    loss->run_on(&own);
    CHECK(asked_for(*loss, outer, own, "value"));
    CHECK(asked_for(*loss, outer, own, "forward"));
    CHECK(asked_for(*loss, outer, own, "backward"));
    const auto copy = loss->copy();
    loss->run_on(nullptr);
    CHECK(outer.calls() == 0);
    CHECK(asked_for(*loss, outer, outer, "forward"));
    const std::size_t of_outer = outer.calls();
    CHECK(asked_for(*copy, outer, own, "backward"));
    CHECK(outer.calls() == of_outer);
  });
}

TEST_CASE("eight threads of the caller's own may share the inputs, each with its loss") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto inputs = inputs_of<T>(item, 205, 9);
    const auto expected = tests::run(*item.make<T>(), item, inputs);
    std::vector<tests::Run<T>> found(8);
    std::vector<std::thread> threads;
    for (auto& result : found) {
      threads.emplace_back([&] {
        const tests::Threads one(1);
        result = tests::run(*item.make<T>(), item, inputs);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& result : found) CHECK((result == expected));
  });
}

TEST_CASE("any memory budget gives the same bits") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    if (!item.has_budget) return;
    for (const auto& [rows, cols] : {std::pair{205u, 33u}, std::pair{300u, 9u}, {20u, 420u}}) {
      INFO(rows << "x" << cols);
      const auto inputs = inputs_of<T>(item, rows, cols);
      const auto expected = tests::run(*item.make<T>(), item, inputs);
      for (const std::size_t budget : {std::size_t{0}, std::size_t{1000}, std::size_t{1} << 16,
                                       std::size_t{1} << 18, std::size_t{1} << 40}) {
        INFO("budget " << budget);
        CHECK(tests::run(*item.make<T>(budget), item, inputs) == expected);
      }
    }
  });
}

TEST_CASE("an object serves batches of any sizes in turn") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto loss = item.make<T>();
    for (const auto& [rows, cols] :
         {std::pair{101u, 40u}, std::pair{3u, 5u}, {40u, 101u}, {2u, 2u}, {101u, 40u}}) {
      const auto inputs = inputs_of<T>(item, rows, cols);
      const auto fresh = tests::run(*item.make<T>(), item, inputs);
      CHECK(tests::run(*loss, item, inputs) == fresh);
    }
  });
}

TEST_CASE("a copy and a moved object go on where the first one was") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto inputs = inputs_of<T>(item, 21, 19);
    const auto other = inputs_of<T>(item, 9, 30);
    const auto expected = tests::run(*item.make<T>(), item, inputs);
    auto loss = item.make<T>();
    loss->forward(tests::views(inputs));
    const auto copy = loss->copy();
    loss->forward(tests::views(other));  // must not reach the copy
    auto gradients = tests::blank_gradients(item, inputs);
    copy->backward(tests::outputs(gradients));
    const auto moved = copy->move();
    auto again = tests::blank_gradients(item, inputs);
    moved->backward(tests::outputs(again));
    for (std::size_t k = 0; k < gradients.size(); ++k) {
      CHECK(gradients[k].entries() == expected.gradients[k].entries());
      CHECK(again[k].entries() == expected.gradients[k].entries());
    }
    CHECK(tests::run(*moved, item, inputs) == expected);
    // What was moved from has nothing to go back through, and serves again.
    CHECK_THROWS_AS(copy->backward(tests::outputs(again)), selfsup::StateError);
    CHECK(tests::run(*copy, item, inputs) == expected);
  });
}

TEST_CASE("a forward that failed leaves nothing to go back through") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto inputs = inputs_of<T>(item, 6, 4);
    auto wrong = inputs;
    wrong.back() = tests::Matrix<T>(0, 4);
    auto gradients = tests::blank_gradients(item, inputs);
    const auto loss = item.make<T>();
    loss->forward(tests::views(inputs));
    CHECK_THROWS_AS(loss->forward(tests::views(wrong)), selfsup::ShapeError);
    CHECK_THROWS_AS(loss->backward(tests::outputs(gradients)), selfsup::StateError);
  });
}

TEST_CASE("bytes tells of the memory held, which stays while sizes stay") {
  for_all([](const LossCase& item, auto scalar) {
    using T = decltype(scalar);
    const auto loss = item.make<T>();
    const auto inputs = inputs_of<T>(item, 60, 40);
    tests::run(*loss, item, inputs);
    const std::size_t bytes = loss->bytes();
    CHECK(bytes > 0);
    for (int step = 0; step < 3; ++step) tests::run(*loss, item, inputs);
    tests::run(*loss, item, inputs_of<T>(item, 45, 40));
    CHECK(loss->bytes() == bytes);
  });
}
