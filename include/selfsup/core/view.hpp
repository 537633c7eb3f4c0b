// ConstView<T> and MutView<T>: how every matrix enters and leaves selfsup.
// A view is a pointer, a shape and two strides; it owns nothing. Views convert from Eigen matrices,
// maps, blocks and transposes of either storage order (without including Eigen), and from {pointer,
// rows, cols[, row_stride, col_stride]}.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"

#include <cstddef>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace detail {

template <class X>
using Bare = std::remove_cv_t<std::remove_reference_t<X>>;

// A type that shows data(), rows(), cols(), innerStride(), outerStride() and IsRowMajor: Eigen's
// protocol.
template <class X, class Pointer, class = void>
struct ShowsMatrix : std::false_type {};
template <class X, class Pointer>
struct ShowsMatrix<
    X, Pointer,
    std::void_t<
        decltype(std::declval<X>().rows()), decltype(std::declval<X>().cols()),
        decltype(std::declval<X>().innerStride()), decltype(std::declval<X>().outerStride()),
        decltype(Bare<X>::IsRowMajor),
        std::enable_if_t<std::is_same_v<
            std::add_const_t<std::remove_pointer_t<decltype(std::declval<X>().data())>>,
            std::add_const_t<std::remove_pointer_t<Pointer>>>>,
        std::enable_if_t<std::is_convertible_v<decltype(std::declval<X>().data()), Pointer>>>>
    : std::true_type {};

// An expression with a shape but no memory, such as 2 * a.
template <class X, class = void>
struct IsLazy : std::false_type {};
template <class X>
struct IsLazy<X, std::void_t<decltype(std::declval<X>().rows()), decltype(std::declval<X>().cols()),
                             decltype(std::declval<X>().eval())>> {
  template <class Y>
  static auto has_data(int) -> decltype(std::declval<Y>().data(), std::true_type{});
  template <class Y>
  static std::false_type has_data(...);
  static constexpr bool value = !decltype(has_data<X>(0))::value;
};

// An rvalue may be written through only when it owns no memory: Eigen's blocks, maps and transposes
// name another type as their PlainObject, a matrix names itself.
template <class X, class = void>
struct OwnsMemory : std::true_type {};
template <class X>
struct OwnsMemory<X, std::void_t<typename Bare<X>::PlainObject>>
    : std::is_same<typename Bare<X>::PlainObject, Bare<X>> {};

template <class Integer>
std::size_t extent(Integer n, const char* name) {
  static_assert(std::is_integral_v<Integer>, "sizes and strides are integers");
  if constexpr (std::is_signed_v<Integer>) {
    if (n < 0)
      throw ShapeError(std::string("a view's ") + name + " is " + std::to_string(n) +
                       ", not negative expected");
  }
  return static_cast<std::size_t>(n);
}

template <class Integer>
std::ptrdiff_t stride(Integer n) {
  static_assert(std::is_integral_v<Integer>, "sizes and strides are integers");
  return static_cast<std::ptrdiff_t>(n);
}

// Pointer, shape and strides (counted in entries) shared by both views.
template <class Element>
class View {
 public:
  View() = default;
  View(Element* data, std::size_t rows, std::size_t cols, std::ptrdiff_t row_stride,
       std::ptrdiff_t col_stride)
      : data_(data), rows_(rows), cols_(cols), row_stride_(row_stride), col_stride_(col_stride) {}

  Element* data() const { return data_; }
  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::ptrdiff_t row_stride() const { return row_stride_; }
  std::ptrdiff_t col_stride() const { return col_stride_; }
  bool empty() const { return rows_ == 0 || cols_ == 0; }

  /// True when each row lies in one piece, so that it can be read and written in place.
  bool contiguous_rows() const { return col_stride_ == 1 || cols_ == 1; }

  Element* row(std::size_t r) const { return data_ + static_cast<std::ptrdiff_t>(r) * row_stride_; }
  Element& operator()(std::size_t r, std::size_t c) const {
    return row(r)[static_cast<std::ptrdiff_t>(c) * col_stride_];
  }

 private:
  Element* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::ptrdiff_t row_stride_ = 0;
  std::ptrdiff_t col_stride_ = 1;
};

template <class Element, class X>
View<Element> view_of(X& x) {
  const auto inner = stride(x.innerStride());
  const auto outer = stride(x.outerStride());
  const bool row_major = static_cast<bool>(Bare<X>::IsRowMajor);
  return {x.data(), extent(x.rows(), "number of rows"), extent(x.cols(), "number of columns"),
          row_major ? outer : inner, row_major ? inner : outer};
}

