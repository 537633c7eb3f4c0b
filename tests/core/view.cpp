#include "selfsup/core/view.hpp"

#include "catch.hpp"
#include "matrix.hpp"

#include <Eigen/Core>
#include <type_traits>
#include <vector>

namespace {

using selfsup::ConstView;
using selfsup::MutView;

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ColMajor = Eigen::MatrixXf;
using Lazy = decltype(2 * std::declval<const RowMajor&>());
using Block = decltype(std::declval<RowMajor&>().topRows(1));
using ConstBlock = decltype(std::declval<const RowMajor&>().topRows(1));

template <class From, class To>
constexpr bool converts = std::is_convertible_v<From, To>;

// What is read: any matrix with memory, of the right element type.
static_assert(converts<const RowMajor&, ConstView<float>>);
static_assert(converts<RowMajor&, ConstView<float>>);
static_assert(converts<RowMajor, ConstView<float>>);
static_assert(converts<const ColMajor&, ConstView<float>>);
static_assert(converts<Block, ConstView<float>>);
static_assert(converts<ConstBlock, ConstView<float>>);
static_assert(converts<Eigen::Map<const RowMajor>, ConstView<float>>);
static_assert(converts<Eigen::Ref<const RowMajor>, ConstView<float>>);
static_assert(converts<Eigen::Transpose<RowMajor>, ConstView<float>>);
static_assert(converts<Eigen::VectorXf, ConstView<float>>);
static_assert(converts<selfsup::Skip, MutView<float>>);
static_assert(!converts<selfsup::Skip, ConstView<float>>);
static_assert(converts<MutView<float>, ConstView<float>>);
static_assert(converts<const tests::Matrix<float>&, ConstView<float>>);
static_assert(!converts<const RowMajor&, ConstView<double>>);
static_assert(!converts<const Eigen::MatrixXi&, ConstView<float>>);
static_assert(!converts<Lazy, ConstView<float>>);
static_assert(!converts<std::vector<float>, ConstView<float>>);

// What is written: lvalues, and rvalues that own no memory; never const data.
static_assert(converts<RowMajor&, MutView<float>>);
static_assert(converts<ColMajor&, MutView<float>>);
static_assert(converts<Block, MutView<float>>);
static_assert(converts<Eigen::Map<RowMajor>, MutView<float>>);
static_assert(converts<Eigen::Ref<RowMajor>, MutView<float>>);
static_assert(converts<Eigen::Transpose<RowMajor>, MutView<float>>);
static_assert(converts<tests::Matrix<float>&, MutView<float>>);
static_assert(!converts<RowMajor, MutView<float>>);
static_assert(!converts<tests::Matrix<float>, MutView<float>>);
static_assert(!converts<const RowMajor&, MutView<float>>);
static_assert(!converts<ConstBlock, MutView<float>>);
static_assert(!converts<Eigen::Map<const RowMajor>, MutView<float>>);
static_assert(!converts<Lazy, MutView<float>>);
static_assert(!converts<ConstView<float>, MutView<float>>);
static_assert(!converts<RowMajor&, MutView<double>>);

template <class View>
void check_entries(const View& view, const RowMajor& expected) {
  REQUIRE(view.rows() == static_cast<std::size_t>(expected.rows()));
  REQUIRE(view.cols() == static_cast<std::size_t>(expected.cols()));
  for (std::size_t r = 0; r < view.rows(); ++r) {
    for (std::size_t c = 0; c < view.cols(); ++c) {
      CHECK(view(r, c) == expected(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)));
    }
  }
}

RowMajor counted(Eigen::Index rows, Eigen::Index cols) {
  RowMajor matrix(rows, cols);
  for (Eigen::Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(i);
  return matrix;
}

}  // namespace

