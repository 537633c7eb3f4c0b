// All of selfsup but its testing headers and those that need Eigen (losses/fft_covariance.hpp,
// monitors/effective_rank.hpp).
#pragma once

#include "selfsup/version.hpp"

// What passes in and out: views of matrices, labels, errors.
#include "selfsup/core/errors.hpp"  // ShapeError, OptionError, NonFiniteError, StateError, FileError
#include "selfsup/core/labels.hpp"  // Labels
#include "selfsup/core/view.hpp"    // ConstView, MutView

// Losses, each with forward and backward.
#include "selfsup/losses/alignment.hpp"           // Alignment
#include "selfsup/losses/barlow_twins.hpp"        // BarlowTwins
#include "selfsup/losses/byol.hpp"                // Byol
#include "selfsup/losses/grouped_covariance.hpp"  // GroupedCovariance
#include "selfsup/losses/info_nce.hpp"            // InfoNce
#include "selfsup/losses/lejepa.hpp"              // LeJepa
#include "selfsup/losses/nt_xent.hpp"             // NtXent
#include "selfsup/losses/probed_covariance.hpp"   // ProbedCovariance
#include "selfsup/losses/siglip.hpp"              // SigLip
#include "selfsup/losses/sigreg.hpp"              // SigReg
#include "selfsup/losses/simsiam.hpp"             // SimSiam
#include "selfsup/losses/sup_con.hpp"             // SupCon
#include "selfsup/losses/uniformity.hpp"          // Uniformity
#include "selfsup/losses/vicreg.hpp"              // VicReg

// Beside the losses.
#include "selfsup/momentum/ema.hpp"          // ema_rate, ema_update
#include "selfsup/momentum/memory_bank.hpp"  // MemoryBank
#include "selfsup/monitors/alignment.hpp"    // alignment
#include "selfsup/monitors/collapse.hpp"     // embedding_std
#include "selfsup/monitors/mean_cosine.hpp"  // mean_cosine
#include "selfsup/monitors/uniformity.hpp"   // uniformity
#include "selfsup/product/matmul.hpp"        // Matmul
