#include "selfsup/momentum/memory_bank.hpp"

#include "catch.hpp"
#include "layout.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "scratch_file.hpp"
#include "threads.hpp"
#include "tolerances.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace {

using selfsup::MemoryBank;
using tests::Matrix;
using tests::message;
using tests::ScratchFile;
using Ids = std::vector<std::int64_t>;

template <class T>
Matrix<T> batch(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  return tests::cast<T>(tests::random_matrix(rows, cols, seed));
}

template <class T>
Matrix<double> unit_rows(const Matrix<T>& z) {
  auto unit = tests::cast<double>(z);
  for (std::size_t r = 0; r < z.rows(); ++r) {
    double square = 0;
    for (std::size_t c = 0; c < z.cols(); ++c) square += unit(r, c) * unit(r, c);
    for (std::size_t c = 0; c < z.cols(); ++c) unit(r, c) /= std::sqrt(square);
  }
  return unit;
}

// Everything that a bank shows.
template <class T>
struct Contents {
  std::size_t size, next;
  Ids ids;
  std::vector<T> entries;

  explicit Contents(const MemoryBank<T>& bank) : size(bank.size()), next(bank.next()) {
    if (bank.ids()) ids.assign(bank.ids(), bank.ids() + size);
    for (std::size_t r = 0; r < size; ++r) {
      for (std::size_t c = 0; c < bank.cols(); ++c) entries.push_back(bank.view()(r, c));
    }
  }
  bool operator==(const Contents& other) const {
    return size == other.size && next == other.next && ids == other.ids && entries == other.entries;
  }
};

// True when the packed panels hold the same rows, and zeros to the end of the last panel.
template <class T>
bool panels_agree(const MemoryBank<T>& bank) {
  using Packed = selfsup::product::PackedRight<T>;
  const selfsup::kernels::BankRows<T>& rows = bank;
  for (std::size_t first = 0; first < bank.size(); first += Packed::panel_cols) {
    for (std::size_t k = 0; k < bank.cols(); ++k) {
      const T* const panel = rows.packed().panel(k, first).data;
      for (std::size_t c = 0; c < Packed::panel_cols; ++c) {
        const T expected = first + c < bank.size() ? bank.view()(first + c, k) : T(0);
        if (panel[c] != expected) return false;
      }
    }
  }
  return true;
}

// A ring as anybody would write it.
struct SlowRing {
  std::size_t capacity;
  std::vector<std::vector<double>> rows = {};
  Ids ids = {};
  std::size_t next = 0;

  void push(const Matrix<double>& unit, const Ids& numbers) {
    for (std::size_t r = 0; r < unit.rows(); ++r) {
      const std::vector<double> row(&unit(r, 0), &unit(r, 0) + unit.cols());
      if (rows.size() < capacity) {
        rows.push_back(row);
        ids.push_back(numbers[r]);
      } else {
        rows[next] = row;
        ids[next] = numbers[r];
      }
      next = (next + 1) % capacity;
    }
  }
};

template <class T>
void check_ring(std::size_t capacity, std::size_t D) {
  MemoryBank<T> bank(capacity, D);
  SlowRing slow{capacity};
  std::int64_t id = -3;
  for (const std::size_t rows : {1u, 5u, 16u, 3u, 40u, 7u, 100u, 33u, 1u}) {
    const auto z = batch<T>(rows, D, 10 * rows);
    Ids ids;
    while (ids.size() < rows) ids.push_back(id++);
    bank.push(z, ids);
    slow.push(unit_rows(z), ids);
    INFO("capacity " << capacity << ", " << rows << " rows of " << D);
    REQUIRE(bank.size() == slow.rows.size());
    CHECK(bank.next() == slow.next);
    CHECK(Ids(bank.ids(), bank.ids() + bank.size()) == slow.ids);
    double worst = 0;
    for (std::size_t r = 0; r < bank.size(); ++r) {
      for (std::size_t c = 0; c < D; ++c) {
        const double entry = static_cast<double>(bank.view()(r, c));
        worst = tests::worse(worst, std::abs(entry - slow.rows[r][c]));
      }
    }
    CHECK(worst <= tests::tolerance::operations<T>(4));
    CHECK(panels_agree(bank));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a bank is a ring of rows scaled to length 1", "", float, double) {
  for (const std::size_t capacity : {1u, 2u, 7u, 32u, 65u}) {
    for (const std::size_t D : {1u, 3u, 17u}) check_ring<TestType>(capacity, D);
  }
}

TEST_CASE("rows of any length, of zeros, in any layout, and the bank's own may be pushed") {
  MemoryBank<float> bank(8, 3);
  Matrix<float> z(4, 3);
  for (std::size_t c = 0; c < 3; ++c) {
    z(1, c) = 1e30f;
    z(2, c) = 3;
    z(3, c) = 1e-5f;
  }
  bank.push(z);
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(bank.view()(0, c) == 0);
    for (const std::size_t r : {1u, 2u, 3u})
      CHECK(std::abs(bank.view()(r, c) - std::sqrt(1.f / 3)) <= 1e-7f);
  }
  CHECK(bank.ids() == nullptr);
  bank.push(bank.view());
  CHECK(bank.size() == 8);
  CHECK(panels_agree(bank));

  const auto rows = batch<float>(5, 6, 1);
  MemoryBank<float> expected(9, 6);
  expected.push(rows);
  for (const auto layout : tests::layouts) {
    INFO(tests::name(layout));
    const tests::Stored<float> stored(rows, layout);
    MemoryBank<float> other(9, 6);
    other.push(stored);
    CHECK((Contents<float>(other) == Contents<float>(expected)));
  }
}