TEST_CASE("a view shows the entries of every Eigen layout") {
  RowMajor row_major = counted(5, 7);
  ColMajor col_major = row_major;
  check_entries(ConstView<float>(row_major), row_major);
  check_entries(ConstView<float>(col_major), row_major);
  check_entries(ConstView<float>(row_major.transpose()), row_major.transpose());
  check_entries(ConstView<float>(row_major.block(1, 2, 3, 4)), row_major.block(1, 2, 3, 4));
  check_entries(ConstView<float>(col_major.block(1, 2, 3, 4)), row_major.block(1, 2, 3, 4));
  check_entries(ConstView<float>(col_major.middleCols(2, 1)), row_major.middleCols(2, 1));
  const Eigen::Map<RowMajor, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>> strided(
      row_major.data(), 2, 3, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(14, 2));
  check_entries(ConstView<float>(strided), strided);
  const Eigen::Ref<const ColMajor> reference(col_major);
  check_entries(ConstView<float>(reference), row_major);
  const Eigen::VectorXf column = row_major.col(3);
  check_entries(ConstView<float>(column), column);
  const Eigen::RowVectorXf row = row_major.row(2);
  check_entries(ConstView<float>(row), row);
  check_entries(MutView<float>(col_major), row_major);
  check_entries(MutView<float>(row_major.transpose()), row_major.transpose());
}

TEST_CASE("a view shows the entries of a pointer with sizes and strides of any integral type") {
  RowMajor matrix = counted(4, 6);
  const float* data = matrix.data();
  RowMajor every_second(4, 3);
  every_second << matrix.col(0), matrix.col(2), matrix.col(4);
  check_entries(ConstView<float>(data, 4, 6), matrix);
  check_entries(ConstView<float>(data, 4u, 6LL), matrix);
  check_entries(ConstView<float>(data, std::size_t{4}, 3, short{6}, 2L), every_second);
  check_entries(ConstView<float>(data + 18, 4, 6, -6, 1), matrix.colwise().reverse());
  check_entries(MutView<float>(matrix.data(), 4, 6, 6, 1), matrix);
  CHECK_THROWS_AS(ConstView<float>(data, -4, 6), selfsup::ShapeError);
  CHECK_THROWS_AS(MutView<float>(matrix.data(), 4, -6, 6, 1), selfsup::ShapeError);
}

TEST_CASE("transposed and row_range show the same memory") {
  RowMajor matrix = counted(5, 3);
  const ConstView<float> view(matrix);
  check_entries(view.transposed(), matrix.transpose());
  check_entries(view.transposed().transposed(), matrix);
  check_entries(view.row_range(1, 3), matrix.middleRows(1, 3));
  MutView<float> writable(matrix);
  writable.transposed()(2, 4) = 100;
  writable.row_range(3, 1)(0, 1) = 200;
  CHECK(matrix(4, 2) == 100);
  CHECK(matrix(3, 1) == 200);
}

TEST_CASE("contiguous rows are recognised") {
  RowMajor matrix = counted(5, 3);
  const ConstView<float> view(matrix);
  CHECK(view.contiguous_rows());
  CHECK_FALSE(view.transposed().contiguous_rows());
  CHECK(ConstView<float>(matrix.leftCols(2)).contiguous_rows());
  CHECK(ConstView<float>(matrix.data(), 5, 1, 3, 7).contiguous_rows());
}

TEST_CASE("a default view is empty, and so is one without rows or columns") {
  float x = 0;
  CHECK(ConstView<float>().empty());
  CHECK(MutView<float>().empty());
  CHECK(ConstView<float>(&x, 0, 3).empty());
  CHECK(ConstView<float>(&x, 3, 0).empty());
  CHECK_FALSE(ConstView<float>(&x, 1, 1).empty());
}

TEST_CASE("a view knows whether it was made of a vector, and an output whether it is skipped") {
  const Eigen::VectorXf vector = Eigen::VectorXf::Zero(4);
  const RowMajor matrix = RowMajor::Zero(4, 1);
  const Eigen::RowVectorXf row = Eigen::RowVectorXf::Zero(4);
  CHECK(ConstView<float>(vector).from_vector());
  CHECK(ConstView<float>(vector.head(2)).from_vector());
  CHECK_FALSE(ConstView<float>(matrix).from_vector());
  CHECK_FALSE(ConstView<float>(row).from_vector());
  CHECK_FALSE(ConstView<float>(vector.data(), 4, 1).from_vector());
  RowMajor unsized;
  CHECK_FALSE(MutView<float>(unsized).skipped());
  CHECK(MutView<float>(selfsup::skip).skipped());
  CHECK(MutView<float>().skipped());
}
