// The bits of every loss, a line a case, to be compared before and after a change that must keep
// them:
//
//   build/native/tests/test_losses "[.bits]" >bits.txt
#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/properties.hpp"
#include "matrix.hpp"
#include "threads.hpp"

#include "selfsup/io/checksum.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <utility>
#include <vector>

namespace {

using tests::LossCase;
using tests::Matrix;

template <class T>
std::uint32_t bits_of(const tests::Run<T>& run) {
  std::vector<unsigned char> bytes(sizeof(T));
  std::memcpy(bytes.data(), &run.value, sizeof(T));
  for (const Matrix<T>& gradient : run.gradients) {
    const auto* const entries = reinterpret_cast<const unsigned char*>(gradient.entries().data());
    bytes.insert(bytes.end(), entries, entries + gradient.entries().size() * sizeof(T));
  }
  return selfsup::crc32c(bytes.data(), bytes.size());
}

template <class T>
void print_bits(const LossCase& item, std::size_t rows, std::size_t cols) {
  for (const int threads : {1, 2}) {
    const tests::Threads scope(threads);
    const auto inputs =
        tests::cast<T>(tests::random_views(rows, cols, 7, item.arguments.size(), item.noise));
    std::cout << std::hex << std::setw(8) << std::setfill('0')
              << bits_of(tests::run(*item.make<T>(), item, inputs)) << std::dec << "  "
              << (sizeof(T) == sizeof(float) ? "float" : "double") << ", " << threads
              << (threads == 1 ? " thread, " : " threads, ") << rows << "x" << cols << ", "
              << item.name << '\n';
  }
}

}  // namespace

TEST_CASE("the bits of every loss", "[.bits]") {
  for (const LossCase& item : tests::all_losses()) {
    for (const auto& [rows, cols] : {std::pair{9u, 12u}, {205u, 33u}, {40u, 600u}, {500u, 450u}}) {
      print_bits<float>(item, rows, cols);
      print_bits<double>(item, rows, cols);
    }
  }
}
