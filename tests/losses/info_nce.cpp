#include "selfsup/losses/info_nce.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/norm_epsilon.hpp"
#include "losses/properties.hpp"
#include "message.hpp"
#include "reference/info_nce.hpp"
#include "threads.hpp"

#include "selfsup/momentum/memory_bank.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using selfsup::InfoNce;
using selfsup::InfoNceOptions;
using selfsup::Reduction;
using tests::Matrix;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

reference::Softmax softmax(const InfoNceOptions& options, std::size_t rows) {
  const auto N = static_cast<double>(rows);
  reference::Softmax form;
  form.temperature = options.temperature;
  form.normalized = options.normalize;
  form.divisor = options.symmetric && options.reduction == Reduction::mean ? 2 * N : N;
  if (options.reduction == Reduction::sum) form.divisor = 1;
  form.label_smoothing = options.label_smoothing;
  form.hardest = options.hardest;
  return form;
}

// With two arguments the batch has the negatives, with three they are given.
tests::LossCase info_nce_case(const std::string& name, const InfoNceOptions& options,
                              std::optional<tests::Golden> golden = {}, std::size_t arguments = 2) {
  tests::LossCase item;
  item.name = "InfoNce " + name;
  item.header = "info_nce";
  item.slow_by_rows = true;
  item.type = "InfoNce";
  item.arguments = {"query", "key"};
  item.has_gradient = {true, !options.detach_key};
  if (arguments == 3) {
    item.arguments.push_back("negatives");
    item.has_gradient.push_back(false);
    item.shared_rows = 2;
  }
  const auto compute = [options](const auto& z, const reference::Softmax& form) {
    return z.size() == 2
               ? reference::info_nce(z[0], z[1], options.symmetric, form)
               : reference::info_nce_against(z[0], z[1], z[2], !options.negatives_normalized, form);
  };
  item.reference = [=](const std::vector<Matrix<double>>& z) {
    return compute(z, softmax(options, z[0].rows()));
  };
  item.weighted_reference = [=](const auto& z, const std::vector<double>& weights) {
    reference::Softmax form = softmax(options, z[0].rows());
    form.weights = weights;
    return compute(z, form);
  };
  if (options.symmetric) item.exchange = {1, 0};
  item.normalizes = options.normalize && !options.negatives_normalized;
  if (options.negatives_normalized) item.min_cols = 2;  // one column of unit rows has no gradient
  item.temperature = options.temperature;
  if (item.temperature < 0.05) item.noise = 4;  // else all losses would be as small as 1e-40
  if (!item.normalizes) {
    // The accuracy promised is that of cosines; larger similarities have larger rounding.
    item.magnifies = [options](const auto& inputs, bool in_float) {
      const double reach = tests::largest_square(inputs);
      return std::max(1.0, in_float ? 0.1 / options.temperature * reach : reach);
    };
  }
  item.selects = options.hardest > 0;
  item.golden = golden;
  return tests::with_loss<InfoNce>(options, item);
}

InfoNceOptions with(double temperature, bool symmetric, bool normalize = true,
                    Reduction reduction = Reduction::mean) {
  InfoNceOptions options;
  options.temperature = temperature;
  options.symmetric = symmetric;
  options.normalize = normalize;
  options.reduction = reduction;
  return options;
}

