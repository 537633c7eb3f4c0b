// Forward declarations, for headers that only name the losses.
#pragma once

#include "selfsup/core/abi.hpp"

namespace selfsup {
inline namespace SELFSUP_ABI {

template <class T>
class ConstView;
template <class T>
class MutView;
template <class T>
class Matmul;
template <class T>
class MemoryBank;

struct NtXentOptions;
template <class T>
class NtXent;
struct InfoNceOptions;
template <class T>
class InfoNce;
struct ByolOptions;
template <class T>
class Byol;
struct SimSiamOptions;
template <class T>
class SimSiam;
struct VicRegOptions;
struct VicRegTerms;
template <class T>
class VicReg;

}  // namespace SELFSUP_ABI
}  // namespace selfsup
