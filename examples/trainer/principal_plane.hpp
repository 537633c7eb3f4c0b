// Principal component analysis onto a plane, for pictures.
#pragma once

#include "matrix.hpp"

namespace trainer {

/// Coordinates (N, 2) of rows (N, D) along their two directions of largest variance; 0 where there
/// is no variance. The entry of largest magnitude in a direction is positive, which fixes the sign.
Matrix<float> principal_plane(const Matrix<float>& rows);

}  // namespace trainer
