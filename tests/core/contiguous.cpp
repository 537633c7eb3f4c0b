#include "selfsup/core/contiguous.hpp"

#include "catch.hpp"
#include "matrix.hpp"

TEST_CASE("contiguous rows are handed out in place, others as a copy of the same entries") {
  for (const std::size_t rows : {1u, 15u, 16u, 17u, 33u}) {
    for (const std::size_t cols : {1u, 2u, 16u, 40u}) {
      const auto matrix = tests::random_matrix(rows, cols, rows + cols);
      const selfsup::ConstView<double> view(matrix);
      selfsup::ContiguousRows<double> in_place, copied;
      CHECK(in_place.of(view).data() == matrix.data());
      CHECK(in_place.bytes() == 0);

      const auto transposed = copied.of(view.transposed());
      REQUIRE(transposed.rows() == cols);
      REQUIRE(transposed.cols() == rows);
      CHECK(transposed.contiguous_rows());
      bool equal = true;
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) equal &= transposed(c, r) == matrix(r, c);
      }
      CHECK(equal);
    }
  }
}

TEST_CASE("write_row writes the entries of one row only") {
  tests::Matrix<float> matrix(4, 3);
  const float entries[] = {1, 2, 3};
  selfsup::write_row<float>(matrix, 2, entries);
  CHECK(matrix.entries() == std::vector<float>{0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0});
  tests::Matrix<float> other(3, 4);
  selfsup::write_row<float>(selfsup::MutView<float>(other).transposed(), 1, entries);
  CHECK(other.entries() == std::vector<float>{0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0});
}
