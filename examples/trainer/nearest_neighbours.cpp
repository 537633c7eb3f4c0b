#include "nearest_neighbours.hpp"

#include "selfsup/core/parallel.hpp"
#include "selfsup/product/matmul.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace trainer {
namespace {

// Calls f(query, its similarities to all rows) for each query, on all threads.
template <class F>
void for_each_query(const Matrix<float>& rows, const Matrix<float>& queries, F f) {
  constexpr std::size_t chunk = 256;  // queries at a time: the similarities of all need not exist
  selfsup::Matmul<float> product;
  Matrix<float> similarities;
  for (std::size_t first = 0; first < queries.rows(); first += chunk) {
    const std::size_t count = std::min(chunk, queries.rows() - first);
    similarities.resize(count, rows.rows());
    product.write(queries.view().row_range(first, count), rows.view().transposed(), similarities);
    selfsup::parallel_for(count, rows.rows(),
                          [&](std::size_t i) { f(first + i, similarities.row(i)); });
  }
}

std::vector<Neighbour> first_of(const float* similarities, std::size_t count, std::size_t k) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto nearer = [similarities](std::size_t i, std::size_t j) {
    return similarities[i] != similarities[j] ? similarities[i] > similarities[j] : i < j;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                    nearer);
  std::vector<Neighbour> neighbours(k);
  for (std::size_t i = 0; i < k; ++i) neighbours[i] = {order[i], similarities[order[i]]};
  return neighbours;
}

// The class that the neighbours vote for.
std::uint8_t vote(const std::vector<Neighbour>& neighbours, const std::vector<std::uint8_t>& labels,
                  std::size_t classes) {
  std::vector<std::size_t> votes(classes);
  std::vector<double> sums(classes);
  for (const Neighbour& neighbour : neighbours) {
    const std::uint8_t label = labels[neighbour.row];
    ++votes[label];
    sums[label] += static_cast<double>(neighbour.similarity);
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

std::vector<std::vector<Neighbour>> most_similar(const Matrix<float>& rows,
                                                 const Matrix<float>& queries, std::size_t k) {
  std::vector<std::vector<Neighbour>> found(queries.rows());
  for_each_query(rows, queries, [&](std::size_t query, const float* similarities) {
    found[query] = first_of(similarities, rows.rows(), k);
  });
  return found;
}

std::vector<std::uint8_t> nearest_neighbours(const Matrix<float>& labelled,
                                             const std::vector<std::uint8_t>& labels,
                                             const Matrix<float>& queries, std::size_t k,
                                             std::size_t classes) {
  const std::size_t N = labelled.rows();
  std::vector<std::uint8_t> predicted(queries.rows());
  for_each_query(labelled, queries, [&](std::size_t query, const float* similarities) {
    if (k == 1) {
      predicted[query] = labels[static_cast<std::size_t>(
          std::max_element(similarities, similarities + N) - similarities)];
    } else {
      predicted[query] = vote(first_of(similarities, N, k), labels, classes);
    }
  });
  return predicted;
}

double accuracy(const std::vector<std::uint8_t>& predicted,
                const std::vector<std::uint8_t>& labels) {
  std::size_t hits = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) hits += predicted[i] == labels[i] ? 1 : 0;
  return static_cast<double>(hits) / static_cast<double>(labels.size());
}

}  // namespace trainer
