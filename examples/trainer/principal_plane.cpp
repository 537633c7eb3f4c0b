#include "principal_plane.hpp"

#include "selfsup/product/matmul.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace trainer {
namespace {

using Direction = std::vector<double>;

double dot(const Direction& a, const Direction& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Takes out of `direction` what lies along `other`, then scales it to length 1; false when nothing
// remains.
bool make_unit(Direction& direction, const Direction* other) {
  if (other != nullptr) {
    const double along = dot(direction, *other);
    for (std::size_t i = 0; i < direction.size(); ++i) direction[i] -= along * (*other)[i];
  }
  const double length = std::sqrt(dot(direction, direction));
  if (!(length > 1e-12)) return false;
  for (double& entry : direction) entry /= length;
  return true;
}

// Power iteration orthogonal to `other`: the leading eigenvector of what remains.
Direction leading(const Matrix<double>& covariance, const Direction* other) {
  constexpr std::size_t iterations = 300;
  const std::size_t D = covariance.rows();
  Direction direction(D);
  for (std::size_t i = 0; i < D; ++i) direction[i] = 1 + std::cos(static_cast<double>(i));
  if (!make_unit(direction, other)) return Direction(D, 0.0);
  Direction image(D);
  for (std::size_t step = 0; step < iterations; ++step) {
    for (std::size_t r = 0; r < D; ++r) {
      image[r] = 0;
      for (std::size_t c = 0; c < D; ++c) image[r] += covariance(r, c) * direction[c];
    }
    if (!make_unit(image, other)) return Direction(D, 0.0);
    direction = image;
  }
  const double extreme =
      *std::max_element(direction.begin(), direction.end(),
                        [](double a, double b) { return std::abs(a) < std::abs(b); });
  if (extreme < 0) {
    for (double& entry : direction) entry = -entry;
  }
  return direction;
}

}  // namespace

Matrix<float> principal_plane(const Matrix<float>& rows) {
  const std::size_t N = rows.rows();
  const std::size_t D = rows.cols();
  Matrix<double> centred(N, D);
  for (std::size_t c = 0; c < D; ++c) {
    double mean = 0;
    for (std::size_t r = 0; r < N; ++r) mean += static_cast<double>(rows(r, c));
    mean /= static_cast<double>(N);
    for (std::size_t r = 0; r < N; ++r) centred(r, c) = static_cast<double>(rows(r, c)) - mean;
  }
  Matrix<double> covariance(D, D);
  selfsup::Matmul<double> product;
  product.write(centred.view().transposed(), centred, covariance);
  const Direction first = leading(covariance, nullptr);
  const Direction second = leading(covariance, &first);
  Matrix<float> plane(N, 2);
  for (std::size_t r = 0; r < N; ++r) {
    const Direction row(centred.row(r), centred.row(r) + D);
    plane(r, 0) = static_cast<float>(dot(row, first));
    plane(r, 1) = static_cast<float>(dot(row, second));
  }
  return plane;
}

}  // namespace trainer
