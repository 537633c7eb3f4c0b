#include "selfsup/losses/sup_con.hpp"

#include "catch.hpp"
#include "losses/loss_case.hpp"
#include "losses/norm_epsilon.hpp"
#include "losses/properties.hpp"
#include "message.hpp"
#include "reference/nt_xent.hpp"
#include "reference/sup_con.hpp"

#include "selfsup/losses/nt_xent.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace {

using selfsup::Reduction;
using selfsup::SupCon;
using selfsup::SupConForm;
using selfsup::SupConOptions;
using tests::Matrix;
using tests::message;
namespace golden = tests::golden;
namespace reference = tests::reference;
namespace tolerance = tests::tolerance;

using Ids = std::vector<std::int64_t>;

// Labels for any number of rows.
enum class Labelling {
  pairs,    // two rows a label, and a last row without a partner where they are odd
  classes,  // as many as four rows a label, far from each other; two labels or more
  one       // the same label for all: nothing to tell apart
};

Ids labels(Labelling labelling, std::size_t rows) {
  Ids result;
  for (std::size_t r = 0; r < rows; ++r) {
    std::size_t label = 0;
    if (labelling == Labelling::pairs) label = r / 2;
    if (labelling == Labelling::classes && rows > 2) label = r % std::max<std::size_t>(2, rows / 4);
    result.push_back(7 - static_cast<std::int64_t>(label));  // not from 0 upwards
  }
  return result;
}

struct LabelledOptions : SupConOptions {
  Labelling labelling = Labelling::pairs;
};

// A SupCon whose labels follow from the number of rows.
template <class T>
class Labelled {
 public:
  explicit Labelled(const LabelledOptions& options)
      : labelling_(options.labelling), loss_(options) {}

  T forward(selfsup::ConstView<T> z) { return loss_.forward(z, ids(z.rows())); }
  T value(selfsup::ConstView<T> z) { return loss_.value(z, ids(z.rows())); }
  void backward(selfsup::MutView<T> d_z, T d_loss = 1) { loss_.backward(d_z, d_loss); }
  double d_temperature() const { return loss_.d_temperature(); }
  std::size_t bytes() const { return loss_.bytes(); }
  template <class Executor>
  void run_on(Executor&& executor) {
    loss_.run_on(executor);
  }

 private:
  // Kept, so that the second call of a size allocates nothing.
  const Ids& ids(std::size_t rows) {
    Ids& kept = ids_[rows];
    if (kept.empty()) kept = labels(labelling_, rows);
    return kept;
  }

  Labelling labelling_;
  std::map<std::size_t, Ids> ids_;
  SupCon<T> loss_;
};

tests::LossCase sup_con_case(const std::string& name, Labelling labelling, SupConForm form,
                             double temperature, bool normalize = true,
                             Reduction reduction = Reduction::mean) {
  LabelledOptions options;
  options.labelling = labelling;
  options.form = form;
  options.temperature = temperature;
  options.normalize = normalize;
  options.reduction = reduction;
  tests::LossCase item;
  item.name = "SupCon " + name;
  item.header = "sup_con";
  item.slow_by_rows = true;
  item.type = "SupCon";
  item.arguments = {"z"};
  item.has_gradient = {true};
  item.any_order = false;  // labels follow from the place of a row
  item.reference = [options](const std::vector<Matrix<double>>& z) {
    return reference::sup_con(z[0], labels(options.labelling, z[0].rows()), options.temperature,
                              options.form == SupConForm::inside, options.normalize,
                              options.reduction == Reduction::mean);
  };
  item.normalizes = options.normalize;
  item.temperature = options.temperature;
  item.min_rows = labelling == Labelling::pairs ? 2 : 3;
  if (!options.normalize) {
    // The accuracy promised is that of cosines; larger similarities have larger rounding.
    item.magnifies = [options](const auto& inputs, bool in_float) {
      const double reach = tests::largest_square(inputs);
      return std::max(1.0, in_float ? 0.1 / options.temperature * reach : reach);
    };
  }
  return tests::with_loss<Labelled>(options, item);
}

constexpr SupConForm forms[] = {SupConForm::outside, SupConForm::inside};

SupConOptions with(double temperature, SupConForm form) {
  SupConOptions options;
  options.temperature = temperature;
  options.form = form;
  return options;
}