template <class T>
tests::Findings against_reference(const InfoNceOptions& options,
                                  const std::vector<Matrix<double>>& inputs) {
  const auto item = info_nce_case("", options);
  const auto rounded = tests::cast<T>(inputs);
  const auto loss = item.make<T>();
  return tests::check_reference(item, *loss, rounded, item.reference(tests::cast<double>(rounded)),
                                1);
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  InfoNceOptions detached, smooth, smooth_clip = InfoNceOptions::clip(), given, sharp, plain, unit;
  detached.detach_key = true;
  smooth.label_smoothing = smooth_clip.label_smoothing = 0.1;
  InfoNceOptions smooth_moco = InfoNceOptions::moco();
  smooth_moco.label_smoothing = 0.3;
  sharp.temperature = 0.01;
  plain.temperature = unit.temperature = 1;
  plain.normalize = false;
  unit.negatives_normalized = true;
  InfoNceOptions hardest, hardest_clip = InfoNceOptions::clip(),
                          hardest_moco = InfoNceOptions::moco();
  hardest.hardest = hardest_clip.hardest = 2;
  hardest_moco.hardest = 3;
  return {
      info_nce_case("default", {}, golden::info_nce_01),
      info_nce_case("symmetric", with(0.1, true), golden::info_nce_symmetric_01),
      info_nce_case("clip", InfoNceOptions::clip()),
      info_nce_case("0.5", with(0.5, false)),
      info_nce_case("0.01, an online maximum in float", with(0.01, false)),
      info_nce_case("symmetric, 0.01", with(0.01, true)),
      info_nce_case("symmetric, 0.002, an online maximum in double", with(0.002, true)),
      info_nce_case("sum", with(0.1, false, true, Reduction::sum)),
      info_nce_case("symmetric sum", with(0.1, true, true, Reduction::sum)),
      info_nce_case("symmetric view_means", with(0.1, true, true, Reduction::view_means)),
      info_nce_case("without normalisation", with(1, false, false)),
      info_nce_case("symmetric without normalisation", with(0.2, true, false)),
      info_nce_case("detached", detached, golden::info_nce_01),
      info_nce_case("label smoothing", smooth, golden::info_nce_01_smoothing_01),
      info_nce_case("clip, label smoothing", smooth_clip),
      info_nce_case("negatives", given, {}, 3),
      info_nce_case("moco", InfoNceOptions::moco(), {}, 3),
      info_nce_case("negatives, 0.01, an online maximum in float", sharp, {}, 3),
      info_nce_case("negatives without normalisation", plain, {}, 3),
      info_nce_case("negatives said to be normalised", unit, {}, 3),
      info_nce_case("moco, label smoothing", smooth_moco, {}, 3),
      info_nce_case("hardest", hardest),
      info_nce_case("clip, hardest", hardest_clip),
      info_nce_case("moco, hardest", hardest_moco, {}, 3),
  };
});

}  // namespace tests

TEST_CASE("InfoNce: the clip preset is symmetric at 0.07") {
  CHECK(InfoNceOptions::clip().symmetric);
  CHECK(InfoNceOptions::clip().temperature == 0.07);
}

TEST_CASE("InfoNce: identical rows give ln N and no gradient") {
  for (const bool symmetric : {false, true}) {
    for (const std::size_t N : {2u, 3u, 17u, 200u}) {
      const Matrix<double> z(N, 5, 0.7);
      Matrix<double> d_query(N, 5), d_key(N, 5);
      InfoNce<double> loss(with(0.1, symmetric));
      const double expected = std::log(static_cast<double>(N));
      CHECK(std::abs(loss.forward(z, z) - expected) <= tolerance::rounding(N, 0.1) * expected);
      loss.backward(d_query, d_key);
      for (const double x : d_query.entries()) CHECK(std::abs(x) <= tolerance::rounding(N, 0.1));
      for (const double x : d_key.entries()) CHECK(std::abs(x) <= tolerance::rounding(N, 0.1));
    }
  }
}

TEST_CASE("InfoNce: equal orthonormal views give ln(e^(1/t) + N - 1) - 1/t") {
  for (const double temperature : {0.05, 0.5, 5.0}) {
    Matrix<double> z(6, 8);
    for (std::size_t n = 0; n < 6; ++n) z(n, n) = 2;
    const double expected = std::log1p(5 * std::exp(-1 / temperature));
    for (const bool symmetric : {false, true}) {
      InfoNce<double> loss(with(temperature, symmetric));
      CHECK(std::abs(loss.forward(z, z) - expected) <=
            tolerance::rounding(6, temperature) * expected);
    }
  }
}

