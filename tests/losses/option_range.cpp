// Options at the ends of their range in the type of the loss, and beyond them.
#include "catch.hpp"
#include "denormals.hpp"
#include "matrix.hpp"
#include "message.hpp"
#include "tolerances.hpp"

#include "selfsup/losses/alignment.hpp"
#include "selfsup/losses/barlow_twins.hpp"
#include "selfsup/losses/byol.hpp"
#include "selfsup/losses/grouped_covariance.hpp"
#include "selfsup/losses/info_nce.hpp"
#include "selfsup/losses/lejepa.hpp"
#include "selfsup/losses/nt_xent.hpp"
#include "selfsup/losses/probed_covariance.hpp"
#include "selfsup/losses/siglip.hpp"
#include "selfsup/losses/sigreg.hpp"
#include "selfsup/losses/simsiam.hpp"
#include "selfsup/losses/sup_con.hpp"
#include "selfsup/losses/uniformity.hpp"
#include "selfsup/losses/vicreg.hpp"
#include "selfsup/testing/gradcheck.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <new>
#include <string>

namespace {

using tests::Matrix;
using tests::message;

constexpr std::size_t largest_size = std::numeric_limits<std::size_t>::max();

template <template <class> class Loss, class T, class Options, class Member, class Number>
std::string refused(Member Options::*member, Number value) {
  Options options;
  options.*member = static_cast<Member>(value);
  return message<selfsup::OptionError>([&] { Loss<T>{options}; });
}

// What an option of a float loss is told that float cannot hold.
template <template <class> class Loss, class Options>
void check_outside_float(double Options::*member, double value, const std::string& name) {
  INFO(name << " " << value);
  const std::string found = refused<Loss, float>(member, value);
  CHECK(found.find(name + " is ") == 0);
  CHECK(found.find("outside the range of float") != std::string::npos);
  CHECK(refused<Loss, double>(member, value) == "nothing thrown");
}

template <template <class> class Loss, class Options>
void check_norm_epsilon(double Options::*member, const std::string& name) {
  for (const double tiny : {5e-309, std::numeric_limits<double>::denorm_min()}) {
    if (!tests::keeps_denormals()) continue;  // it is 0
    const std::string found = refused<Loss, float>(member, tiny);
    INFO(found);
    CHECK(found.find(name + ": norm_epsilon is ") == 0);
    CHECK(found.find("outside the range of double") != std::string::npos);
  }
  Options options;
  options.*member = std::numeric_limits<double>::min();
  CHECK_NOTHROW(Loss<float>(options));
}

Matrix<float> rows(std::size_t count, std::size_t cols, std::uint64_t seed) {
  return tests::cast<float>(tests::random_matrix(count, cols, seed));
}

}  // namespace

TEST_CASE("an option that the type cannot hold is refused by name") {
  using namespace selfsup;
  for (const double value : {1e39, 1e-39})
    check_outside_float<VicReg>(&VicRegOptions::target_std, value, "VicReg: target_std");
  for (const double value : {1e39, 1e-39, 1e-100})
    check_outside_float<VicReg>(&VicRegOptions::epsilon, value, "VicReg: epsilon");
  check_outside_float<VicReg>(&VicRegOptions::invariance_weight, 1e39, "VicReg: invariance_weight");
  check_outside_float<VicReg>(&VicRegOptions::variance_weight, 1e39, "VicReg: variance_weight");
  check_outside_float<VicReg>(&VicRegOptions::covariance_weight, 1e39, "VicReg: covariance_weight");
  for (const double value : {1e39, 1e-39, 1e-100})
    check_outside_float<BarlowTwins>(&BarlowTwinsOptions::epsilon, value, "BarlowTwins: epsilon");
  check_outside_float<BarlowTwins>(&BarlowTwinsOptions::scale, 1e39, "BarlowTwins: scale");
  check_outside_float<BarlowTwins>(&BarlowTwinsOptions::off_diagonal_weight, 1e39,
                                   "BarlowTwins: off_diagonal_weight");
  check_outside_float<NtXent>(&NtXentOptions::hard_negative_beta, 1e39,
                              "NtXent: hard_negative_beta");
  for (const double value : {1e39, 1e-39}) {
    check_outside_float<NtXent>(&NtXentOptions::temperature, value, "NtXent: temperature");
    check_outside_float<InfoNce>(&InfoNceOptions::temperature, value, "InfoNce: temperature");
    check_outside_float<SupCon>(&SupConOptions::temperature, value, "SupCon: temperature");
    check_outside_float<SigLip>(&SigLipOptions::scale, value, "SigLip: scale");
    check_outside_float<Uniformity>(&UniformityOptions::scale, value, "Uniformity: scale");
    check_outside_float<Alignment>(&AlignmentOptions::power, value, "Alignment: power");
  }
  check_outside_float<SigLip>(&SigLipOptions::bias, 1e39, "SigLip: bias");
}