// 0 … N−1, once for each of two stacked views.
Ids twice(std::size_t N) {
  Ids result;
  for (std::size_t i = 0; i < 2 * N; ++i) result.push_back(static_cast<std::int64_t>(i % N));
  return result;
}

}  // namespace

namespace tests {

const LossCases registered([]() -> std::vector<LossCase> {
  constexpr SupConForm outside = SupConForm::outside, inside = SupConForm::inside;
  return {
      sup_con_case("pairs", Labelling::pairs, outside, 0.1),
      sup_con_case("pairs, inside", Labelling::pairs, inside, 0.1),
      sup_con_case("classes", Labelling::classes, outside, 0.1),
      sup_con_case("classes, inside", Labelling::classes, inside, 0.1),
      sup_con_case("classes, 0.01, online maxima in float", Labelling::classes, outside, 0.01),
      sup_con_case("classes, inside, 0.01", Labelling::classes, inside, 0.01),
      sup_con_case("classes, 0.002, online maxima in double", Labelling::classes, outside, 0.002),
      sup_con_case("classes, sum", Labelling::classes, outside, 0.5, true, Reduction::sum),
      sup_con_case("without normalisation", Labelling::classes, outside, 1, false),
      sup_con_case("inside without normalisation", Labelling::classes, inside, 1, false),
  };
});

}  // namespace tests

TEST_CASE("SupCon: both forms meet the golden numbers") {
  const auto z = tests::stacked<double>({tests::golden_a(), tests::golden_b()});
  const Ids ids{0, 0, 1, 1, 0, 0, 1, 1};
  for (const SupConForm form : forms) {
    const auto expected =
        form == SupConForm::outside ? golden::sup_con_outside : golden::sup_con_inside;
    Matrix<double> d_z(8, 3);
    SupCon<double> loss(with(0.1, form));
    CHECK(std::abs(loss.forward(z, ids) - expected.value) <= tolerance::golden_double);
    loss.backward(d_z);
    CHECK(std::abs(d_z(0, 0) - expected.d_a00) <= tolerance::golden_double);
    CHECK(std::abs(d_z(4, 0) - expected.d_b00) <= tolerance::golden_double);
    SupCon<float> in_float(with(0.1, form));
    const double found = static_cast<double>(in_float.forward(tests::cast<float>(z), ids));
    CHECK(std::abs(found - expected.value) <= tolerance::golden_float * expected.value);
  }
}

TEST_CASE("SupCon: with labels 0 ... N-1 twice it is NtXent, also where both are small") {
  for (const double noise : {4.0, 0.25, 1e-2}) {
    for (const double temperature : {0.01, 0.1, 0.5}) {
      for (const std::size_t N : {1u, 2u, 17u, 200u}) {
        INFO(N << " samples, noise " << noise << ", temperature " << temperature);
        const auto views = tests::random_views(N, 33, N, 2, noise);
        const auto z = tests::stacked(views);
        reference::Softmax form_of_pairs;
        form_of_pairs.temperature = temperature;
        form_of_pairs.divisor = 2 * static_cast<double>(N);
        const auto expected = reference::nt_xent(views[0], views[1], form_of_pairs);
        for (const SupConForm form : forms) {
          auto item = sup_con_case("", Labelling::pairs, form, temperature);
          item.reference = {};
          const auto check = [&](auto scalar) {
            using T = decltype(scalar);
            selfsup::NtXentOptions options;
            options.temperature = temperature;
            selfsup::NtXent<T> twin(options);
            const auto rounded = tests::cast<T>(views);
            std::vector<Matrix<T>> gradients(2, Matrix<T>(N, 33));
            const double value = static_cast<double>(twin.forward(rounded[0], rounded[1]));
            twin.backward(gradients[0], gradients[1]);
            SupCon<T> loss(with(temperature, form));
            Matrix<T> d_z(2 * N, 33);
            const double found = static_cast<double>(loss.forward(tests::cast<T>(z), twice(N)));
            loss.backward(d_z);
            const bool in_float = sizeof(T) == 4;
            const double sharp = tolerance::sharpness(temperature);
            const double rounding = tolerance::rounding(2 * N + 33, temperature);
            const double floor = tolerance::underflow<T>(2 * N) / temperature;
            CHECK(std::abs(found - value) <=
                  (in_float ? 2 * tolerance::float_value * sharp : rounding) * value + floor);
            const auto error =
                tests::gradient_error<T>({d_z}, {tests::stacked(expected.gradients)}, floor);
            CHECK(error.ratio <= (in_float ? tolerance::float_gradient * sharp : rounding));
            CHECK(std::abs(loss.d_temperature() - twin.d_temperature()) <=
                  (in_float ? tolerance::float_gradient * sharp : rounding) *
                          expected.d_temperature_magnitude +
                      floor / temperature);
          };
          check(float());
          check(double());
        }
      }
    }
  }
}