TEST_CASE("InfoNce: the moco preset has constant keys at 0.07") {
  CHECK(InfoNceOptions::moco().detach_key);
  CHECK(InfoNceOptions::moco().temperature == 0.07);
}

TEST_CASE("InfoNce: given negatives may be fewer or more than the queries, beyond a tile, too") {
  InfoNceOptions smooth = InfoNceOptions::moco();
  smooth.label_smoothing = 0.2;
  for (const auto& options : {InfoNceOptions(), InfoNceOptions::moco(), smooth}) {
    const auto item = info_nce_case("", options, {}, 3);
    for (const auto& [rows, count] :
         {std::pair{5u, 1u}, std::pair{1u, 7u}, {70u, 401u}, {3u, 800u}, {201u, 9u}}) {
      INFO(rows << " queries, " << count << " negatives");
      auto z = tests::random_views(rows, 20, 5);
      z.push_back(tests::cast<double>(tests::cast<float>(tests::random_matrix(count, 20, 6))));
      const auto expected = item.reference(z);
      CHECK_NONE(
          tests::check_reference(item, *item.make<float>(), tests::cast<float>(z), expected, 1));
      CHECK_NONE(tests::check_reference(item, *item.make<double>(), z, expected, 1));
    }
  }
}

TEST_CASE("InfoNce: label smoothing of several chunks of rows, on any number of threads") {
  InfoNceOptions smooth = InfoNceOptions::clip();
  smooth.label_smoothing = 0.3;
  const auto item = info_nce_case("", smooth);
  const auto z = tests::random_views(900, 41, 5);
  const auto expected = item.reference(z);
  const auto in_float = tests::cast<float>(z);
  const auto on_threads = [&](int count) {
    const tests::Threads threads(count);
    CHECK_NONE(tests::check_reference(item, *item.make<float>(), in_float, expected, 1));
    CHECK_NONE(tests::check_reference(item, *item.make<double>(), z, expected, 1));
    return std::pair(tests::run(*item.make<float>(), item, in_float),
                     tests::run(*item.make<double>(), item, z));
  };
  const auto on_one = on_threads(1);
  for (const int count : {2, 3, 5}) {
    INFO("threads: " << count);
    CHECK((on_threads(count) == on_one));
  }
}

TEST_CASE("InfoNce: identical rows give ln(K + 1) with K negatives, and no gradient") {
  const Matrix<double> z(4, 5, 0.7), negatives(9, 5, 0.3);
  Matrix<double> d_query(4, 5), d_key(4, 5);
  InfoNce<double> loss;
  const double expected = std::log(10.0);
  CHECK(std::abs(loss.forward(z, z, negatives) - expected) <= tolerance::rounding(9, 0.1));
  CHECK(loss.accuracy() == 0);
  loss.backward(d_query, d_key);
  for (const double x : d_query.entries()) CHECK(std::abs(x) <= tolerance::rounding(9, 0.1));
  for (const double x : d_key.entries()) CHECK(std::abs(x) <= tolerance::rounding(9, 0.1));
}

TEST_CASE("InfoNce: the other keys of the batch as given negatives are the batch's own") {
  const auto z = tests::random_views(1, 9, 3), others = tests::random_views(12, 9, 4);
  Matrix<double> query(13, 9), key(13, 9);
  for (std::size_t d = 0; d < 9; ++d) {
    query(0, d) = z[0](0, d);
    key(0, d) = z[1](0, d);
    for (std::size_t n = 0; n < 12; ++n) {
      query(n + 1, d) = others[0](n, d);
      key(n + 1, d) = others[1](n, d);
    }
  }
  InfoNce<double> batch, given;
  batch.forward(query, key);
  const double found = given.forward(z[0], z[1], others[1]);
  CHECK(std::abs(found - batch.per_anchor()(0, 0)) <= tolerance::rounding(20, 0.1) * found);
}