TEST_CASE("any number of threads gives the same bank") {
  const auto fill = [](int threads) {
    const tests::Threads scope(threads);
    MemoryBank<float> bank(1000, 65);
    for (std::uint64_t seed = 0; seed < 5; ++seed) bank.push(batch<float>(300, 65, seed));
    CHECK(panels_agree(bank));
    MemoryBank<float> restored(1000, 65);
    restored.restore(bank.view(), bank.next());
    CHECK(panels_agree(restored));
    CHECK((Contents<float>(restored) == Contents<float>(bank)));
    return Contents<float>(bank);
  };
  const auto on_one = fill(1);
  for (const int threads : {2, 3, 5}) CHECK((fill(threads) == on_one));
}

TEST_CASE("what is refused changes nothing") {
  MemoryBank<float> bank(6, 3);
  bank.push(batch<float>(4, 3, 1));
  const Contents<float> before(bank);
  const auto refused = [&](const Matrix<float>& z) {
    const std::string found =
        message<std::exception>([&] { bank.push(selfsup::ConstView<float>(z)); });
    CHECK((Contents<float>(bank) == before));
    CHECK(panels_agree(bank));
    return found;
  };
  for (const std::size_t rows : {3u, 20u}) {  // of 20 rows the first ones would not even stay
    auto bad = batch<float>(rows, 3, 2);
    bad(1, 2) = std::numeric_limits<float>::quiet_NaN();
    CHECK(refused(bad) == "MemoryBank::push: z is NaN in row 1, column 2");
    bad(1, 2) = -std::numeric_limits<float>::infinity();
    CHECK(refused(bad) == "MemoryBank::push: z is infinite in row 1, column 2");
  }
  CHECK(refused(batch<float>(3, 4, 2)) ==
        "MemoryBank::push: z is 3x4, the bank's rows have 3 columns");
  CHECK(refused(Matrix<float>(0, 3)) == "MemoryBank::push: z is 0x3, at least 1x1 expected");
  const Ids ids(4, 0);
  CHECK(message<selfsup::StateError>([&] { bank.push(batch<float>(4, 3, 2), ids); }) ==
        "MemoryBank::push: rows with ids, the bank has rows without");
  CHECK((Contents<float>(bank) == before));
  bank.clear();
  CHECK(bank.size() == 0);
  bank.push(batch<float>(4, 3, 2), ids);
  CHECK(message<selfsup::StateError>([&] { bank.push(batch<float>(4, 3, 2)); }) ==
        "MemoryBank::push: rows without ids, the bank has rows with");
  CHECK(message<selfsup::OptionError>([] { MemoryBank<float>(0, 3); }) ==
        "MemoryBank: 0x3, at least 1x1 expected");
  CHECK_THROWS_AS(MemoryBank<float>(3, 0), selfsup::OptionError);
}

