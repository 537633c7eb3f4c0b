// The queue of keys that MoCo draws its negatives from. docs/guides/memory_bank.md has the file's
// format.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/check.hpp"
#include "selfsup/core/contiguous.hpp"
#include "selfsup/core/labels.hpp"
#include "selfsup/core/parallel.hpp"
#include "selfsup/core/runs_on.hpp"
#include "selfsup/core/view.hpp"
#include "selfsup/io/checksum.hpp"
#include "selfsup/io/file.hpp"
#include "selfsup/kernels/rows/unit_rows.hpp"
#include "selfsup/kernels/softmax/bank_rows.hpp"
#include "selfsup/product/padded_matrix.hpp"
#include "selfsup/simd/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>

namespace selfsup {
inline namespace SELFSUP_ABI {

/// A ring of `capacity` rows of D columns, each scaled to length 1 (He et al. 2020,
/// arXiv:1911.05722, section 3.2; facebookresearch/moco `_dequeue_and_enqueue`, which wants the
/// batch to divide the capacity). Rows may carry the id of their sample. Only the rows pushed so
/// far are ever read: no random rows fill it at the start.
template <class T>
class MemoryBank : public RunsOn {
 public:
  /// Throws an OptionError unless both are at least 1.
  MemoryBank(std::size_t capacity, std::size_t D) : ring_(capacity, D) {
    if (capacity == 0 || D == 0)
      throw OptionError("MemoryBank: " + shape_text(capacity, D) + ", at least 1x1 expected");
  }

  /// Writes the rows of z (N, D), scaled to length 1, into the ring in their order, over the oldest
  /// ones; of more than `capacity` rows the last ones stay. A row of zeros stays zero. z may be the
  /// bank's own view. Throws ShapeError for another D or an empty z, NonFiniteError when an entry
  /// is NaN or infinite, StateError when the bank's rows have ids.
  void push(ConstView<T> z) { push_rows(z, nullptr); }

  /// The same for rows with an id each. Throws ShapeError for another number of ids, StateError
  /// when the bank has rows without.
  void push(ConstView<T> z, Labels ids) {
    require_one_a_row<T>("MemoryBank::push", "ids", ids, {"z", z});
    ring_.reserve_ids();
    std::int64_t* const numbers = ids_.grow(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) numbers[i] = ids[i];
    push_rows(z, numbers);
  }

  /// The rows so far, (size(), D), in the order of their places, which is not that of their age
  /// once the ring is full. Good until the next push, load or clear.
  ConstView<T> view() const { return ring_.view(); }
  /// Their ids, or null when they have none.
  const std::int64_t* ids() const { return ring_.ids(); }

  std::size_t size() const { return ring_.size(); }
  std::size_t capacity() const { return ring_.capacity(); }
  std::size_t cols() const { return ring_.cols(); }
  /// The place of the next row; in a full ring the oldest one's.
  std::size_t next() const { return ring_.next(); }

  void clear() { ring_.clear(); }

  /// Replaces all of it by `rows` (size, D), as they are, and the place of the next row: view() and
  /// next() of an earlier time, for those who write their own checkpoints. Ids are not restored.
  /// Throws ShapeError for another D or more rows than the capacity, OptionError for a place that
  /// cannot be the next one or a row longer than 1, NonFiniteError for a row whose squared length
  /// is NaN or infinite; the bank then stays.
  void restore(ConstView<T> rows, std::size_t next) {
    const RunOn threads = lent();
    const char* const where = "MemoryBank::restore";
    if (rows.cols() != cols() || rows.rows() > capacity()) {
      throw ShapeError(std::string(where) + ": rows are " + shape_text(rows) + ", at most " +
                       shape_text(capacity(), cols()) + " expected");
    }
    if (rows.rows() < capacity() ? next != rows.rows() : next >= capacity()) {
      throw OptionError(std::string(where) + ": next is " + std::to_string(next) + " of " +
                        std::to_string(rows.rows()) + " rows and a capacity of " +
                        std::to_string(capacity()));
    }
    unit_.reshape(rows.rows(), cols());
    const ConstView<T> entries = copy_.of(rows);
    parallel_for(rows.rows(), cols(),
                 [&](std::size_t r) { std::copy_n(entries.row(r), cols(), unit_.row(r)); });
    const LongRow row = first_long_row();
    if (!row.text.empty()) {
      const std::string text = std::string(where) + ": rows has " + row.text;
      if (!is_finite(row.square)) throw NonFiniteError(text);
      throw OptionError(text);
    }
    refill(nullptr, next);
  }

  /// What a loss reads, in both layouts of its products, until its backward: of a bank that lives
  /// on.
  operator const kernels::BankRows<T>&() const& { return ring_; }  // NOLINT: converts on purpose
  operator const kernels::BankRows<T>&() const&& = delete;

  /// Writes all of it to a file. A crash, or a FileError, leaves the old file or none.
  void save(const std::string& path) const {
    const std::size_t D = cols();
    Bytes bytes(magic, magic + 8);
    bytes.reserve(most_bytes());
    append(bytes, format_version);
    append(bytes, std::uint32_t{sizeof(T)});
    for (const std::size_t number : {capacity(), D, size(), next(), std::size_t{ids() != nullptr}})
      append(bytes, std::uint64_t{number});
    for (std::size_t r = 0; r < size(); ++r) {
      for (std::size_t d = 0; d < D; ++d) append(bytes, bits(view().row(r)[d]));
    }
    for (std::size_t r = 0; ids() && r < size(); ++r)
      append(bytes, static_cast<std::uint64_t>(ids()[r]));
    append(bytes, crc32c(bytes.data(), bytes.size()));
    write_file("MemoryBank::save", path, bytes);
  }

  /// Replaces all of it by what `save` wrote of a bank of the same type, capacity and D. Anything
  /// else is a FileError, and the bank stays as it was.
  void load(const std::string& path) {
    const RunOn threads = lent();
    const Bytes bytes = read_file("MemoryBank::load", path, most_bytes());
    const auto refuse = [&](const std::string& what) {
      throw FileError("MemoryBank::load: " + path + " " + what);
    };
    if (bytes.size() < header_bytes + crc_bytes || std::memcmp(bytes.data(), magic, 8) != 0)
      refuse("is no file of a memory bank");
    const std::size_t end = bytes.size() - crc_bytes;
    if (read<std::uint32_t>(bytes, 8) != format_version) refuse("has another format version");
    if (read<std::uint32_t>(bytes, end) != crc32c(bytes.data(), end)) refuse("is damaged");
    if (read<std::uint32_t>(bytes, 12) != sizeof(T)) refuse("has entries of another type");
    const std::uint64_t file_capacity = read<std::uint64_t>(bytes, 16);
    const std::uint64_t D = read<std::uint64_t>(bytes, 24);
    const std::uint64_t rows = read<std::uint64_t>(bytes, 32);
    const std::uint64_t file_next = read<std::uint64_t>(bytes, 40);
    const std::uint64_t has_ids = read<std::uint64_t>(bytes, 48);
    if (file_capacity != capacity() || D != cols() || D == 0) {
      refuse("holds a bank of " + shape_text(file_capacity, D) + ", this one is " +
             shape_text(capacity(), cols()));
    }
    const std::size_t row_bytes = cols() * sizeof(T) + (has_ids ? sizeof(std::int64_t) : 0);
    const std::size_t left = end - header_bytes;
    if (has_ids > 1 || rows > capacity() || left % row_bytes != 0 || left / row_bytes != rows ||
        file_next != (rows < capacity() ? rows : file_next % capacity())) {
      refuse("contradicts itself");
    }
    if (has_ids) ring_.reserve_ids();
    take(bytes, static_cast<std::size_t>(rows), refuse);
    refill(has_ids ? ids_.data() : nullptr, static_cast<std::size_t>(file_next));
  }

  /// Memory that this object holds.
  std::size_t bytes() const {
    return ring_.bytes() + unit_.bytes() + ids_.bytes() + pushed_.bytes() + copy_.bytes();
  }

 private:
  static constexpr unsigned char magic[] = {'s', 'e', 'l', 'f', 'b', 'a', 'n', 'k'};
  static constexpr std::uint32_t format_version = 1;
  static constexpr std::size_t header_bytes = 56;
  static constexpr std::size_t crc_bytes = 4;

  std::size_t most_bytes() const {
    return header_bytes + capacity() * (cols() * sizeof(T) + sizeof(std::int64_t)) + crc_bytes;
  }

  void push_rows(ConstView<T> z, const std::int64_t* ids) {
    const RunOn threads = lent();
    const char* const where = "MemoryBank::push";
    require_batches<T>(where, {{"z", z}});
    if (z.cols() != cols()) {
      throw ShapeError(std::string(where) + ": z is " + shape_text(z) + ", the bank's rows have " +
                       std::to_string(cols()) + " columns");
    }
    if (size() > 0 && (ring_.ids() != nullptr) != (ids != nullptr)) {
      throw StateError(std::string(where) + (ids ? ": rows with ids, the bank has rows without"
                                                 : ": rows without ids, the bank has rows with"));
    }
    kernels::take_rows<T>({where, {{"z", z}}}, {}, {&pushed_});
    ring_.push(pushed_.rows(), ids);
  }

  struct LongRow {
    double square = 0;
    std::string text;  // empty when there is none
  };

  // The first row of unit_ that no push can have left, rounding apart.
  LongRow first_long_row() const {
    constexpr double bound = 1.001;
    for (std::size_t r = 0; r < unit_.rows(); ++r) {
      const double square = simd::dot(unit_.row(r), unit_.row(r), cols());
      if (is_finite(square) && square < bound) continue;
      std::ostringstream text;
      text << "row " << r << " of squared length ";
      if (is_nan(square)) {
        text << "NaN";
      } else {
        text << square;
      }
      text << ", below " << bound << " expected";
      return {square, text.str()};
    }
    return {};
  }

  // Replaces all of the ring by the rows of unit_.
  void refill(const std::int64_t* ids, std::size_t next) {
    ring_.clear();
    if (unit_.rows() > 0) ring_.push(unit_, ids);
    ring_.set_next(next);
  }

  // The file's rows and ids, ready to be pushed.
  template <class Refuse>
  void take(const Bytes& bytes, std::size_t rows, const Refuse& refuse) {
    unit_.reshape(rows, cols());
    std::size_t at = header_bytes;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t d = 0; d < cols(); ++d, at += sizeof(T)) {
        const auto number = read<detail::Bits<T>>(bytes, at);
        std::memcpy(unit_.row(r) + d, &number, sizeof number);
      }
    }
    const LongRow row = first_long_row();
    if (!row.text.empty()) refuse("has " + row.text);
    const std::size_t count = (bytes.size() - crc_bytes - at) / sizeof(std::int64_t);
    ids_.grow(count);
    for (std::size_t i = 0; i < count; ++i, at += sizeof(std::int64_t))
      ids_[i] = static_cast<std::int64_t>(read<std::uint64_t>(bytes, at));
  }

  static detail::Bits<T> bits(const T& entry) {
    detail::Bits<T> number;
    std::memcpy(&number, &entry, sizeof number);
    return number;
  }

  // Little-endian numbers.
  template <class Number>
  static void append(Bytes& bytes, Number number) {
    for (std::size_t i = 0; i < sizeof number; ++i)
      bytes.push_back(static_cast<unsigned char>(number >> 8 * i & 0xff));
  }
  template <class Number>
  static Number read(const Bytes& bytes, std::size_t at) {
    Number number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i)
      number |= static_cast<Number>(static_cast<Number>(bytes[at + i]) << 8 * i);
    return number;
  }

  kernels::BankRows<T> ring_;
  // Scratch.
  kernels::UnitRows<T> pushed_;
  product::PaddedMatrix<T> unit_;  // the rows of a file
  Buffer<std::int64_t> ids_;
  ContiguousRows<T> copy_;
};

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
