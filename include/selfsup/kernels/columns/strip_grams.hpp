// Gram matrices of several matrices of the same shape, made of strips that are all there: shared
// out among more threads than a Gram matrix has chunks.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/small_gram.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Whether all strips come before the first product, which more threads than there are chunks can
/// share. Fewer threads find a strip in cache when they multiply it at once.
inline bool step_by_step(const Chunks& chunks) {
  return chunks.size > 1 && max_threads() > chunks.count();
}

// A view has `gram`, which has begun, and rows(), what it is made of.

// The panels of a Gram matrix stand in so many groups where strips of columns are transposed once
// for each.
template <class View>
std::size_t column_groups(std::initializer_list<View> views, const Chunks& chunks) {
  return std::min(views.begin()->gram.panels(),
                  Chunks{max_threads(), views.size() * chunks.count()}.count());
}

// Adds strip_of(view, strip, share) of all strips to the Gram matrices, the last groups, whose
// panels are the longest, first.
template <class View, class StripOf>
void add_by_panels(std::initializer_list<View> views, const Chunks& chunks, std::size_t groups,
                   StripOf&& strip_of) {
  const std::size_t of_group = views.size() * chunks.count();
  parallel_for(groups * of_group, [&](std::size_t item, std::size_t share) {
    const std::size_t group = groups - 1 - item / of_group, chunk = item % chunks.count();
    const View& view = views.begin()[item % of_group / chunks.count()];
    for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
      const auto x = strip_of(view, chunks.first(chunk) + i, share);
      for (std::size_t panel = group; panel < view.gram.panels(); panel += groups)
        view.gram.add_panel(chunk, panel, x, i == 0);
    }
  });
}

/// Makes room for a strip of columns, transposed, for each share of a call for every strip or of
/// add_strips_of_columns().
template <class T, class View>
void reserve_strips_of_columns(std::initializer_list<View> views, const Chunks& strips,
                               const Chunks& chunks, product::PaddedMatrix<T>& transposed) {
  const std::size_t items = column_groups(views, chunks) * views.size() * chunks.count();
  transposed.reshape(team_size(std::max(strips.count(), items)) * strips.size,
                     views.begin()->rows().rows());
}

/// Adds X Xᵀ (N, N) of each view X (N, D), by strips of columns.
template <class T, class View>
void add_strips_of_columns(std::initializer_list<View> views, const Chunks& strips,
                           const Chunks& chunks, product::PaddedMatrix<T>& transposed) {
  add_by_panels(views, chunks, column_groups(views, chunks),
                [&](const View& view, std::size_t strip, std::size_t share) {
                  const product::PaddedMatrix<T>& rows = view.rows();
                  const std::size_t N = rows.rows(), width = strips.length(strip);
                  T* const x = transposed.row(share * strips.size);
                  simd::transpose(rows.row(0) + strips.first(strip), rows.stride(), N, width, x,
                                  transposed.stride());
                  return ConstView<T>(x, width, N, transposed.stride(), 1);
                });
}

/// Adds XᵀX (D, D) of each view X (N, D), by strips of rows.
template <class View>
void add_strips_of_rows(std::initializer_list<View> views, const Chunks& strips,
                        const Chunks& chunks) {
  add_by_panels(views, chunks, views.begin()->gram.panels(),
                [&](const View& view, std::size_t strip, std::size_t) {
                  return view.rows().view().row_range(strips.first(strip), strips.length(strip));
                });
}

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
