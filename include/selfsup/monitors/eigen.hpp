// The only door to Eigen. As a system header it keeps Eigen's own warnings out of strict builds,
// also where its folder comes by -I.
#pragma once
#pragma GCC system_header

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
