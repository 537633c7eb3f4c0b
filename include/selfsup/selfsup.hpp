// All of selfsup but its testing headers and those that need Eigen (monitors/effective_rank.hpp).
#pragma once

#include "selfsup/version.hpp"

// What passes in and out: views of matrices, errors.
#include "selfsup/core/errors.hpp"  // ShapeError, OptionError, NonFiniteError, StateError, FileError
#include "selfsup/core/view.hpp"    // ConstView, MutView

// Losses, each with forward and backward.
#include "selfsup/losses/byol.hpp"      // Byol
#include "selfsup/losses/info_nce.hpp"  // InfoNce
#include "selfsup/losses/nt_xent.hpp"   // NtXent
#include "selfsup/losses/simsiam.hpp"   // SimSiam
#include "selfsup/losses/vicreg.hpp"    // VicReg

// Beside the losses.
#include "selfsup/momentum/ema.hpp"          // ema_rate, ema_update
#include "selfsup/momentum/memory_bank.hpp"  // MemoryBank
#include "selfsup/monitors/collapse.hpp"     // embedding_std
#include "selfsup/product/matmul.hpp"        // Matmul