TEST_CASE("InfoNce: negatives that are longer than they are said to be are right, too") {
  InfoNceOptions options;
  options.negatives_normalized = true;
  const auto item = info_nce_case("", options, {}, 3);
  auto z = tests::random_views(9, 6, 3, 3);
  for (double& x : z[2].entries()) x *= 64;
  const auto expected = item.reference(z);
  CHECK_NONE(tests::check_reference(item, *item.make<float>(), tests::cast<float>(z), expected,
                                    item.amplification<float>(z)));
  CHECK_NONE(tests::check_reference(item, *item.make<double>(), z, expected,
                                    item.amplification<double>(z)));
}

TEMPLATE_TEST_CASE("InfoNce: a negative that is the key itself ties, so the anchor misses", "",
                   float, double) {
  using T = TestType;
  for (const std::size_t cols : {1u, 7u, 40u, 300u, 700u}) {
    const auto z = tests::cast<T>(tests::random_views(70, cols, cols, 2, 0.01));
    InfoNce<T> loss;
    loss.forward(z[0], z[1], z[1]);  // every key is among the negatives
    CHECK(loss.accuracy() == 0);
    Matrix<T> one(1, cols);
    for (std::size_t d = 0; d < cols; ++d) one(0, d) = z[1](64, d);
    loss.forward(z[0], z[1], one);
    if (cols > 1) CHECK(std::abs(loss.accuracy() - 69.0 / 70) < 1e-9);
    // The batch's own: two equal keys take the hit from both of their queries.
    auto key = z[1];
    for (std::size_t d = 0; d < cols; ++d) key(3, d) = key(64, d);
    loss.forward(z[0], key);
    if (cols > 7) CHECK(std::abs(loss.accuracy() - 68.0 / 70) < 1e-9);
  }
}

TEMPLATE_TEST_CASE("InfoNce: a bank's rows are negatives, read in place", "", float, double) {
  using T = TestType;
  for (const std::size_t hardest : {0u, 3u}) {
    InfoNceOptions options = InfoNceOptions::moco();
    options.hardest = hardest;
    const auto item = info_nce_case("", options, {}, 3);
    for (const auto& [rows, capacity, pushed] :
         {std::tuple{9u, 50u, 20u}, {9u, 50u, 70u}, {70u, 500u, 444u}, {3u, 1u, 1u}}) {
      INFO(rows << " queries, " << pushed << " rows pushed to a bank of " << capacity);
      const auto z = tests::cast<T>(tests::random_views(rows, 20, 5));
      selfsup::MemoryBank<T> bank(capacity, 20);
      bank.push(tests::cast<T>(tests::random_matrix(pushed, 20, 6)));
      InfoNce<T> loss(options), copied(options);
      Matrix<T> d_query(rows, 20), d_copied(rows, 20);
      // The same as copies of the same rows, to the last bit.
      InfoNceOptions unit = options;
      unit.negatives_normalized = true;
      copied = InfoNce<T>(unit);
      const T value = loss.forward(z[0], z[1], bank);
      CHECK(value == copied.forward(z[0], z[1], bank.view()));
      CHECK(value == loss.value(z[0], z[1], bank));
      loss.forward(z[0], z[1], bank);
      loss.backward(d_query);
      copied.backward(d_copied);
      CHECK(d_query.entries() == d_copied.entries());
      CHECK(loss.accuracy() == copied.accuracy());
    }
  }
}

