// Forward declarations, for headers that only name the losses.
#pragma once

#include "selfsup/core/enter.hpp"

#include "selfsup/core/abi.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {

template <class T>
class ConstView;
template <class T>
class MutView;

struct AlignmentOptions;
template <class T>
class Alignment;
struct BarlowTwinsOptions;
struct BarlowTwinsTerms;
template <class T>
class BarlowTwins;
struct ByolOptions;
template <class T>
class Byol;
struct FftCovarianceOptions;
template <class T>
class FftCovariance;
struct GroupedCovarianceOptions;
template <class T>
class GroupedCovariance;
struct InfoNceOptions;
template <class T>
class InfoNce;
struct LeJepaOptions;
struct LeJepaTerms;
template <class T>
class LeJepa;
template <class T>
class Matmul;
template <class T>
class MemoryBank;
struct NtXentOptions;
template <class T>
class NtXent;
struct ProbedCovarianceOptions;
template <class T>
class ProbedCovariance;
struct SigLipOptions;
template <class T>
class SigLip;
struct SigRegOptions;
template <class T>
class SigReg;
struct SimSiamOptions;
template <class T>
class SimSiam;
struct SupConOptions;
template <class T>
class SupCon;
struct UniformityOptions;
template <class T>
class Uniformity;
struct VicRegOptions;
struct VicRegTerms;
template <class T>
class VicReg;

}  // namespace SELFSUP_ABI
}  // namespace selfsup

#include "selfsup/core/leave.hpp"