TEST_CASE("SupCon: identical rows give ln(M - 1) and no gradient") {
  for (const std::size_t M : {2u, 3u, 17u, 400u}) {
    const Matrix<double> z(M, 5, 0.7);
    for (const SupConForm form : forms) {
      for (const Labelling labelling : {Labelling::pairs, Labelling::classes, Labelling::one}) {
        Matrix<double> d_z(M, 5);
        SupCon<double> loss(with(0.1, form));
        const double expected = std::log(static_cast<double>(M - 1));
        CHECK(std::abs(loss.forward(z, labels(labelling, M)) - expected) <=
              tolerance::rounding(M, 0.1) * std::max(1.0, expected));
        loss.backward(d_z);
        for (const double x : d_z.entries()) CHECK(std::abs(x) <= tolerance::rounding(M, 0.1));
      }
    }
  }
}

TEST_CASE("SupCon: similarities of millions are as right as their differences") {
  // Exact products just below 2^24, whose sums are not; the row before has another label.
  constexpr std::size_t M = 130;
  Matrix<double> z(M, 4);
  Ids classes;
  for (std::size_t a = 0; a < M; ++a) {
    z(a, 2 * (a % 2)) = 4000;
    z(a, 2 * (a % 2) + 1) = static_cast<double>(a % 5);
    classes.push_back(static_cast<std::int64_t>(a % 2));
  }
  for (const bool inside : {false, true}) {
    SupConOptions options = with(1, inside ? SupConForm::inside : SupConForm::outside);
    options.normalize = false;
    SupCon<float> loss(options);
    const auto expected = reference::sup_con(z, classes, 1, inside, false, true);
    CHECK(std::abs(static_cast<double>(loss.forward(tests::cast<float>(z), classes)) -
                   expected.value) <= tolerance::float_value * std::max(1.0, expected.value));
  }
}

TEST_CASE("SupCon: one label for all pulls all rows together, and has no inside gradient") {
  const auto z = tests::random_views(210, 20, 5, 1);
  const auto item = sup_con_case("", Labelling::one, SupConForm::outside, 0.5);
  const auto expected = item.reference(z);
  CHECK_NONE(tests::check_reference(item, *item.make<float>(), tests::cast<float>(z), expected, 1));
  CHECK_NONE(tests::check_reference(item, *item.make<double>(), z, expected, 1));
  CHECK_NONE(tests::check_differences(item, *item.make<double>(), tests::inputs_of(item, 7, 5)));
  Matrix<float> d_z(210, 20);
  SupCon<float> inside(with(0.1, SupConForm::inside));
  const float log_n = static_cast<float>(std::log(209.0));
  CHECK(inside.forward(tests::cast<float>(z[0]), labels(Labelling::one, 210)) == log_n);
  inside.backward(d_z);
  CHECK(d_z.entries() == std::vector<float>(d_z.entries().size(), 0));
}

TEST_CASE("SupCon: the inside form is never above the outside form") {
  const auto z = tests::random_matrix(60, 12, 4);
  const Ids ids = labels(Labelling::classes, 60);
  CHECK(SupCon<double>(with(0.2, SupConForm::inside)).forward(z, ids) <
        SupCon<double>(with(0.2, SupConForm::outside)).forward(z, ids));
}

