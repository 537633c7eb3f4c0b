// Centred columns, the distance of two views and their Gram matrices, strip by strip: what the
// caches hold of the batch is used for all of them before the next strip comes.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/buffer.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/kernels/columns/moments.hpp"
#include "selfsup/kernels/columns/strip_grams.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/product/small_gram.hpp"
#include "selfsup/simd/reduce.hpp"
#include "selfsup/simd/transpose.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace kernels {

/// Rows or columns of a strip, which a second-level cache holds for both views.
template <class T>
inline constexpr std::size_t strip_length = 512 / sizeof(T);

/// The long side of a batch in strips.
template <class T>
Chunks strips_of(std::size_t length) {
  return {length, strip_length<T>};
}

template <class T>
class StripMoments {
  using Batch = simd::Batch<T>;

 public:
  /// One view: z (N, D) with contiguous rows is read, the others are written.
  struct View {
    ConstView<T> z;
    CentredView<T>& centred;
    product::SmallGram<T>& gram;

    const product::PaddedMatrix<T>& rows() const { return centred.rows; }
  };
  struct Sums {
    double squares;     ///< Σ zc² of all views, the check value
    double difference;  ///< Σ (a − b)² of two views
  };

  /// Gram matrices Zc Zcᵀ (N, N), by strips of columns. Writes a − b to `difference` unless it is
  /// null.
  Sums in_samples(std::initializer_list<View> views, product::PaddedMatrix<T>* difference) {
    const std::size_t N = views.begin()->z.rows(), D = views.begin()->z.cols();
    const Chunks strips = strips_of<T>(D);
    const Chunks chunks = begin(views, N, strips, difference);
    if (step_by_step(chunks)) return samples_by_steps(views, strips, chunks, difference);
    transposed_.reshape(chunks.count() * strips.size, N);
    parallel_for(chunks.count(), chunks.size * strips.size * N, [&](std::size_t chunk) {
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t strip = chunks.first(chunk) + i;
        const std::size_t first = strips.first(strip), width = strips.length(strip);
        differences_[strip] = about_middle(views, first, width, difference);
        for (const View& view : views) {
          T* const x = transposed_.row(chunk * strips.size);
          centre_columns(view.centred, first, width, x, transposed_.stride());
          // The next strip of z, whose stride may send all its rows to a few sets, comes row by
          // row.
          view.gram.add(chunk, x, transposed_.stride(), width, i == 0,
                        columns_of(view.centred.rows, strips, strip + 1));
        }
      }
      simd::end_of_stream();
    });
    return sums(views, D, strips.count());
  }

  /// Gram matrices Zcᵀ Zc (D, D), by strips of rows. Writes a − b to `difference` unless it is
  /// null.
  Sums in_features(std::initializer_list<View> views, product::PaddedMatrix<T>* difference) {
    const std::size_t N = views.begin()->z.rows(), D = views.begin()->z.cols();
    const Chunks strips = strips_of<T>(N);
    const Chunks chunks = begin(views, D, strips, difference);
    T* const shifts = shifts_.grow(views.size() * D);
    T* const middles = middles_.grow(views.size() * D);
    double* const squares = squares_.grow(views.size() * strips.count() * D);
    for (std::size_t v = 0; v < views.size(); ++v) {
      std::copy_n(moments_.means(views.begin()[v].z), D, shifts + v * D);
      std::copy_n(moments_.middle(), D, middles + v * D);
    }
    const auto centre = [&](std::size_t v, std::size_t strip) {
      centre_rows(views.begin()[v], strips.first(strip), strips.length(strip), middles + v * D,
                  shifts + v * D, squares + (v * strips.count() + strip) * D);
    };
    const auto subtract_strip = [&](std::size_t strip) {
      for (std::size_t i = 0; difference && i < strips.length(strip); ++i)
        differences_[strip] += subtract(views, strips.first(strip) + i, 0, D, *difference);
    };
    if (step_by_step(chunks)) {
      features_by_steps(views, strips, chunks, centre, subtract_strip);
    } else {
      features_by_chunks(views, strips, chunks, centre, subtract_strip);
    }
    for (std::size_t v = 0; v < views.size(); ++v) {
      double* const sums = views.begin()[v].centred.squares.data();
      std::fill_n(sums, D, 0.0);
      for (std::size_t strip = 0; strip < strips.count(); ++strip) {
        for (std::size_t j = 0; j < D; ++j)
          sums[j] += squares[(v * strips.count() + strip) * D + j];
      }
    }
    return sums(views, D, strips.count());
  }

  std::size_t bytes() const {
    return transposed_.bytes() + middles_.bytes() + shifts_.bytes() + squares_.bytes() +
           differences_.bytes() + moments_.bytes();
  }

 private:
  Chunks begin(std::initializer_list<View> views, std::size_t edge, const Chunks& strips,
               product::PaddedMatrix<T>* difference) {
    const Chunks chunks = product::SmallGram<T>::chunks(strips.count());
    const std::size_t N = views.begin()->z.rows(), D = views.begin()->z.cols();
    for (const View& view : views) {
      view.centred.rows.reshape(N, D);
      view.centred.squares.grow(D);
      view.gram.begin(edge, chunks.count());
    }
    if (difference) difference->reshape(N, D);
    std::fill_n(differences_.grow(strips.count()), strips.count(), 0.0);
    return chunks;
  }

  Sums sums(std::initializer_list<View> views, std::size_t D, std::size_t strips) const {
    Sums result{0, total(differences_.data(), strips)};
    for (const View& view : views) result.squares += total(view.centred.squares.data(), D);
    return result;
  }

  Sums samples_by_steps(std::initializer_list<View> views, const Chunks& strips,
                        const Chunks& chunks, product::PaddedMatrix<T>* difference) {
    const std::size_t D = views.begin()->z.cols();
    reserve_strips_of_columns(views, strips, chunks, transposed_);
    parallel_for(strips.count(), [&](std::size_t strip, std::size_t share) {
      const std::size_t first = strips.first(strip), width = strips.length(strip);
      differences_[strip] = about_middle(views, first, width, difference);
      for (const View& view : views)
        centre_columns(view.centred, first, width, transposed_.row(share * strips.size),
                       transposed_.stride());
      simd::end_of_stream();
    });
    add_strips_of_columns(views, strips, chunks, transposed_);
    return sums(views, D, strips.count());
  }

  template <class Centre, class Subtract>
  static void features_by_chunks(std::initializer_list<View> views, const Chunks& strips,
                                 const Chunks& chunks, Centre&& centre, Subtract&& subtract) {
    const std::size_t D = views.begin()->z.cols();
    parallel_for(chunks.count(), chunks.size * strips.size * D, [&](std::size_t chunk) {
      for (std::size_t i = 0; i < chunks.length(chunk); ++i) {
        const std::size_t strip = chunks.first(chunk) + i;
        for (std::size_t v = 0; v < views.size(); ++v) {
          const View& view = views.begin()[v];
          centre(v, strip);
          view.gram.add(chunk, view.centred.rows.row(strips.first(strip)),
                        view.centred.rows.stride(), strips.length(strip), i == 0,
                        rows_of(view, strips, strip + 1));
        }
        subtract(strip);
      }
      simd::end_of_stream();
    });
  }
  template <class Centre, class Subtract>
  static void features_by_steps(std::initializer_list<View> views, const Chunks& strips,
                                const Chunks& chunks, Centre&& centre, Subtract&& subtract) {
    const std::size_t D = views.begin()->z.cols();
    parallel_for(strips.count(), strips.size * D, [&](std::size_t strip) {
      for (std::size_t v = 0; v < views.size(); ++v) centre(v, strip);
      subtract(strip);
      simd::end_of_stream();
    });
    add_strips_of_rows(views, strips, chunks);
  }

  // Writes whole columns of all views less their middle entries. Returns Σ (a − b)².
  static double about_middle(std::initializer_list<View> views, std::size_t first,
                             std::size_t width, product::PaddedMatrix<T>* difference) {
    const std::size_t N = views.begin()->z.rows();
    alignas(64) T middles[2][widest];
    for (std::size_t v = 0; v < views.size(); ++v)
      middle_entries(views.begin()[v].z, first, width, middles[v]);
    double squared_difference = 0;
    for (std::size_t n = 0; n < N; ++n) {
      for (const View& view : views) {
        const Columns<T> columns{view.z, first, middles[&view - views.begin()]};
        const T* const ahead = view.z.row(std::min(n + rows_ahead, N - 1)) + first;
        T* const out = view.centred.rows.row(n) + first;
        simd::for_batches<T>(0, width, [&](std::size_t j, auto part) {
          simd::prefetch(ahead + j);
          simd::store(out + j, columns.about_middle(n, j, part), part);
        });
      }
      if (difference) squared_difference += subtract(views, n, first, width, *difference);
    }
    return squared_difference;
  }

  // Centres whole columns, and writes them as rows of x and their sums of squares.
  static void centre_columns(CentredView<T>& centred, std::size_t first, std::size_t width, T* x,
                             std::size_t stride) {
    const std::size_t N = centred.rows.rows();
    simd::transpose(centred.rows.row(0) + first, centred.rows.stride(), N, width, x, stride);
    alignas(64) T shift[widest];
    for (std::size_t j = 0; j < width; ++j) {
      T* const column = x + j * stride;
      const double sum = simd::sums<T, 1>(N, [&](std::size_t n, auto part, auto&& add) {
        add(0, simd::load(column + n, part), Batch(T(1)));
      })[0];
      shift[j] = static_cast<T>(sum / static_cast<double>(N));
      const Batch mean(shift[j]);
      centred.squares[first + j] = simd::sums<T, 1>(N, [&](std::size_t n, auto part, auto&& add) {
        const Batch zc = simd::keep(simd::load(column + n, part) - mean, part);
        simd::store(column + n, zc, part);
        add(0, zc, zc);
      })[0];
    }
    for (std::size_t n = 0; n < N; ++n) {
      T* const row = centred.rows.row(n) + first;
      simd::for_batches<T>(0, width, [&](std::size_t j, auto part) {
        simd::store(row + j, simd::load(row + j, part) - simd::load(shift + j, part), part);
      });
    }
  }

  // Some rows of all columns: writes their sums of squares.
  static void centre_rows(const View& view, std::size_t first, std::size_t rows, const T* middle,
                          const T* shift, double* squares) {
    const Columns<T> columns{view.z, 0, middle};
    std::fill_n(squares, view.z.cols(), 0.0);
    add_rows<product::Blocking<T>::tile, T>(
        first, rows, view.z.cols(),
        [&](std::size_t n, std::size_t j, auto part, Batch sum) {
          const Batch zc = columns.centred(n, j, part, shift);
          simd::store(view.centred.rows.row(n) + j, zc, part);
          return simd::fma(zc, zc, sum);
        },
        squares);
  }

  static double subtract(std::initializer_list<View> views, std::size_t n, std::size_t first,
                         std::size_t width, product::PaddedMatrix<T>& difference) {
    return subtract_row(views.begin()[0].z, views.begin()[1].z, n, first, width, difference);
  }

  static product::Later columns_of(const product::PaddedMatrix<T>& zc, const Chunks& strips,
                                   std::size_t strip) {
    if (strip >= strips.count()) return {};
    return {{},
            product::region(zc.row(0) + strips.first(strip), zc.stride(), zc.rows(),
                            strips.length(strip))};
  }
  static product::Later rows_of(const View& view, const Chunks& strips, std::size_t strip) {
    if (strip >= strips.count()) return {};
    const std::size_t first = strips.first(strip), rows = strips.length(strip);
    const product::PaddedMatrix<T>& zc = view.centred.rows;
    return {product::region(view.z.row(first), view.z.row_stride(), rows, view.z.cols()),
            product::region(zc.row(first), zc.stride(), rows, zc.cols())};
  }

  static constexpr std::size_t widest = strip_length<T>;
  static constexpr std::size_t rows_ahead = 8;

  // Scratch.
  product::PaddedMatrix<T> transposed_;  // a strip a chunk, or a share
  Buffer<T> middles_;
  Buffer<T> shifts_;
  Buffer<double> squares_;      // of the rows of each strip
  Buffer<double> differences_;  // of each strip
  Moments<T> moments_;
};

}  // namespace kernels
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
