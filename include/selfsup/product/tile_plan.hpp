// How S = X Yᵀ or Xᵀ Y is cut into tiles, and their work into tasks. What is computed depends on
// the shape alone; in how many tasks, on the threads.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/blocking.hpp"
#include "selfsup/product/pieces.hpp"
#include "selfsup/product/schedule.hpp"
#include "selfsup/product/tile.hpp"

#include <algorithm>
#include <cstddef>

namespace selfsup {
inline namespace SELFSUP_ABI {
namespace product {

template <class T>
class TilePlan {
 public:
  TilePlan() = default;
  /// S (rows, cols), sums of K terms. `in_rows`: X and Y are read by rows.
  TilePlan(std::size_t rows, std::size_t cols, std::size_t K, bool is_symmetric, bool in_rows) {
    rows_ = rows;
    cols_ = cols;
    K_ = K;
    symmetric_ = is_symmetric;
    in_rows_ = in_rows;
    row_edge_ = edge_for(rows, K, in_rows);
    col_edge_ = edge_for(cols, K, in_rows);
    schedule_ = is_symmetric ? Schedule::symmetric(Chunks{rows, row_edge_}.count())
                             : Schedule::rectangular(Chunks{rows, row_edge_}.count(),
                                                     Chunks{cols, col_edge_}.count());
  }

  const Schedule& schedule() const { return schedule_; }
  bool symmetric() const { return symmetric_; }
  bool in_rows() const { return in_rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t depth() const { return K_; }
  /// Room that every tile takes.
  std::size_t tile_entries() const { return row_edge_ * col_edge_; }
  /// The most rows or columns of a tile.
  std::size_t edge() const { return std::max(row_edge_, col_edge_); }

  /// The tile at a place of the walk.
  Tile<T> tile_at(std::size_t position, T* data) const {
    const BlockPair pair = schedule_.pair(position);
    const std::size_t row0 = pair.row * row_edge_, col0 = pair.col * col_edge_;
    return {row0,      col0, std::min(row_edge_, rows_ - row0), std::min(col_edge_, cols_ - col0),
            col_edge_, data, symmetric_ && pair.row == pair.col};
  }

  /// Which side of one of its tiles a block is, the rows of a diagonal one.
  Side side_of(const Tile<T>& tile, Side side, std::size_t block) const {
    if (!symmetric_) return side;
    return tile.row0 == block * row_edge_ ? Side::rows : Side::cols;
  }

  /// How many threads make tiles, one each at a time. A product below 2¹⁸ multiply-adds takes less
  /// time than to start a thread and to wait for it.
  std::size_t threads() const {
    return rows_ * cols_ * K_ < (std::size_t{1} << 18) ? 1 : max_threads();
  }
  /// Calls f(item, share) for every item in [0, count).
  template <class F>
  void in_parallel(std::size_t count, F&& f) const {
    if (threads() > 1) return parallel_for(count, f);
    for (std::size_t i = 0; i < count; ++i) f(i, std::size_t{0});
  }

  /// So many tiles at a time leave what they take in slots: no more than have room where X has, at
  /// 16 bytes for each of their rows and columns, but enough for many threads.
  std::size_t most_slots() const {
    const std::size_t as_x = rows_ * K_ * sizeof(T) / (32 * edge());
    return std::min(schedule_.tiles(), std::max<std::size_t>(64, as_x));
  }

  /// How the blocks of a gradient are cut into tasks, if so many gradients are made at a time.
  Pieces pieces(Side side, std::size_t gradients) const {
    const bool of_rows = symmetric_ || side == Side::rows;
    const std::size_t unit = in_rows_ ? 4 * Blocking<T>::micro_rows : Blocking<T>::micro_cols;
    return {of_rows ? rows_ : cols_, of_rows ? row_edge_ : col_edge_, unit, threads(), gradients};
  }
  /// How the rows of such a piece, which has columns then, are cut into tasks: cores are never
  /// equally fast, and with eight tasks for each none waits long for another. Two bands at least,
  /// since every task makes the weights for itself.
  Chunks rows_of_piece(const Pieces& pieces, std::size_t gradients) const {
    if (in_rows_) return {1, 1};
    const std::size_t bands = Chunks{K_, Blocking<T>::band}.count();
    const std::size_t wanted = Chunks{8 * threads(), gradients * pieces.count()}.count();
    const std::size_t tasks =
        std::min(threads() == 1 ? 1 : wanted, std::max<std::size_t>(1, (bands + 1) / 2));
    return {K_, std::max<std::size_t>(1, Chunks{bands, tasks}.count()) * Blocking<T>::band};
  }
  /// The weights that a task of any gradient needs.
  std::size_t piece_entries() const {
    std::size_t most = 0;
    for (const Side side : {Side::rows, Side::cols})
      most = std::max({most, pieces(side, 1).size(), pieces(side, 2).size()});
    return edge() * most;
  }

 private:
  // Blocks of equal size, as few as the largest tile allows: no narrow last block. But eight of 128
  // rows or more, or four of 64, so that many threads have as much to do (which costs one thread a
  // percent), unless K is so long that its trips through the caches cost more.
  static std::size_t edge_for(std::size_t rows, std::size_t K, bool in_rows) {
    const bool long_trips = K > Blocking<T>::depth || rows * K * sizeof(T) > far_away;
    const std::size_t largest = long_trips ? Blocking<T>::tile : Blocking<T>::small_tile;
    const bool divided = !in_rows || K <= 8 * Blocking<T>::depth;
    const std::size_t of_64 = std::min<std::size_t>(4, rows / 64);
    const std::size_t of_128 = std::min<std::size_t>(8, rows / 128);
    const std::size_t count =
        std::max(Chunks{rows, largest}.count(), divided ? std::max(of_64, of_128) : 1);
    return count == 0 ? 1 : round_up((rows + count - 1) / count, Blocking<T>::micro_cols);
  }
  // Bytes of an operand that no cache holds beside the others.
  static constexpr std::size_t far_away = std::size_t{16} << 20;

  Schedule schedule_;
  std::size_t rows_ = 0;  // of S
  std::size_t cols_ = 0;
  std::size_t K_ = 0;
  std::size_t row_edge_ = 1;
  std::size_t col_edge_ = 1;
  bool symmetric_ = false;
  bool in_rows_ = true;  // X and Y are read by rows
};

}  // namespace product
}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