TEST_CASE("SupCon: rows without a partner are candidates, and no anchors") {
  const auto z = tests::random_matrix(9, 6, 3);
  const Ids ids{5, 0, 1, 5, 2, 3, 5, 0, 4};  // anchors 0, 3, 6 and 1, 7
  for (const SupConForm form : forms) {
    const bool inside = form == SupConForm::inside;
    const auto expected = reference::sup_con(z, ids, 0.1, inside, true, true);
    Matrix<double> d_z(9, 6);
    SupCon<double> loss(with(0.1, form));
    CHECK(std::abs(loss.forward(z, ids) - expected.value) <=
          tolerance::rounding(20, 0.1) * expected.value);
    loss.backward(d_z);
    CHECK(tests::gradient_error<double>({d_z}, expected.gradients).entry <=
          tolerance::rounding(20, 0.1));
  }
}

TEST_CASE("SupCon: the order of the rows does not matter, nor the labels' numbers") {
  constexpr std::size_t M = 37;
  const auto z = tests::random_matrix(M, 18, 3);
  const Ids ids = labels(Labelling::classes, M);
  for (const SupConForm form : forms) {
    SupCon<double> loss(with(0.1, form));
    Matrix<double> d_z(M, 18), moved(M, 18), d_moved(M, 18);
    Ids moved_ids(M);
    const auto place = [](std::size_t row) { return row * 5 % M; };
    for (std::size_t r = 0; r < M; ++r) {
      for (std::size_t c = 0; c < 18; ++c) moved(place(r), c) = z(r, c);
      moved_ids[place(r)] = ids[r] * (std::int64_t{1} << 40) - 3;
    }
    const double value = loss.forward(z, ids);
    loss.backward(d_z);
    const double allowed = tolerance::rounding(M + 18, 0.1);
    CHECK(std::abs(loss.forward(moved, moved_ids) - value) <= allowed * value);
    loss.backward(d_moved);
    Matrix<double> expected(M, 18);
    for (std::size_t r = 0; r < M; ++r) {
      for (std::size_t c = 0; c < 18; ++c) expected(place(r), c) = d_z(r, c);
    }
    CHECK(tests::gradient_error<double>({d_moved}, {expected}).entry <= allowed);
  }
}

TEST_CASE("SupCon: temperatures from 1e-3 to 1e3 are finite and right") {
  for (const SupConForm form : forms) {
    for (const Labelling labelling : {Labelling::pairs, Labelling::classes}) {
      for (const double temperature : {1e-3, 1e-2, 1.0, 1e3}) {
        for (const std::size_t rows : {3u, 50u, 210u}) {
          INFO("temperature " << temperature << ", " << rows << " rows");
          const auto item = sup_con_case("", labelling, form, temperature);
          const auto z = tests::random_views(rows, 20, 5, 1);
          const auto expected = item.reference(z);
          CHECK_NONE(tests::check_reference(item, *item.make<float>(), tests::cast<float>(z),
                                            expected, 1));
          CHECK_NONE(tests::check_reference(item, *item.make<double>(), z, expected, 1));
        }
      }
    }
  }
}

TEST_CASE("SupCon: rows of zeros, duplicates and opposites are right") {
  auto z = tests::random_views(16, 6, 3, 1);
  for (std::size_t d = 0; d < 6; ++d) {
    z[0](4, d) = z[0](7, d) = 0;
    z[0](1, d) = z[0](2, d) = z[0](9, d) = z[0](5, d);
    z[0](12, d) = -z[0](5, d);
  }
  for (const SupConForm form : forms) {
    for (const Labelling labelling : {Labelling::pairs, Labelling::classes}) {
      const auto item = sup_con_case("", labelling, form, 0.1);
      const auto expected = item.reference(z);
      CHECK_NONE(
          tests::check_reference(item, *item.make<float>(), tests::cast<float>(z), expected, 1));
      CHECK_NONE(tests::check_reference(item, *item.make<double>(), z, expected, 1));
    }
  }
}

TEST_CASE("SupCon: labels that are too few, too many or all different are refused") {
  const auto z = tests::random_matrix(6, 4, 1);
  SupCon<double> loss;
  CHECK(message<selfsup::ShapeError>([&] {
          loss.forward(z, Ids{0, 0, 1, 1, 2});
        }) == "SupCon::forward: labels has 5 entries, z is 6x4");
  CHECK(message<selfsup::ShapeError>([&] {
          loss.value(z, Ids{0, 0, 1, 1, 2, 3, 3});
        }) == "SupCon::value: labels has 7 entries, z is 6x4");
  CHECK(message<selfsup::ShapeError>([&] {
          loss.forward(z, Ids{5, 4, 3, 2, 1, 0});
        }) == "SupCon::forward: no two of the 6 labels are equal, at least one pair expected");
  CHECK(message<selfsup::ShapeError>([&] { loss.forward(Matrix<double>(1, 4, 1), Ids{5}); }) ==
        "SupCon::forward: no two of the 1 labels are equal, at least one pair expected");
  Matrix<double> d_z(6, 4);
  CHECK_THROWS_AS(loss.backward(d_z), selfsup::StateError);
}

