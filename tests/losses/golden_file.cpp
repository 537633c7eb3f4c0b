// Every loss against tests/golden/losses.txt, which scripts/generate_golden.py writes with PyTorch.
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"

#include "selfsup/losses/lejepa.hpp"
#include "selfsup/losses/sigreg.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using tests::LossCase;
using tests::Matrix;

// The generator of the script: numbers in [−1, 1) with 19 bits after the point.
class Stream {
 public:
  explicit Stream(std::uint64_t seed) : state_(seed) {}
  Matrix<double> matrix(std::size_t rows, std::size_t cols) {
    Matrix<double> result(rows, cols);
    for (double& entry : result.entries()) {
      state_ = (1103515245 * state_ + 12345) % (std::uint64_t{1} << 31);
      entry = static_cast<double>(state_ >> 11) / 524288 - 1;
    }
    return result;
  }

 private:
  std::uint64_t state_;
};

struct GoldenCase {
  std::string name;
  double value = 0;
  double d_temperature = 0;
  std::vector<Matrix<double>> inputs;
  std::vector<Matrix<double>> gradients;  // of all arguments but the negatives
  Matrix<double> slices{0, 0};            // of SIGReg and LeJEPA, the last argument
};

std::vector<GoldenCase> read_cases(const std::string& path) {
  std::ifstream file(path);
  std::vector<GoldenCase> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    GoldenCase item;
    std::size_t rows = 0, cols = 0, arguments = 0;
    std::istringstream words(line);
    words >> rows >> cols >> arguments >> std::ws;
    std::getline(words, item.name);
    const bool with_slices = item.name.rfind("SigReg", 0) == 0 || item.name.rfind("LeJepa", 0) == 0;
    const bool with_negatives = arguments == 3 && !with_slices;
    if (with_slices) --arguments;
    file >> item.value >> item.d_temperature;
    Stream stream(1000 * rows + cols);
    for (std::size_t k = 0; k < (with_negatives ? 2 : arguments); ++k) {
      auto view = stream.matrix(rows, cols);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) {
          if (k == 0 && c % 3 == 1) view(r, c) *= 4;
          if (k > 0) view(r, c) = item.inputs[0](r, c) + view(r, c) / 2;
        }
      }
      item.inputs.push_back(view);
      item.gradients.emplace_back(rows, cols);
      for (double& entry : item.gradients.back().entries()) file >> entry;
    }
    if (with_negatives) item.inputs.push_back(stream.matrix(5, cols));
    if (with_slices) item.slices = stream.matrix(cols, 4);
    std::getline(file, line);
    REQUIRE(file.good());
    cases.push_back(item);
  }
  return cases;
}

// |found − expected| beside the largest number expected, or beside the input's own rounding.
double error(const Matrix<double>& found, const Matrix<double>& expected, double floor) {
  double largest = floor, worst = 0;
  for (std::size_t i = 0; i < expected.entries().size(); ++i) {
    largest = std::max(largest, std::abs(expected.entries()[i]));
    const double difference = std::abs(found.entries()[i] - expected.entries()[i]);
    worst = tests::worse(worst, difference);
  }
  return worst / largest;
}

// Values and gradients of a loss along given slices.
template <class Loss>
void check_along_slices(const GoldenCase& expected, Loss loss) {
  INFO(expected.name << ", " << expected.inputs[0].rows() << "x" << expected.inputs[0].cols());
  const double allowed = tests::tolerance::golden_double;
  loss.set_slices(expected.slices);
  std::vector<Matrix<double>> found;
  for (const auto& z : expected.inputs) found.emplace_back(z.rows(), z.cols());
  double value = 0;
  if constexpr (std::is_same_v<Loss, selfsup::SigReg<double>>) {
    value = loss.forward(expected.inputs[0]);
    loss.backward(found[0]);
  } else {
    value = loss.forward(expected.inputs[0], expected.inputs[1]);
    loss.backward(found[0], found[1]);
  }
  CHECK(std::abs(value - expected.value) <= allowed * std::max(1.0, value));
  for (std::size_t k = 0; k < found.size(); ++k)
    CHECK(error(found[k], expected.gradients[k], 1e-3) <= allowed);
}

}  // namespace

TEST_CASE("SIGReg and LeJEPA along given slices meet what PyTorch computes") {
  std::size_t checked = 0;
  for (const GoldenCase& expected : read_cases(TESTS_GOLDEN_FILE)) {
    if (expected.slices.rows() == 0) continue;
    if (expected.name == "SigReg") {
      check_along_slices(expected, selfsup::SigReg<double>());
    } else {
      const bool minimal = expected.name == "LeJepa lejepa_minimal";
      check_along_slices(expected,
                         selfsup::LeJepa<double>(minimal ? selfsup::LeJepaOptions::lejepa_minimal()
                                                         : selfsup::LeJepaOptions()));
    }
    ++checked;
  }
  CHECK(checked >= 15);
}

TEST_CASE("every loss meets what PyTorch computes") {
  std::size_t checked = 0;
  for (const GoldenCase& expected : read_cases(TESTS_GOLDEN_FILE)) {
    for (const LossCase& item : tests::all_losses()) {
      if (item.name != expected.name) continue;
      INFO(item.name << ", " << expected.inputs[0].rows() << "x" << expected.inputs[0].cols());
      const auto loss = item.make<double>();
      const auto found = tests::run(*loss, item, expected.inputs);
      const double allowed = tests::tolerance::golden_double;
      CHECK(std::abs(found.value - expected.value) <= allowed * std::max(1.0, found.value));
      if (const auto slope = loss->d_temperature())
        CHECK(std::abs(*slope - expected.d_temperature) <=
              allowed * std::max(1.0, std::abs(*slope)));
      std::size_t next = 0;
      for (std::size_t k = 0; k < expected.gradients.size(); ++k) {
        if (item.has_gradient[k])
          CHECK(error(found.gradients[next++], expected.gradients[k], 1e-3) <= allowed);
      }
      ++checked;
    }
  }
  CHECK(checked >= 165);  // five shapes of each of the file's cases
}