// A type that is a column of entries whatever its size: one of Eigen's vectors.
template <class X, class = void>
struct IsVector : std::false_type {};
template <class X>
struct IsVector<X, std::void_t<decltype(X::ColsAtCompileTime), decltype(X::RowsAtCompileTime)>>
    : std::bool_constant<X::ColsAtCompileTime == 1 && X::RowsAtCompileTime != 1> {};

}  // namespace detail

/// A matrix that is read. Contiguous rows are read in place; any other layout costs a loss one
/// copy.
template <class T>
class ConstView : public detail::View<const T> {
  using Base = detail::View<const T>;

 public:
  ConstView() = default;
  template <class X, std::enable_if_t<detail::ShowsMatrix<const X&, const T*>::value, int> = 0>
  ConstView(const X& matrix)  // NOLINT: converts on purpose
      : Base(detail::view_of<const T>(matrix)), from_vector_(detail::IsVector<X>::value) {}
  template <class X, std::enable_if_t<detail::IsLazy<const X&>::value, int> = 0>
  ConstView(const X& an_expression_without_memory_call_eval_on_it_first) = delete;
  /// Rows one after the other: entry (r, c) is data[r·cols + c].
  template <class R, class C>
  ConstView(const T* data, R rows, C cols)
      : Base(data, detail::extent(rows, "number of rows"),
             detail::extent(cols, "number of columns"), detail::stride(cols), 1) {}
  /// Entry (r, c) is data[r·row_stride + c·col_stride].
  template <class R, class C, class RS, class CS>
  ConstView(const T* data, R rows, C cols, RS row_stride, CS col_stride)
      : Base(data, detail::extent(rows, "number of rows"),
             detail::extent(cols, "number of columns"), detail::stride(row_stride),
             detail::stride(col_stride)) {}

  ConstView transposed() const {
    return {this->data(), this->cols(), this->rows(), this->col_stride(), this->row_stride()};
  }
  ConstView row_range(std::size_t first, std::size_t count) const {
    return {this->row(first), count, this->cols(), this->row_stride(), this->col_stride()};
  }
  /// Whether it was made of a vector, whose entries a loss would take for samples of one column.
  bool from_vector() const { return from_vector_; }

 private:
  bool from_vector_ = false;
};

/// Stands for an output that is not wanted: loss.backward(d_z_a, selfsup::skip).
struct Skip {};
inline constexpr Skip skip{};

/// A matrix that is written or added to. Takes lvalues, and rvalues that own no memory (blocks,
/// maps, transposes). `skip`, or {}, leaves out the output it stands for; a matrix that was never
/// sized does not.
template <class T>
class MutView : public detail::View<T> {
  using Base = detail::View<T>;
  template <class X>
  static constexpr bool accepts = detail::ShowsMatrix<X&, T*>::value &&
                                  (std::is_lvalue_reference_v<X> || !detail::OwnsMemory<X>::value);

 public:
  MutView() = default;
  MutView(Skip) {}  // NOLINT: converts on purpose
  template <class X, std::enable_if_t<accepts<X>, int> = 0>
  MutView(X&& matrix)  // NOLINT: converts on purpose
      : Base(detail::view_of<T>(matrix)), skipped_(false) {}
  template <class X, std::enable_if_t<detail::IsLazy<const X&>::value, int> = 0>
  MutView(const X& an_expression_without_memory_cannot_be_written) = delete;
  /// Rows one after the other: entry (r, c) is data[r·cols + c].
  template <class R, class C>
  MutView(T* data, R rows, C cols)
      : Base(data, detail::extent(rows, "number of rows"),
             detail::extent(cols, "number of columns"), detail::stride(cols), 1),
        skipped_(false) {}
  /// Entry (r, c) is data[r·row_stride + c·col_stride].
  template <class R, class C, class RS, class CS>
  MutView(T* data, R rows, C cols, RS row_stride, CS col_stride)
      : Base(data, detail::extent(rows, "number of rows"),
             detail::extent(cols, "number of columns"), detail::stride(row_stride),
             detail::stride(col_stride)),
        skipped_(false) {}

  operator ConstView<T>() const {
    return {this->data(), this->rows(), this->cols(), this->row_stride(), this->col_stride()};
  }
  MutView transposed() const {
    return {this->data(), this->cols(), this->rows(), this->col_stride(), this->row_stride()};
  }
  MutView row_range(std::size_t first, std::size_t count) const {
    return {this->row(first), count, this->cols(), this->row_stride(), this->col_stride()};
  }
  bool skipped() const { return skipped_; }

 private:
  bool skipped_ = true;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