TEMPLATE_TEST_CASE("InfoNce: rows of a bank with a query's id are not its negatives", "", float,
                   double) {
  using T = TestType;
  constexpr std::size_t N = 9, K = 400, D = 20;
  const double sharp = sizeof(T) == 4 ? 0.01 : 0.002;  // an online maximum
  // Keys far from their queries, else sharp losses would be 0 in float.
  const auto z = tests::cast<T>(tests::random_views(N, D, 5, 2, 4));
  selfsup::MemoryBank<T> bank(K, D);
  std::vector<std::int64_t> row_ids, ids;
  for (std::size_t k = 0; k < K; ++k) row_ids.push_back(static_cast<std::int64_t>(k * 7 % 11));
  for (std::size_t i = 0; i < N; ++i) ids.push_back(static_cast<std::int64_t>(i * 3) - 6);
  ids[8] = ids[7] = 5;  // twice the same, and before them some that no row has
  bank.push(tests::cast<T>(tests::random_matrix(K, D, 6)), row_ids);
  for (const auto& [hardest, temperature] : {std::pair{0u, 0.1}, {0u, sharp}, {5u, 0.1}}) {
    InfoNceOptions options;
    options.hardest = hardest;
    options.temperature = temperature;
    INFO("hardest " << hardest << ", temperature " << temperature);
    InfoNce<T> loss(options);
    loss.forward(z[0], z[1], bank, ids);
    Matrix<T> d_query(N, D, 7), d_key(N, D, 7);
    loss.backward(d_query, d_key);
    const auto losses = loss.per_anchor();
    options.negatives_normalized = true;
    for (std::size_t i = 0; i < N; ++i) {
      // Alone among the rows that are left.
      Matrix<T> query(1, D), key(1, D), left(0, D);
      std::vector<T> entries;
      for (std::size_t k = 0; k < K; ++k) {
        if (row_ids[k] == ids[i]) continue;
        for (std::size_t d = 0; d < D; ++d) entries.push_back(bank.view()(k, d));
      }
      left = Matrix<T>(entries.size() / D, D);
      left.entries() = entries;
      for (std::size_t d = 0; d < D; ++d) {
        query(0, d) = z[0](i, d);
        key(0, d) = z[1](i, d);
      }
      const auto item = info_nce_case("", options, {}, 3);
      const auto expected = item.reference(tests::cast<double>(std::vector{query, key, left}));
      const double allowed = tests::tolerance::similarity<T>(D) / temperature;
      CHECK(std::abs(losses(i, 0) - expected.value) <= allowed * (1 + expected.value));
      std::vector<Matrix<T>> found(2, Matrix<T>(1, D));
      for (std::size_t d = 0; d < D; ++d) {
        found[0](0, d) = d_query(i, d) * T(N);
        found[1](0, d) = d_key(i, d) * T(N);
      }
      CHECK(tests::gradient_error(found, tests::expected_gradients(item, expected)).ratio <=
            10 * allowed);
    }
  }
}

TEST_CASE("InfoNce: a query whose rows are all masked has no loss") {
  const auto z = tests::random_views(2, 5, 3);
  selfsup::MemoryBank<double> bank(4, 5);
  const std::vector<std::int64_t> row_ids{1, 1, 1}, ids{1, 2};
  bank.push(tests::random_matrix(3, 5, 6), row_ids);
  for (const std::size_t hardest : {0u, 1u}) {
    InfoNceOptions options;
    options.hardest = hardest;
    InfoNce<double> loss(options);
    loss.forward(z[0], z[1], bank, ids);
    CHECK(loss.per_anchor()(0, 0) == 0);
    CHECK(loss.per_anchor()(1, 0) > 0);
    Matrix<double> d_query(2, 5, 7), d_key(2, 5, 7);
    loss.backward(d_query, d_key);
    for (std::size_t d = 0; d < 5; ++d) {
      CHECK(d_query(0, d) == 0);
      CHECK(d_key(0, d) == 0);
      CHECK(d_query(1, d) != 0);
    }
  }
}