TEST_CASE("a copy goes on alone, and nothing can be pushed into what was moved from") {
  MemoryBank<float> bank(6, 3);
  bank.push(batch<float>(4, 3, 1));
  const Contents<float> before(bank);
  MemoryBank<float> copy = bank;
  bank.push(batch<float>(4, 3, 2));
  CHECK((Contents<float>(copy) == before));
  CHECK(panels_agree(copy));
  const MemoryBank<float> moved = std::move(copy);
  CHECK((Contents<float>(moved) == before));
  CHECK_THROWS_AS(copy.push(batch<float>(4, 3, 2)), selfsup::ShapeError);
  copy = moved;
  copy.push(batch<float>(1, 3, 2));
  CHECK(copy.size() == 5);
  const std::size_t bytes = bank.bytes();
  bank.push(batch<float>(4, 3, 3));
  CHECK(bank.bytes() == bytes);
}

TEMPLATE_TEST_CASE("a saved bank loads as it was", "", float, double) {
  using T = TestType;
  const ScratchFile file;
  for (const bool with_ids : {false, true}) {
    for (const std::size_t rows : {0u, 3u, 7u, 12u}) {
      const Ids ids{5, -1, 1ll << 40, 3, 9, 8, 7, 6, 5, 4, 3, 2};
      MemoryBank<T> bank(7, 5);
      const auto z = batch<T>(rows, 5, 1);
      if (rows > 0 && with_ids) bank.push(z, {ids.data(), rows});
      if (rows > 0 && !with_ids) bank.push(z);
      bank.save(file.path());
      MemoryBank<T> other(7, 5);
      other.push(batch<T>(4, 5, 2), {ids.data(), 4});
      other.load(file.path());
      CHECK((Contents<T>(other) == Contents<T>(bank)));
      CHECK((other.ids() != nullptr) == (bank.ids() != nullptr));
      CHECK(panels_agree(other));
      if (rows == 0) continue;
      const auto more = batch<T>(4, 5, 3);  // they go on alike
      for (auto* each : {&bank, &other})
        with_ids ? each->push(more, {ids.data(), 4}) : each->push(more);
      CHECK((Contents<T>(other) == Contents<T>(bank)));
    }
  }
}

TEST_CASE("another number of ids than rows is refused") {
  MemoryBank<float> bank(7, 5);
  CHECK(message<selfsup::ShapeError>([&] {
          bank.push(batch<float>(4, 5, 2), Ids{1, 2, 3});
        }) == "MemoryBank::push: ids has 3 entries, z is 4x5");
  CHECK(bank.size() == 0);
}

TEST_CASE("a file cut short at any byte, with any byte flipped or with one more is refused") {
  const ScratchFile file;
  MemoryBank<float> bank(4, 2);
  const Ids ids{1, 2, 3};
  bank.push(batch<float>(3, 2, 1), ids);
  bank.save(file.path());
  const std::string good = file.read();
  CHECK(good.size() == 56 + 3 * (2 * 4 + 8) + 4);
  MemoryBank<float> other(4, 2);
  other.push(batch<float>(2, 2, 2));
  const Contents<float> before(other);
  const auto is_refused = [&](const std::string& bytes) {
    file.write(bytes);
    const std::string found = message<selfsup::FileError>([&] { other.load(file.path()); });
    return found.rfind("MemoryBank::load: " + file.path(), 0) == 0 &&
           Contents<float>(other) == before && panels_agree(other);
  };
  for (std::size_t size = 0; size < good.size(); ++size) {
    INFO("cut to " << size << " bytes");
    CHECK(is_refused(good.substr(0, size)));
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      INFO("byte " << at << " flipped by " << flip);
      CHECK(is_refused(bad));
    }
  }
  CHECK(is_refused(good + "x"));
  CHECK(is_refused(good + good));
  file.write(good);
  other.load(file.path());
  CHECK((Contents<float>(other) == Contents<float>(bank)));
}