TEST_CASE("a floor of norms has an inverse in double") {
  using namespace selfsup;
  check_norm_epsilon<NtXent>(&NtXentOptions::norm_epsilon, "NtXent");
  check_norm_epsilon<InfoNce>(&InfoNceOptions::norm_epsilon, "InfoNce");
  check_norm_epsilon<SupCon>(&SupConOptions::norm_epsilon, "SupCon");
  check_norm_epsilon<SigLip>(&SigLipOptions::norm_epsilon, "SigLip");
  check_norm_epsilon<Uniformity>(&UniformityOptions::norm_epsilon, "Uniformity");
  check_norm_epsilon<Alignment>(&AlignmentOptions::norm_epsilon, "Alignment");
  check_norm_epsilon<Byol>(&ByolOptions::norm_epsilon, "Byol");
  check_norm_epsilon<SimSiam>(&SimSiamOptions::norm_epsilon, "SimSiam");
}

// β weighs negatives by e^(βs/τ): none of it is left below 1e-30, only the hardest above 1e30.
TEMPLATE_TEST_CASE("NtXent: the least and the largest beta", "", float, double) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const auto z_a = tests::cast<T>(tests::random_matrix(8, 4, 1));
  const auto z_b = tests::cast<T>(tests::random_matrix(8, 4, 2));
  const auto with_beta = [&](double beta, Matrix<T>& d_z_a) {
    selfsup::NtXentOptions options = selfsup::NtXentOptions::hcl();
    options.hard_negative_beta = beta;
    selfsup::NtXent<T> loss(options);
    Matrix<T> d_z_b(8, 4);
    const T value = loss.forward(z_a, z_b);
    loss.backward(d_z_a, d_z_b);
    return value;
  };
  Matrix<T> without(8, 4), tiny(8, 4), huge(8, 4), largest(8, 4);
  const T expected = with_beta(0, without);
  for (const double beta :
       {static_cast<double>(Limits::min()), static_cast<double>(Limits::min()) * 0.8,
        static_cast<double>(Limits::denorm_min())}) {
    INFO("beta " << beta);
    CHECK(std::abs(with_beta(beta, tiny) - expected) <=
          tests::tolerance::operations<T>(8) * static_cast<double>(expected));
    for (std::size_t i = 0; i < tiny.entries().size(); ++i) {
      CHECK(std::abs(tiny.entries()[i] - without.entries()[i]) <=
            tests::tolerance::operations<T>(32));
    }
  }
  const T limit = with_beta(1e12, huge);
  CHECK(with_beta(static_cast<double>(Limits::max()), largest) == limit);
  CHECK(largest.entries() == huge.entries());
  CHECK(limit > expected);
}

TEST_CASE("NtXent: a large beta keeps the digits of the gradient") {
  const auto z_a = tests::random_matrix(5, 4, 1), z_b = tests::random_matrix(5, 4, 2);
  selfsup::NtXentOptions options = selfsup::NtXentOptions::hcl();
  for (const double beta : {30.0, 1e3, 1e12}) {
    options.hard_negative_beta = beta;
    const auto report = selfsup::gradcheck(selfsup::NtXent<double>(options), {z_a, z_b});
    INFO("beta " << beta << ": " << report);
    CHECK(report.passes(tests::tolerance::difference));
  }
}