TEST_CASE("InfoNce: what does not fit a bank is refused") {
  const auto z = tests::random_views(4, 3, 1);
  const std::vector<std::int64_t> ids{1, 2, 3, 4};
  selfsup::MemoryBank<double> bank(6, 3), wide(6, 5);
  InfoNce<double> loss(InfoNceOptions::moco());
  Matrix<double> d_query(4, 3, 7);
  CHECK(tests::message<selfsup::ShapeError>([&] { loss.forward(z[0], z[1], bank); }) ==
        "InfoNce::forward: bank is 0x3, an anchor needs at least one negative");
  bank.push(z[0]);
  wide.push(tests::random_matrix(2, 5, 1));
  CHECK(tests::message<selfsup::ShapeError>([&] { loss.value(z[0], z[1], wide); }) ==
        "InfoNce::value: bank is 2x5, query is 4x3");
  CHECK(tests::message<selfsup::StateError>([&] { loss.forward(z[0], z[1], bank, ids); }) ==
        "InfoNce::forward: ids given, the bank's rows have none");
  bank.push(tests::random_matrix(2, 3, 2));
  loss.forward(z[0], z[1], bank);
  bank.push(tests::random_matrix(6, 3, 3));  // a full ring once round: the next place is the same
  CHECK(tests::message<selfsup::StateError>([&] { loss.backward(d_query); }) ==
        "InfoNce::backward: the bank has changed since forward");
  CHECK(d_query(0, 0) == 7);
  bank.clear();
  bank.push(z[0], ids);
  CHECK_NOTHROW(loss.forward(z[0], z[1], bank, ids));
  InfoNceOptions smooth;
  smooth.label_smoothing = 0.1;
  InfoNce<double> smoothed(smooth), clip(InfoNceOptions::clip());
  CHECK_NOTHROW(smoothed.forward(z[0], z[1], bank));
  CHECK(tests::message<selfsup::OptionError>([&] { smoothed.forward(z[0], z[1], bank, ids); }) ==
        "InfoNce::forward: label_smoothing shares among all candidates, ids leave some out");
  CHECK_THROWS_AS(clip.forward(z[0], z[1], bank), selfsup::OptionError);
}

TEST_CASE("InfoNce: more negatives than a list of the hardest can name are refused") {
  const Matrix<float> z(2, 1, 1.0f);
  const float row = 1;
  InfoNceOptions options;
  options.hardest = 3;
  InfoNce<float> loss(options);
  const selfsup::ConstView<float> negatives(&row, (std::size_t{1} << 32) + 2, 1, 0, 1);
  CHECK(
      tests::message<selfsup::ShapeError>([&] { loss.forward(z, z, negatives); }) ==
      "InfoNce::forward: negatives has 4294967298 rows, hardest chooses among at most 4294967295");
}

TEST_CASE("InfoNce: backward takes the gradients that forward can reach, no others") {
  const auto z = tests::random_views(4, 3, 1, 3);
  Matrix<double> a(4, 3, 7), b(4, 3, 7);
  const Matrix<double> weights(4, 1, 1);
  InfoNce<double> both, query_alone(InfoNceOptions::moco());
  const std::string one = "1 output given, 2 expected: d_query, d_key";
  const std::string two = "2 outputs given, 1 expected: d_query";
  for (const bool given : {false, true}) {
    given ? both.forward(z[0], z[1], z[2]) : both.forward(z[0], z[1]);
    given ? query_alone.forward(z[0], z[1], z[2]) : query_alone.forward(z[0], z[1]);
    CHECK(tests::message<selfsup::ShapeError>([&] { both.backward(a); }) ==
          "InfoNce::backward: " + one);
    CHECK(tests::message<selfsup::ShapeError>([&] { query_alone.backward(a, b); }) ==
          "InfoNce::backward: " + two);
    CHECK_THROWS_AS(both.backward_per_anchor(weights, a), selfsup::ShapeError);
    CHECK_THROWS_AS(query_alone.backward_per_anchor(weights, a, b), selfsup::ShapeError);
    CHECK(a(0, 0) == 7);
    CHECK_NOTHROW(both.backward(a, b));
    CHECK_NOTHROW(query_alone.backward(b));
    a = b = Matrix<double>(4, 3, 7);
  }
}