TEST_CASE("a file that lies with a right checksum is refused") {
  const ScratchFile file;
  MemoryBank<float> bank(4, 2);
  bank.push(batch<float>(3, 2, 1));
  bank.save(file.path());
  const std::string good = file.read();
  const Contents<float> before(bank);
  const auto load = [&](std::size_t at, std::string bytes) {
    std::string bad = good;
    bad.replace(at, bytes.size(), bytes);
    const auto* body = reinterpret_cast<const unsigned char*>(bad.data());
    const std::uint32_t crc = selfsup::crc32c(body, bad.size() - 4);
    for (std::size_t i = 0; i < 4; ++i)
      bad[bad.size() - 4 + i] = static_cast<char>(crc >> 8 * i & 0xff);
    file.write(bad);
    std::string found = message<selfsup::FileError>([&] { bank.load(file.path()); });
    CHECK((Contents<float>(bank) == before));
    const std::string start = "MemoryBank::load: " + file.path() + " ";
    return found.rfind(start, 0) == 0 ? found.substr(start.size()) : found;
  };
  const std::string huge(8, '\xff');
  CHECK(load(0, "S") == "is no file of a memory bank");
  CHECK(load(8, std::string(1, 2)) == "has another format version");
  CHECK(load(12, std::string(1, 8)) == "has entries of another type");
  CHECK(load(16, std::string(1, 5)) == "holds a bank of 5x2, this one is 4x2");
  CHECK(load(24, std::string(1, 3)) == "holds a bank of 4x3, this one is 4x2");
  for (const std::size_t at : {32u, 40u, 48u}) CHECK(load(at, huge) == "contradicts itself");
  CHECK(load(32, std::string(1, 2)) == "contradicts itself");
  CHECK(load(40, std::string(1, 1)) == "contradicts itself");
  CHECK(load(48, std::string(1, 1)) == "contradicts itself");
  const std::string nan{0, 0, '\xc0', '\x7f'}, two{0, 0, 0, '\x40'}, zero(4, '\0');
  CHECK(load(56, nan) == "has row 0 of squared length NaN, below 1.001 expected");
  CHECK(load(64, two + zero) == "has row 1 of squared length 4, below 1.001 expected");
}

TEST_CASE("a file that cannot be written or read is named, and the old one stays") {
  MemoryBank<float> bank(4, 2);
  const std::string nowhere = "/no such folder/bank";
  CHECK(message<selfsup::FileError>([&] { bank.save(nowhere); }) ==
        "MemoryBank::save: /no such folder/bank cannot be written: No such file or directory");
  CHECK(message<selfsup::FileError>([&] { bank.load(nowhere); }) ==
        "MemoryBank::load: /no such folder/bank cannot be read: No such file or directory");
  CHECK(message<selfsup::FileError>([&] { bank.load("/"); }) ==
        "MemoryBank::load: / is no regular file");
  CHECK(message<selfsup::FileError>([&] { bank.load("/dev/zero"); }) ==
        "MemoryBank::load: /dev/zero is no regular file");
  const ScratchFile file;
  ::mkdir(file.path().c_str(), 0777);  // a folder cannot be replaced by a file
  CHECK_THROWS_AS(bank.save(file.path()), selfsup::FileError);
  CHECK(file.neighbours() == 1);  // no temporary file stays behind
  ::rmdir(file.path().c_str());
  bank.save(file.path());
  bank.push(batch<float>(2, 2, 1));
  bank.save(file.path());
  CHECK(file.neighbours() == 1);
  MemoryBank<float> other(4, 2);
  other.load(file.path());
  CHECK(other.size() == 2);
}

TEST_CASE("CRC-32C has its published values") {
  const auto crc = [](const std::string& text) {
    return selfsup::crc32c(reinterpret_cast<const unsigned char*>(text.data()), text.size());
  };
  CHECK(crc("123456789") == 0xe3069283u);
  CHECK(crc(std::string(32, '\0')) == 0x8a9136aau);  // RFC 3720, appendix B.4
  CHECK(crc(std::string(32, '\xff')) == 0x62a8ab43u);
  CHECK(crc("") == 0);
}

TEST_CASE("a bank is restored from what its view and its next place were") {
  for (const std::size_t pushes : {0U, 1U, 2U, 3U, 5U}) {
    MemoryBank<float> bank(7, 4), other(7, 4);
    other.push(batch<float>(5, 4, 99));
    for (std::size_t k = 0; k < pushes; ++k) bank.push(batch<float>(3, 4, k));
    Matrix<float> rows(bank.size(), 4);
    for (std::size_t r = 0; r < bank.size(); ++r) {
      for (std::size_t c = 0; c < 4; ++c) rows(r, c) = bank.view()(r, c);
    }
    other.restore(rows, bank.next());
    CHECK(Contents<float>(other) == Contents<float>(bank));
    CHECK(panels_agree(other));
    bank.push(batch<float>(2, 4, 50));
    other.push(batch<float>(2, 4, 50));
    CHECK(Contents<float>(other) == Contents<float>(bank));
  }
}

