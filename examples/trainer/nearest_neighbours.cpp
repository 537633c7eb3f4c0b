#include "nearest_neighbours.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/matmul.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace trainer {
namespace {

// The class that the k most similar of `count` rows vote for.
std::uint8_t vote(const float* similarities, const std::vector<std::uint8_t>& labels, std::size_t k,
                  std::size_t classes) {
  std::vector<std::size_t> order(labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto nearer = [similarities](std::size_t i, std::size_t j) {
    return similarities[i] != similarities[j] ? similarities[i] > similarities[j] : i < j;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                    nearer);
  std::vector<std::size_t> votes(classes);
  std::vector<double> sums(classes);
  for (std::size_t i = 0; i < k; ++i) {
    const std::uint8_t label = labels[order[i]];
    ++votes[label];
    sums[label] += static_cast<double>(similarities[order[i]]);
  }
  std::size_t best = 0;
  for (std::size_t c = 1; c < classes; ++c) {
    if (votes[c] > votes[best] || (votes[c] == votes[best] && sums[c] > sums[best])) best = c;
  }
  return static_cast<std::uint8_t>(best);
}

}  // namespace

void normalise_rows(Matrix<float>& rows) {
  selfsup::parallel_for(rows.rows(), rows.cols(), [&](std::size_t r) {
    float* row = rows.row(r);
    double square = 0;
    for (std::size_t c = 0; c < rows.cols(); ++c) {
      square += static_cast<double>(row[c]) * static_cast<double>(row[c]);
    }
    if (square == 0) return;
    const auto inverse = static_cast<float>(1 / std::sqrt(square));
    for (std::size_t c = 0; c < rows.cols(); ++c) row[c] *= inverse;
  });
}

std::vector<std::uint8_t> nearest_neighbours(const Matrix<float>& labelled,
                                             const std::vector<std::uint8_t>& labels,
                                             const Matrix<float>& queries, std::size_t k,
                                             std::size_t classes) {
  constexpr std::size_t chunk = 256;  // queries at a time: the similarities of all need not exist
  std::vector<std::uint8_t> predicted(queries.rows());
  selfsup::Matmul<float> product;
  Matrix<float> similarities;
  for (std::size_t first = 0; first < queries.rows(); first += chunk) {
    const std::size_t count = std::min(chunk, queries.rows() - first);
    similarities.resize(count, labelled.rows());
    product.write(queries.view().row_range(first, count), labelled.view().transposed(),
                  similarities);
    selfsup::parallel_for(count, labelled.rows(), [&](std::size_t i) {
      if (k == 1) {
        const float* row = similarities.row(i);
        predicted[first + i] = labels[static_cast<std::size_t>(
            std::max_element(row, row + similarities.cols()) - row)];
      } else {
        predicted[first + i] = vote(similarities.row(i), labels, k, classes);
      }
    });
  }
  return predicted;
}

double accuracy(const std::vector<std::uint8_t>& predicted,
                const std::vector<std::uint8_t>& labels) {
  std::size_t hits = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) hits += predicted[i] == labels[i] ? 1 : 0;
  return static_cast<double>(hits) / static_cast<double>(labels.size());
}

}  // namespace trainer