TEST_CASE("InfoNce: combinations that exclude each other are refused") {
  const auto z = tests::random_views(4, 3, 1, 3);
  InfoNce<double> clip(InfoNceOptions::clip());
  CHECK(tests::message<selfsup::OptionError>([&] { clip.forward(z[0], z[1], z[2]); }) ==
        "InfoNce::forward: a symmetric loss has no negatives but the batch");
  InfoNceOptions both;
  both.label_smoothing = 0.1;
  both.hardest = 3;
  CHECK(tests::message<selfsup::OptionError>([&] { InfoNce<float>{both}; }) ==
        "InfoNce: label_smoothing shares among all candidates, hardest leaves some");
  for (const double share : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    InfoNceOptions options;
    options.label_smoothing = share;
    CHECK_THROWS_AS(InfoNce<float>(options), selfsup::OptionError);
  }
}

TEST_CASE("InfoNce: the check of users' gradients knows what is constant") {
  const auto z = tests::random_views(4, 3, 1, 3);
  const std::vector<selfsup::ConstView<double>> arguments{z[0], z[1], z[2]};
  CHECK(selfsup::gradcheck(InfoNce<float>(), tests::views(tests::cast<float>(z))).checked == 24);
  const auto report = selfsup::gradcheck(InfoNce<double>(InfoNceOptions::moco()), arguments);
  INFO(report);
  CHECK(report.passes(tolerance::difference));
  CHECK(report.checked == 12);
}

TEST_CASE("InfoNce: a single sample has no negatives, so exactly 0") {
  const auto z = tests::cast<float>(tests::random_views(1, 9, 1));
  for (const bool symmetric : {false, true}) {
    for (const double temperature : {1e-3, 0.1, 1e3}) {
      Matrix<float> d_query(1, 9, 7), d_key(1, 9, 7);
      InfoNce<float> loss(with(temperature, symmetric));
      CHECK(loss.forward(z[0], z[1]) == 0);
      loss.backward(d_query, d_key);
      CHECK(d_query.entries() == std::vector<float>(9, 0));
      CHECK(d_key.entries() == std::vector<float>(9, 0));
    }
  }
}

TEST_CASE("InfoNce: temperatures from 1e-3 to 1e3 are finite and right") {
  for (const double temperature : {1e-3, 1e-2, 1.0, 1e3}) {
    for (const std::size_t rows : {3u, 50u, 150u}) {
      INFO("temperature " << temperature << ", " << rows << " rows");
      const auto z = tests::random_views(rows, 20, 5);
      CHECK_NONE(against_reference<float>(with(temperature, false), z));
      CHECK_NONE(against_reference<float>(with(temperature, true), z));
      CHECK_NONE(against_reference<double>(with(temperature, true), z));
    }
  }
}

