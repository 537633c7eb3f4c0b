#include "selfsup/testing/catch.hpp"

#include "catch.hpp"
#include "matrix.hpp"

#include "selfsup/losses/nt_xent.hpp"

TEST_CASE("the matcher matches a report that passes") {
  const auto z = tests::random_views(6, 5, 1);
  const selfsup::NtXent<double> loss;
  CHECK_THAT(selfsup::gradcheck(loss, {z[0], z[1]}), selfsup::HasRightGradients());
  CHECK_THAT(selfsup::gradcheck(loss, {z[0], z[1]}), selfsup::HasRightGradients(1e-8));
  auto report = selfsup::gradcheck(loss, {z[0], z[1]});
  report.error = 1e-5;
  CHECK_FALSE(selfsup::HasRightGradients().match(report));
  CHECK(selfsup::HasRightGradients(1e-4).match(report));
  CHECK(selfsup::HasRightGradients(1e-4).describe() == "has right gradients, to 0.0001");
  CHECK(selfsup::HasRightGradients().describe() == "has right gradients");
  report.error = 0;
  report.kinks = 1;
  CHECK_FALSE(selfsup::HasRightGradients(1).match(report));
}