TEST_CASE("a bank refuses to be restored from what it never was, and stays") {
  MemoryBank<double> bank(4, 3);
  bank.push(batch<double>(2, 3, 1));
  const Contents<double> before(bank);
  Matrix<double> rows = unit_rows(batch<double>(3, 3, 2));
  CHECK(message<selfsup::OptionError>([&] { bank.restore(rows, 2); }) ==
        "MemoryBank::restore: next is 2 of 3 rows and a capacity of 4");
  CHECK(message<selfsup::OptionError>([&] { bank.restore(batch<double>(4, 3, 2), 4); }) ==
        "MemoryBank::restore: next is 4 of 4 rows and a capacity of 4");
  CHECK(message<selfsup::ShapeError>([&] { bank.restore(batch<double>(5, 3, 2), 0); }) ==
        "MemoryBank::restore: rows are 5x3, at most 4x3 expected");
  CHECK(message<selfsup::ShapeError>([&] { bank.restore(batch<double>(3, 2, 2), 3); }) ==
        "MemoryBank::restore: rows are 3x2, at most 4x3 expected");
  rows(1, 1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(bank.restore(rows, 3), selfsup::NonFiniteError);
  CHECK(Contents<double>(bank) == before);
}

TEMPLATE_TEST_CASE("a bank without rows is restored", "", float, double) {
  MemoryBank<TestType> bank(7, 4);
  if (GENERATE(false, true)) bank.push(batch<TestType>(5, 4, 1), Ids{1, 2, 3, 4, 5});
  bank.restore(Matrix<TestType>(0, 4), 0);
  CHECK(bank.size() == 0);
  CHECK(bank.next() == 0);
  bank.restore(bank.view(), 0);
  bank.push(batch<TestType>(2, 4, 2));
  MemoryBank<TestType> expected(7, 4);
  expected.push(batch<TestType>(2, 4, 2));
  CHECK(Contents<TestType>(bank) == Contents<TestType>(expected));
  CHECK(panels_agree(bank));
}

TEMPLATE_TEST_CASE("what restore takes, load takes", "", float, double) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const ScratchFile file;
  MemoryBank<T> bank(4, 2), other(4, 2);
  bank.push(batch<T>(2, 2, 1), Ids{3, 4});
  const Contents<T> before(bank);
  const auto restored = [&](T longest) {
    Matrix<T> rows(3, 2);
    rows(0, 0) = 1;
    rows(1, 1) = longest;
    bank.restore(rows, 3);
  };
  const auto refused = [&](T longest) {
    const std::string found = message<std::exception>([&] { restored(longest); });
    CHECK(Contents<T>(bank) == before);
    CHECK(panels_agree(bank));
    return found;
  };
  const std::string start = "MemoryBank::restore: rows has row 1 of squared length ";
  CHECK(refused(2) == start + "4, below 1.001 expected");
  CHECK(refused(T(1.0006)) == start + "1.0012, below 1.001 expected");
  CHECK(refused(Limits::max()) == start + "inf, below 1.001 expected");
  CHECK(refused(-Limits::infinity()) == start + "inf, below 1.001 expected");
  CHECK(refused(Limits::quiet_NaN()) == start + "NaN, below 1.001 expected");
  CHECK_THROWS_AS(restored(2), selfsup::OptionError);
  CHECK_THROWS_AS(restored(Limits::max()), selfsup::NonFiniteError);
  for (const T longest : {T(0), T(0.5), T(1.0004)}) {
    restored(longest);
    bank.save(file.path());
    other.load(file.path());
    CHECK(Contents<T>(other) == Contents<T>(bank));
  }
}

TEST_CASE("a bank that no memory holds is bad_alloc") {
  constexpr std::size_t huge = std::size_t{1} << 60, most = std::numeric_limits<std::size_t>::max();
  for (const auto& [capacity, D] : {std::pair{huge, std::size_t{128}},
                                    {std::size_t{24}, huge},
                                    {std::size_t{1}, most},
                                    {most, std::size_t{1}},
                                    {huge, huge}}) {
    INFO(capacity << "x" << D);
    CHECK_THROWS_AS(MemoryBank<float>(capacity, D), std::bad_alloc);
  }
}

// A loss reads the bank until its backward: one that is gone by then is refused where it compiles.
static_assert(
    std::is_convertible_v<const MemoryBank<float>&, const selfsup::kernels::BankRows<float>&>);
static_assert(!std::is_convertible_v<MemoryBank<float>, const selfsup::kernels::BankRows<float>&>);