TEMPLATE_TEST_CASE("InfoNce: the hardest, given and a bank's negatives are right at 1e-3 and 1e3",
                   "", float, double) {
  using T = TestType;
  constexpr std::size_t N = 50, D = 20;
  for (const double temperature : {1e-3, 1e3}) {
    for (const std::size_t hardest : {0u, 3u}) {
      INFO("temperature " << temperature << ", hardest " << hardest);
      InfoNceOptions options = InfoNceOptions::moco();
      options.temperature = temperature;
      options.hardest = hardest;
      const auto batch = info_nce_case("", options), given = info_nce_case("", options, {}, 3);
      const auto pair = tests::inputs_of(batch, N, D), z = tests::inputs_of(given, N, D);
      const auto rounded = tests::cast<T>(z);
      const auto expected = given.reference(z);
      CHECK_NONE(against_reference<T>(options, pair));
      CHECK_NONE(tests::check_reference(given, *given.make<T>(), rounded, expected, 1));

      selfsup::MemoryBank<T> bank(N + 10, D);
      bank.push(rounded[2]);
      InfoNce<T> loss(options);
      Matrix<T> d_query(N, D, 7);
      const auto value = static_cast<double>(loss.forward(rounded[0], rounded[1], bank));
      loss.backward(d_query);
      const double sharpness = tolerance::sharpness(temperature);
      const double rounding = tolerance::rounding(2 * N + D, temperature);
      const double value_allowed = sizeof(T) == 4 ? tolerance::float_value * sharpness : rounding;
      const double allowed = sizeof(T) == 4 ? tolerance::float_gradient * sharpness : rounding;
      CHECK(std::abs(value - expected.value) <= value_allowed * expected.value);
      CHECK(tests::gradient_error<T>({d_query}, {expected.gradients[0]}).ratio <= allowed);
    }
  }
}

TEST_CASE("InfoNce: rows of zeros, duplicates and opposites are right") {
  auto z = tests::random_views(9, 6, 3);
  for (std::size_t d = 0; d < 6; ++d) {
    z[0](4, d) = z[1](7, d) = 0;
    z[0](1, d) = z[0](2, d) = z[1](2, d) = z[0](5, d);
    z[1](5, d) = -z[0](5, d);
  }
  for (const bool symmetric : {false, true}) {
    CHECK_NONE(against_reference<float>(with(0.1, symmetric), z));
    CHECK_NONE(against_reference<double>(with(0.1, symmetric), z));
  }
}

TEST_CASE("InfoNce: the temperature can be changed, and is checked") {
  InfoNce<double> loss(with(0.5, true)), other(with(0.2, true));
  const auto a = tests::golden_a(), b = tests::golden_b();
  CHECK_THROWS_AS(loss.d_temperature(), selfsup::StateError);
  loss.set_temperature(0.2);
  CHECK(loss.forward(a, b) == other.forward(a, b));
  for (const double temperature : {0.0, -0.1, std::numeric_limits<double>::infinity(),
                                   std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(loss.set_temperature(temperature), selfsup::OptionError);
    CHECK_THROWS_AS(InfoNce<float>(with(temperature, false)), selfsup::OptionError);
  }
}

TEMPLATE_TEST_CASE("InfoNce: rows shorter than norm_epsilon are divided by it", "", float, double) {
  tests::check_norm_epsilon<TestType, InfoNceOptions>(
      [](const InfoNceOptions& options) { return info_nce_case("", options); });
}

namespace {

template <class Loss, class = void>
struct TakesSizes : std::false_type {};
template <class Loss>
struct TakesSizes<Loss, std::void_t<decltype(std::declval<Loss&>().forward(
                            std::declval<const Matrix<float>&>(),
                            std::declval<const Matrix<float>&>(), {4096, 8}))>> : std::true_type {};

}  // namespace

// Two sizes are no bank that is made on the spot.
static_assert(!TakesSizes<InfoNce<float>>::value);

TEST_CASE("InfoNce: a product that overflows is an error, also if it is the positive's alone") {
  Matrix<float> axes(3, 3), turned(3, 3);
  for (std::size_t n = 0; n < 3; ++n) axes(n, n) = turned(n, (n + 1) % 3) = 2e19f;
  InfoNceOptions options;
  options.normalize = false;
  for (const bool symmetric : {false, true}) {
    options.symmetric = symmetric;
    CHECK_THROWS_AS(InfoNce<float>(options).value(axes, axes), selfsup::NonFiniteError);
    CHECK_THROWS_AS(InfoNce<float>(options).value(axes, turned), selfsup::NonFiniteError);
  }
  options.symmetric = false;
  CHECK_THROWS_AS(InfoNce<float>(options).value(axes, axes, turned), selfsup::NonFiniteError);
}
