// Gradients written by hand against central differences: a loss of the library behind a layer of
// your own. The report names the worst entry.
#include <Eigen/Core>
#include <iostream>
#include <selfsup/selfsup.hpp>
#include <selfsup/testing/gradcheck.hpp>
#include <vector>

using Views = std::vector<selfsup::ConstView<double>>;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Matrix squares(const selfsup::ConstView<double>& x) {  // the layer: z = x∘x
  Matrix z(x.rows(), x.cols());
  for (std::size_t r = 0; r < x.rows(); ++r)
    for (std::size_t c = 0; c < x.cols(); ++c)
      z(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) = x(r, c) * x(r, c);
  return z;
}

int main() {
  const Matrix x_a = Matrix::Random(6, 5), x_b = Matrix::Random(6, 5);
  selfsup::NtXent<double> loss;

  const auto of_loss = selfsup::gradcheck(loss, {x_a, x_b});  // a loss object alone
  std::cout << "NtXent: " << of_loss << '\n';

  const auto value = [&](const Views& at) { return loss.value(squares(at[0]), squares(at[1])); };
  const auto gradient = [&](const Views& at) {
    Matrix d[2] = {Matrix(6, 5), Matrix(6, 5)};
    const Matrix z_a = squares(at[0]), z_b = squares(at[1]);
    loss.forward(z_a, z_b);
    loss.backward(d[0], d[1]);
    std::vector<std::vector<double>> result(2);
    for (std::size_t k = 0; k < 2; ++k)
      for (std::size_t i = 0; i < 30; ++i)
        result[k].push_back(d[k].data()[i] * 2 * at[k](i / 5, i % 5));  // dz/dx = 2x
    return result;
  };
  const auto of_both = selfsup::gradcheck(value, gradient, {x_a, x_b});
  std::cout << "NtXent of x∘x: " << of_both << '\n';
  return of_loss && of_both ? 0 : 1;
}
