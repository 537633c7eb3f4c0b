// The checks of what is passed to a call, and their messages: what was found, what was expected.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"
#include "selfsup/core/errors.hpp"
#include "selfsup/core/finite.hpp"
#include "selfsup/core/labels.hpp"
#include "selfsup/core/view.hpp"

#include <cstddef>
#include <initializer_list>
#include <sstream>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// A view with the name that the user knows it by.
template <class T>
struct Named {
  const char* name;
  ConstView<T> view;
};

template <class Element>
std::string shape_text(const detail::View<Element>& view) {
  return std::to_string(view.rows()) + "x" + std::to_string(view.cols());
}

inline std::string shape_text(std::size_t rows, std::size_t cols) {
  return std::to_string(rows) + "x" + std::to_string(cols);
}

/// More entries than any machine can address; views of less keep every size that is made of theirs
/// in range.
inline constexpr std::size_t most_entries = std::size_t{1} << 48;

/// Throws a ShapeError when a view, which may repeat rows by a stride of 0, has more entries.
template <class T>
void require_addressable(const char* where, const Named<T>& batch) {
  if (batch.view.empty() || batch.view.rows() <= most_entries / batch.view.cols()) return;
  throw ShapeError(std::string(where) + ": " + batch.name + " is " + shape_text(batch.view) +
                   ", at most " + std::to_string(most_entries) + " entries expected");
}

/// Throws a ShapeError for a vector, whose entries could be N samples or the D columns of one.
template <class T>
void require_matrix(const char* where, const Named<T>& batch) {
  if (!batch.view.from_vector()) return;
  const std::string count = std::to_string(batch.view.rows());
  throw ShapeError(std::string(where) + ": " + batch.name + " is a vector of " + count +
                   " entries, a matrix (N, D) expected; {data, " + count + ", 1} is " + count +
                   " samples of one column");
}

/// Throws a ShapeError unless every view is (N, D) with the first one's N >= min_rows and D >= 1.
template <class T>
void require_batches(const char* where, std::initializer_list<Named<T>> batches,
                     std::size_t min_rows = 1) {
  const Named<T>& first = *batches.begin();
  if (first.view.cols() == 0 || first.view.rows() < min_rows) {
    throw ShapeError(std::string(where) + ": " + first.name + " is " + shape_text(first.view) +
                     ", at least " + shape_text(min_rows, 1) + " expected");
  }
  for (const Named<T>& batch : batches) {
    if (batch.view.rows() != first.view.rows() || batch.view.cols() != first.view.cols()) {
      throw ShapeError(std::string(where) + ": " + batch.name + " is " + shape_text(batch.view) +
                       ", " + first.name + " is " + shape_text(first.view));
    }
    require_matrix(where, batch);
    require_addressable(where, batch);
  }
}

/// Throws a ShapeError unless the output is skipped or rows x cols.
template <class T>
void require_output(const char* where, const char* name, MutView<T> output, std::size_t rows,
                    std::size_t cols) {
  if (output.skipped() || (output.rows() == rows && output.cols() == cols)) return;
  throw ShapeError(std::string(where) + ": " + name + " is " + shape_text(output) +
                   ", forward's batch is " + shape_text(rows, cols) +
                   (output.empty() ? "; selfsup::skip leaves an output out" : ""));
}

/// The same for the shape of a batch that was kept.
template <class T, class Matrix>
void require_output(const char* where, const char* name, MutView<T> output, const Matrix& kept) {
  require_output(where, name, output, kept.rows(), kept.cols());
}

/// An output with the name that the user knows it by.
template <class T>
struct NamedOutput {
  const char* name;
  MutView<T> view;
};

/// Throws a ShapeError unless there are `count` outputs, each skipped or rows x cols.
template <class T>
void require_outputs(const char* where, std::initializer_list<NamedOutput<T>> outputs,
                     const char* expected, std::size_t count, std::size_t rows, std::size_t cols) {
  if (outputs.size() != count) {
    throw ShapeError(std::string(where) + ": " + std::to_string(outputs.size()) +
                     " outputs given, " + std::to_string(count) + " expected: " + expected);
  }
  for (const NamedOutput<T>& output : outputs)
    require_output(where, output.name, output.view, rows, cols);
}

/// Throws a ShapeError unless rows of both batches have the same length.
template <class T>
void require_rows_like(const char* where, const Named<T>& batch, const Named<T>& other) {
  require_matrix(where, batch);
  require_addressable(where, batch);
  if (batch.view.cols() == other.view.cols()) return;
  throw ShapeError(std::string(where) + ": " + batch.name + " is " + shape_text(batch.view) + ", " +
                   other.name + " is " + shape_text(other.view));
}

/// Throws a ShapeError when a batch has fewer than the `least` rows that give an anchor a negative.
template <class T>
void require_negatives(const char* where, const char* name, ConstView<T> batch, std::size_t least) {
  if (batch.rows() >= least) return;
  throw ShapeError(std::string(where) + ": " + name + " is " + shape_text(batch) +
                   ", an anchor needs at least one negative");
}

/// Throws a ShapeError unless there is one of the labels for each row of the batch.
template <class T>
void require_one_a_row(const char* where, const char* name, const Labels& labels,
                       const Named<T>& batch) {
  if (labels.size() == batch.view.rows()) return;
  throw ShapeError(std::string(where) + ": " + name + " has " + std::to_string(labels.size()) +
                   " entries, " + batch.name + " is " + shape_text(batch.view));
}

/// Called when a loss's check value is not finite: names the first entry that is not, or the
/// overflow's likely cause.
template <class T>
[[noreturn]] void throw_non_finite(const char* where, std::initializer_list<Named<T>> batches) {
  std::ostringstream text;
  text << where << ": ";
  const Named<T>* largest = batches.begin();
  T largest_value = 0;
  std::size_t largest_col = 0;
  for (const Named<T>& batch : batches) {
    for (std::size_t r = 0; r < batch.view.rows(); ++r) {
      for (std::size_t c = 0; c < batch.view.cols(); ++c) {
        const T x = batch.view(r, c);
        if (!is_finite(x)) {
          text << batch.name << " is " << (is_nan(x) ? "NaN" : "infinite") << " in row " << r
               << ", column " << c;
          throw NonFiniteError(text.str());
        }
        const T magnitude = x < 0 ? -x : x;
        if (magnitude > largest_value) {
          largest = &batch;
          largest_value = magnitude;
          largest_col = c;
        }
      }
    }
  }
  text << "overflow in " << (sizeof(T) == 4 ? "float" : "double") << ", largest |" << largest->name
       << "| is " << largest_value << " in column " << largest_col;
  throw NonFiniteError(text.str());
}

/// Throws a NonFiniteError when an entry is NaN or infinite.
template <class T>
void require_finite(const char* where, const Named<T>& batch) {
  for (std::size_t r = 0; r < batch.view.rows(); ++r) {
    for (std::size_t c = 0; c < batch.view.cols(); ++c) {
      if (!is_finite(batch.view(r, c))) throw_non_finite<T>(where, {batch});
    }
  }
}

/// Throws unless there is one finite weight for each anchor.
template <class T>
void require_anchors(const char* where, ConstView<T> d_anchors, std::size_t anchors) {
  if (d_anchors.rows() != anchors || d_anchors.cols() != 1) {
    throw ShapeError(std::string(where) + ": d_anchors is " + shape_text(d_anchors) +
                     ", forward had anchors " + shape_text(anchors, 1));
  }
  require_finite<T>(where, {"d_anchors", d_anchors});
}

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
