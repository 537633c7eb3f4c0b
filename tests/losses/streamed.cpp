// Batches so large that what is written of them goes round the caches.
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "sanitizer.hpp"
#include "tolerances.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/simd/stream.hpp"

#include <cstddef>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using tests::LossCase;
using tests::Matrix;

constexpr std::size_t cols = 58, bytes = 16 << 20;
template <class T>
constexpr std::size_t rows = bytes / (cols * sizeof(T)) + 1;

// The first case of each loss that streams. AddressSanitizer does without the slow references of
// covariances.
std::vector<LossCase> losses_that_stream() {
  std::set<std::string> wanted{"byol", "simsiam", "sigreg", "lejepa"};
  if (!tests::slow) wanted.merge(std::set<std::string>{"vicreg", "barlow_twins"});
  std::vector<LossCase> found;
  for (const LossCase& item : tests::all_losses()) {
    if (wanted.erase(item.header) == 1) found.push_back(item);
  }
  REQUIRE(wanted.empty());
  return found;
}

// The gradients, written to rows that begin `stride` entries apart and `offset` behind a cache
// line.
template <class T>
std::vector<Matrix<T>> gradients_at(const LossCase& item, const std::vector<Matrix<T>>& inputs,
                                    std::size_t stride, std::size_t offset) {
  auto result = tests::blank_gradients(item, inputs);
  std::vector<selfsup::Buffer<T>> memory(result.size());
  std::vector<selfsup::MutView<T>> outputs;
  for (std::size_t k = 0; k < result.size(); ++k) {
    T* const first = memory[k].grow(inputs[k].rows() * stride + offset) + offset;
    outputs.emplace_back(first, inputs[k].rows(), cols, stride, 1);
  }
  const auto loss = item.make<T>();
  loss->forward(tests::views(inputs));
  loss->backward(outputs);
  for (std::size_t k = 0; k < result.size(); ++k) {
    for (std::size_t r = 0; r < outputs[k].rows(); ++r) {
      for (std::size_t c = 0; c < cols; ++c) result[k](r, c) = outputs[k](r, c);
    }
  }
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("gradients that go round the caches are those that do not, and right", "", float,
                   double) {
  using T = TestType;
  REQUIRE(selfsup::simd::exceeds_caches(rows<T> * cols * sizeof(T)));
  for (const LossCase& item : losses_that_stream()) {
    INFO(item.name);
    const auto inputs = tests::random_views(rows<T>, cols, 1, item.arguments.size(), item.noise);
    const auto in_lines = gradients_at(item, tests::cast<T>(inputs), 64, 0);
    const auto between_lines = gradients_at(item, tests::cast<T>(inputs), cols, 1);
    for (std::size_t k = 0; k < in_lines.size(); ++k)
      CHECK((in_lines[k].entries() == between_lines[k].entries()));
    if constexpr (std::is_same_v<T, float>) {
      const auto in_double = gradients_at(item, inputs, cols, 0);
      CHECK(tests::gradient_error(in_lines, in_double).entry <= tests::tolerance::float_entry);
    } else {
      const auto expected = tests::expected_gradients(item, item.reference(inputs));
      CHECK(tests::gradient_error(in_lines, expected).entry <=
            tests::tolerance::rounding(2 * rows<T> + cols, item.temperature));
    }
  }
}
