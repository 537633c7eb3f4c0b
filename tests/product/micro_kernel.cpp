#include "selfsup/product/micro_kernel.hpp"

#include "catch.hpp"
#include "product/products.hpp"
#include "simd/marked.hpp"

#include <cstddef>
#include <vector>

namespace {

using selfsup::product::AheadOfStrip;
using selfsup::product::Blocking;
using selfsup::product::Entries;
using selfsup::product::LeftByCols;
using selfsup::product::LeftByRows;
using selfsup::product::Output;
using selfsup::product::Right;
using tests::Marked;

template <std::size_t Rows, std::size_t Batches, class T>
void check_kernel() {
  constexpr std::size_t cols = Batches * selfsup::simd::lanes<T>, ld = cols + 3, most_K = 37;
  const auto a = tests::whole_numbers<T>(Rows, most_K, 1), a_t = tests::transposed(a);
  const auto b = tests::whole_numbers<T>(most_K, cols + 1, 2);
  for (const std::size_t K : {0u, 1u, 15u, 16u, 17u, 32u, 37u}) {
    for (const bool by_rows : {true, false}) {
      for (const Output output : {Output::write, Output::add}) {
        Marked<T> c((Rows - 1) * ld + cols);
        AheadOfStrip nothing;
        const Right<T> right{b.data(), b.cols()};
        const Entries<T> result{c.data(), ld, output};
        if (by_rows) {
          const LeftByRows<T> left{a.data(), a.cols()};
          selfsup::product::micro_kernel<Rows, Batches>(K, left, right, result, nothing);
        } else {
          const LeftByCols<T> left{a_t.data(), a_t.cols()};
          selfsup::product::micro_kernel<Rows, Batches>(K, left, right, result, nothing);
        }
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < (Rows - 1) * ld + cols; ++i) {
          const std::size_t row = i / ld, col = i % ld;
          T expected = output == Output::write && col < cols ? T(0) : Marked<T>::mark;
          if (col < cols) expected += tests::product_entry(a, b, K, row, col);
          if (c[i] != expected) ++wrong;
        }
        INFO(Rows << "x" << K << " by " << Batches << " batches, by rows " << by_rows);
        CHECK(wrong == 0);
        CHECK(c.marks_untouched());
      }
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a micro-kernel writes or adds its products, and touches nothing else", "",
                   float, double) {
  using T = TestType;
  check_kernel<1, 1, T>();
  check_kernel<Blocking<T>::narrow_rows, 1, T>();
  check_kernel<5, Blocking<T>::micro_batches, T>();
  check_kernel<Blocking<T>::micro_rows, Blocking<T>::micro_batches, T>();
}

TEST_CASE("operands and results are read on from any of their entries") {
  const auto x = tests::whole_numbers<double>(5, 7, 1);
  CHECK(&LeftByRows<double>{x.data(), 7}.entry(2, 3) == &x(2, 3));
  CHECK(&LeftByRows<double>{x.data(), 7}.at(1, 2).entry(2, 3) == &x(3, 5));
  CHECK(&LeftByCols<double>{x.data(), 7}.entry(3, 2) == &x(2, 3));
  CHECK(&LeftByCols<double>{x.data(), 7}.at(2, 1).entry(3, 2) == &x(3, 5));
  const auto right = Right<double>{x.data(), 7}.at(1, 2).at(2, 3);
  CHECK(right.data == &x(3, 5));
  double c[35];
  const auto entries = Entries<double>{c, 7, Output::add}.at(1, 2).at(2, 3);
  CHECK(entries.data == c + 3 * 7 + 5);
  CHECK(entries.output == Output::add);
  const auto touched = entries.touched(2, 2);
  CHECK(touched.first == entries.data);
  CHECK(touched.stride == static_cast<std::ptrdiff_t>(7 * sizeof(double)));
  CHECK(touched.count == 2);
  CHECK(touched.width == 2 * sizeof(double));
}

TEST_CASE("an unrolled loop takes its steps in order") {
  std::vector<std::size_t> steps;
  selfsup::product::unrolled<4>([&](auto i) { steps.push_back(i); });
  CHECK(steps == std::vector<std::size_t>{0, 1, 2, 3});
}

TEST_CASE("a product asks ahead once for each run of each row of kernels") {
  constexpr std::size_t rows = Blocking<float>::micro_rows, run = Blocking<float>::run;
  CHECK(selfsup::product::asks_ahead<float>(rows, run) == 1);
  CHECK(selfsup::product::asks_ahead<float>(rows + 1, 2 * run + 1) == 6);
}
