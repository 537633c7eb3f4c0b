// Inputs and outputs that touch pages which nothing may read or write, at every small size.
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "sanitizer.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

namespace {

// AddressSanitizer, which watches the ends of every array itself, sees a few sizes.
constexpr std::size_t step = tests::slow ? 33 : 1;

using tests::LossCase;
using tests::Matrix;

/// Memory between two pages that end the program when they are touched.
class Guarded {
 public:
  explicit Guarded(std::size_t least_bytes)
      : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    bytes_ = (least_bytes + page_ - 1) / page_ * page_;
    memory_ = static_cast<char*>(mmap(nullptr, bytes_ + 2 * page_, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    REQUIRE(mprotect(memory_, page_, PROT_NONE) == 0);
    REQUIRE(mprotect(memory_ + page_ + bytes_, page_, PROT_NONE) == 0);
  }
  ~Guarded() { munmap(memory_, bytes_ + 2 * page_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  /// The first `count` entries, or the last.
  template <class T>
  T* entries(std::size_t count, bool at_end) {
    REQUIRE(count * sizeof(T) <= bytes_);
    return reinterpret_cast<T*>(memory_ + page_ + (at_end ? bytes_ - count * sizeof(T) : 0));
  }

 private:
  std::size_t page_, bytes_ = 0;
  char* memory_ = nullptr;
};

// One call with all matrices at one end of memory of their own.
template <class T>
tests::Run<T> run_guarded(const LossCase& item, const std::vector<Matrix<T>>& inputs, bool at_end,
                          std::deque<Guarded>& memory) {
  tests::Run<T> result{0, tests::blank_gradients(item, inputs)};
  std::vector<selfsup::ConstView<T>> from;
  std::vector<selfsup::MutView<T>> to;
  const auto place = [&](const Matrix<T>& matrix) {
    T* const entries =
        memory[from.size() + to.size()].template entries<T>(matrix.entries().size(), at_end);
    std::copy(matrix.entries().begin(), matrix.entries().end(), entries);
    return entries;
  };
  for (const auto& input : inputs) from.emplace_back(place(input), input.rows(), input.cols());
  for (const auto& blank : result.gradients)
    to.emplace_back(place(blank), blank.rows(), blank.cols());
  const auto loss = item.make<T>();
  result.value = loss->forward(from);
  loss->backward(to);
  for (std::size_t k = 0; k < to.size(); ++k) {
    const T* const entries = to[k].data();
    std::copy_n(entries, result.gradients[k].entries().size(),
                result.gradients[k].entries().begin());
  }
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("nothing beside the inputs is read, nothing beside the outputs written",
                   "[by_loss]", float, double) {
  using T = TestType;
  std::deque<Guarded> memory;  // for as many as four inputs and their gradients
  for (int i = 0; i < 8; ++i) memory.emplace_back(199 * 4 * sizeof(T));
  for (const LossCase& item : tests::chosen_losses()) {
    for (std::size_t n = 1; n < 200; n += step) {
      for (const auto& [rows, cols] :
           {std::pair{std::max(item.min_rows, std::size_t{2}), n}, std::pair{n, std::size_t{4}}}) {
        if (rows < item.min_rows || cols < item.min_cols) continue;
        INFO(item.name << ", " << rows << "x" << cols);
        const auto inputs =
            tests::cast<T>(tests::random_views(rows, cols, n, item.arguments.size(), item.noise));
        const auto expected = tests::run(*item.make<T>(), item, inputs);
        for (const bool at_end : {false, true})
          REQUIRE((run_guarded(item, inputs, at_end, memory) == expected));
      }
    }
  }
}