TEST_CASE("SupCon: labels of any integer type and any value") {
  const auto z = tests::random_matrix(6, 4, 1);
  SupCon<double> loss;
  const double expected = loss.forward(z, Ids{0, 1, 2, 0, 1, 2});
  CHECK(loss.forward(z, std::vector<int>{-1, 3, 9, -1, 3, 9}) == expected);
  CHECK(loss.forward(z, std::vector<unsigned char>{255, 0, 1, 255, 0, 1}) == expected);
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  CHECK(loss.forward(z, Ids{most, least, 0, most, least, 0}) == expected);
}

TEST_CASE("SupCon: more rows than can be addressed are refused") {
  constexpr std::size_t rows = std::size_t{1} << 60;
  const float entry = 1;
  const int label = 1;
  SupCon<float> loss;
  CHECK(message<selfsup::ShapeError>([&] {
          loss.forward({&entry, rows, 2, 0, 0}, selfsup::Labels(&label, rows, 0));
        }) ==
        "SupCon::forward: z is 1152921504606846976x2, at most 281474976710656 entries expected");
}

TEST_CASE("SupCon: similarities that overflow are an error, whatever the labels") {
  Matrix<float> z = tests::cast<float>(tests::random_matrix(9, 5, 1));
  for (const float big : {1e20f, 1e25f, 1e37f}) {
    Matrix<float> bigger = z;
    for (float& entry : bigger.entries()) entry *= big;
    for (const SupConForm form : forms) {
      for (const Labelling labelling : {Labelling::pairs, Labelling::classes, Labelling::one}) {
        SupConOptions options = with(0.1, form);
        options.normalize = false;
        SupCon<float> loss(options);
        const auto found =
            message<selfsup::NonFiniteError>([&] { loss.forward(bigger, labels(labelling, 9)); });
        CHECK(found.find("SupCon::forward: overflow in float, largest |z| is ") == 0);
      }
    }
  }
}

TEST_CASE("SupCon: labels may change between forward and backward") {
  const auto z = tests::random_matrix(6, 4, 1);
  Ids ids{0, 1, 2, 0, 1, 2};
  Matrix<double> d_z(6, 4), again(6, 4);
  SupCon<double> loss;
  loss.forward(z, ids);
  loss.backward(d_z);
  ids = {};
  loss.backward(again);
  CHECK(again.entries() == d_z.entries());
}

TEST_CASE("SupCon: options are checked") {
  SupConOptions view_means;
  view_means.reduction = Reduction::view_means;
  CHECK_THROWS_AS(SupCon<float>(view_means), selfsup::OptionError);
  SupCon<double> loss;
  CHECK_THROWS_AS(loss.d_temperature(), selfsup::StateError);
  for (const double temperature : {0.0, -0.1, std::numeric_limits<double>::infinity(),
                                   std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(loss.set_temperature(temperature), selfsup::OptionError);
    CHECK_THROWS_AS(SupCon<float>(with(temperature, SupConForm::inside)), selfsup::OptionError);
  }
  loss.set_temperature(0.3);
  CHECK(loss.options().temperature == 0.3);
}

TEMPLATE_TEST_CASE("SupCon: rows shorter than norm_epsilon are divided by it", "", float, double) {
  LabelledOptions options;
  const auto with_epsilon = [&](double norm_epsilon) {
    tests::LossCase item = sup_con_case("", Labelling::pairs, SupConForm::outside, 0.1);
    options.norm_epsilon = norm_epsilon;
    options.temperature = item.temperature;
    return tests::with_loss<Labelled>(options, item);
  };
  const auto plain = sup_con_case("", Labelling::pairs, SupConForm::outside, 0.1, false);
  tests::check_norm_epsilon<TestType>(with_epsilon, plain);
}
