// Golden numbers: values and derivatives by A[0][0] and B[0][0] at the inputs golden_a(),
// golden_b() of matrix.hpp, from the authors' formulas in PyTorch, double precision.
#pragma once

namespace tests {

struct Golden {
  double value;
  double d_a00;
  double d_b00;
};

namespace golden {

constexpr Golden nt_xent_05{1.0941323480, -0.0464030030, -0.0124825414};
constexpr Golden nt_xent_01{0.9669230820, -0.2315341579, -0.0382358160};
constexpr Golden info_nce_01{0.5660815233, -0.1435345238, -0.0161946310};
constexpr Golden info_nce_symmetric_01{0.5656030342, -0.1177436212, -0.0399176983};
constexpr Golden info_nce_01_smoothing_01{1.5408013863, -0.1302424214, -0.0394920713};
constexpr Golden nt_xent_decoupled_01{0.4769803915, -0.3757604625, -0.0776462706};
constexpr Golden nt_xent_hcl{1.8622037138, -0.0724002680, -0.0242833114};
constexpr Golden byol{0.0417213548, -0.0395579035, 0.0359251861};
constexpr Golden simsiam{-0.9791393226, -0.0197789517, 0.0179625930};
constexpr Golden vicreg_official{10.6922266239, -0.4316612521, -1.6518883715};
constexpr Golden vicreg_paper{21.5917219323, -0.7389739679, -3.9871556640};
constexpr Golden vicreg_solo_learn{19.2508926062, -1.7793410592, -2.9467885726};
constexpr Golden vicreg_vicregl{10.2106536346, -0.6295787568, -1.7334860592};

constexpr Golden sup_con_outside{14.0309708788, -0.1207192423, -0.2957437604};
constexpr Golden sup_con_inside{2.0655353644, -0.2315341568, -0.0382358188};
constexpr Golden siglip{1.2862608767, -0.1411934369, 0.0008908411};
constexpr Golden alignment{0.0417213548, -0.0395579035, 0.0359251861};
constexpr Golden uniformity{-1.2420203902, -0.2043029450, 0};  // of golden_a() alone

constexpr double siglip_d_scale = -0.1836714041;
constexpr double siglip_d_bias = -0.1808797560;
constexpr Golden barlow_twins_005{0.0303976142, -0.0020066272, -0.0018828693};

constexpr double nt_xent_05_d_temperature = 0.2748053684;

// VICReg's terms, official, each view apart.
constexpr double vicreg_invariance = 0.0468165865;
constexpr double vicreg_variance_a = 0.2533110648;
constexpr double vicreg_variance_b = 0.4313822138;
constexpr double vicreg_covariance_a = 0.7282684590;
constexpr double vicreg_covariance_b = 0.2348775195;

// SIGReg of A along golden_slices().
constexpr double sigreg = 0.7206998841;
constexpr double sigreg_d_a00 = 0.3772158320;

// The FFT relaxation of A's covariance before its division by D, q = 2 and q = 1.
constexpr double fft_covariance_2 = 5.4017651039;
constexpr double fft_covariance_1 = 3.2868724051;

}  // namespace golden
}  // namespace tests
