// Nearest neighbours by cosine similarity, and classification by them.
#pragma once

#include "matrix.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace trainer {

/// Divides each row by its length; rows of zeros stay.
void normalise_rows(Matrix<float>& rows);

/// A row that was found, and its similarity to the query.
struct Neighbour {
  std::size_t row;
  float similarity;
};

/// For each query (M, D) the `k` most similar rows (N, D), 1 ≤ k ≤ N, the most similar first and
/// among equals the lower. Rows of both must have been normalised.
std::vector<std::vector<Neighbour>> most_similar(const Matrix<float>& rows,
                                                 const Matrix<float>& queries, std::size_t k);

/// The class of each query (M, D) by the `k` most similar labelled rows (N, D), 1 ≤ k ≤ N: the one
/// with the most votes, among equals the one with the larger sum of similarities, then the lower
/// class. Rows of both must have been normalised.
std::vector<std::uint8_t> nearest_neighbours(const Matrix<float>& labelled,
                                             const std::vector<std::uint8_t>& labels,
                                             const Matrix<float>& queries, std::size_t k,
                                             std::size_t classes);

/// Share of predictions that equal the labels, 0 … 1.
double accuracy(const std::vector<std::uint8_t>& predicted,
                const std::vector<std::uint8_t>& labels);

}  // namespace trainer