TEST_CASE("VicReg and BarlowTwins: a constant column at the least epsilon has gradient 0") {
  auto z_a = rows(9, 5, 3), z_b = rows(9, 5, 4);
  for (std::size_t n = 0; n < 9; ++n) z_a(n, 2) = z_b(n, 2) = 3;
  Matrix<float> d_z_a(9, 5), d_z_b(9, 5);
  const auto check = [&](auto&& loss) {
    CHECK(std::isfinite(loss.forward(z_a, z_b)));
    loss.backward(d_z_a, d_z_b);
    for (std::size_t n = 0; n < 9; ++n) {
      CHECK(d_z_a(n, 2) == 0);
      CHECK(std::isfinite(d_z_a(n, 0)));
    }
  };
  selfsup::VicRegOptions vicreg;
  vicreg.epsilon = std::numeric_limits<float>::min();
  check(selfsup::VicReg<float>(vicreg));
  selfsup::BarlowTwinsOptions barlow;
  barlow.epsilon = std::numeric_limits<float>::min();
  check(selfsup::BarlowTwins<float>(barlow));
}

TEST_CASE("NtXent: weights of anchors as large as the type takes beside the least temperature") {
  // e^(2/τ) is the largest number that an exponential may have to be multiplied by.
  selfsup::NtXentOptions options = selfsup::NtXentOptions::dcl();
  options.temperature = 0.0251;
  selfsup::NtXent<float> loss(options);
  Matrix<float> z(2, 2), d_z_a(2, 2), d_z_b(2, 2), weights(4, 1, 65536);
  z(0, 0) = 1;
  z(1, 0) = -1;
  loss.forward(z, z);  // every negative is opposite
  loss.backward_per_anchor(weights, d_z_a, d_z_b);
  for (const float entry : d_z_a.entries()) CHECK(std::isfinite(entry));
}

TEST_CASE("GroupedCovariance: groups larger than the batch are the exact term") {
  const auto z = tests::random_matrix(7, 6, 1);
  const auto with_groups = [&](std::size_t group_size) {
    selfsup::GroupedCovarianceOptions options;
    options.group_size = group_size;
    return selfsup::GroupedCovariance<double>(options).value(z);
  };
  selfsup::VicReg<double> exact;
  exact.value(z);
  for (const std::size_t size : {std::size_t{6}, std::size_t{7}, largest_size - 1, largest_size}) {
    CHECK(std::abs(with_groups(size) - exact.terms().covariance) <=
          tests::tolerance::rounding(20) * exact.terms().covariance);
  }
}

TEST_CASE("numbers of slices and probes that no memory holds are bad_alloc, and the loss goes on") {
  const auto z = rows(6, 4, 1);
  Matrix<float> slices(4, 2, 0.5f);
  for (const std::size_t count :
       {std::size_t{1} << 60, std::size_t{1} << 62, std::size_t{1} << 63, largest_size}) {
    INFO(count);
    selfsup::SigRegOptions sigreg_options;
    sigreg_options.slices = count;
    selfsup::SigReg<float> sigreg(sigreg_options);
    CHECK_THROWS_AS(sigreg.forward(z), std::bad_alloc);
    sigreg.set_slices(slices);
    CHECK(std::isfinite(sigreg.forward(z)));
    selfsup::LeJepaOptions lejepa_options;
    lejepa_options.slices = count;
    selfsup::LeJepa<float> lejepa(lejepa_options);
    CHECK_THROWS_AS(lejepa.forward(z, z), std::bad_alloc);
    selfsup::ProbedCovarianceOptions probed_options;
    probed_options.probes = count;
    CHECK_THROWS_AS(selfsup::ProbedCovariance<float>(probed_options).forward(z), std::bad_alloc);
  }
}

TEST_CASE("given slices that are not finite are named, and the old ones stay") {
  const auto z = rows(6, 4, 1);
  Matrix<float> slices(4, 2, 0.5f), broken = slices;
  broken(3, 1) = std::numeric_limits<float>::quiet_NaN();
  selfsup::SigReg<float> sigreg;
  sigreg.set_slices(slices);
  const float before = sigreg.forward(z);
  CHECK(message<selfsup::NonFiniteError>([&] { sigreg.set_slices(broken); }) ==
        "SigReg::set_slices: u is NaN in row 3, column 1");
  CHECK(sigreg.forward(z) == before);
  selfsup::LeJepa<float> lejepa;
  CHECK(message<selfsup::NonFiniteError>([&] { lejepa.set_slices(broken); }) ==
        "LeJepa::set_slices: u is NaN in row 3, column 1");
}
