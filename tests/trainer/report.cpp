#include "report.hpp"

#include "catch.hpp"

#include <string>
#include <vector>

namespace {

trainer::Evaluation example() {
  trainer::Evaluation evaluation;
  evaluation.representation = "raw pixels";
  evaluation.neighbours = {{{0.25, 0.015}, {0.5, 0.01}, {0.75, 0}}};
  evaluation.probe = {{{0.125, 0.03}, {0.5, 0.02}, {1, 0}}};
  return evaluation;
}

}  // namespace

TEST_CASE("metrics.csv has a row an epoch") {
  CHECK(trainer::metrics_csv({{1.5, 0.25, 0.125, 0.0625, 12, 99}, {-0.5, 1e-9, 0, 0.1, 1, 1}}) ==
        "epoch,loss,learning_rate,embedding_std,healthy_std,effective_rank\n"
        "1,1.5,0.25,0.125,0.0625,12\n"
        "2,-0.5,1e-09,0,0.1,1\n");
}

TEST_CASE("times.csv holds all that depends on the clock") {
  CHECK(trainer::times_csv({{1.5, 0.25, 0.125, 0.0625, 12, 99}}, 0.5) ==
        "phase,epoch,seconds\ntraining,1,99\nevaluation,,0.5\n");
}

TEST_CASE("evaluation.csv names classifier and percent of the labels") {
  CHECK(trainer::evaluation_csv({example()}) ==
        "representation,knn_1,knn_1_std,knn_10,knn_10_std,knn_100,knn_100_std,"
        "probe_1,probe_1_std,probe_10,probe_10_std,probe_100,probe_100_std\n"
        "raw pixels,0.25,0.015,0.5,0.01,0.75,0,0.125,0.03,0.5,0.02,1,0\n");
}

TEST_CASE("embedding.csv has a row an image and representation") {
  trainer::PlaneView plane{"raw pixels", trainer::Matrix<float>(2, 2)};
  plane.coordinates(0, 0) = 0.5F;
  plane.coordinates(0, 1) = -1;
  plane.coordinates(1, 0) = 2;
  plane.coordinates(1, 1) = 0;
  CHECK(trainer::embedding_csv({plane}, {7, 3}) ==
        "representation,x,y,label\nraw pixels,0.5,-1,7\nraw pixels,2,0,3\n");
}

TEST_CASE("the table's lines align, whatever the characters") {
  trainer::TableRow trained{"ntxent", example(), true, 12.25, {3.5, 0, 0.08, 0.09, 30, 1}};
  trainer::TableRow baseline{"raw pixels", example(), false, 0, {}};
  const std::string text = trainer::table({baseline, trained}, 1);
  std::vector<std::size_t> widths;
  std::size_t width = 0;
  for (const char c : text) {
    if (c == '\n') {
      widths.push_back(width);
      width = 0;
    } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
      ++width;
    }
  }
  REQUIRE(widths.size() == 5);  // a title, two lines of headings, two rows
  for (std::size_t i = 2; i < 5; ++i) CHECK(widths[i] == widths[1]);
  CHECK(text.find("25.0 \u00b1 1.5") != std::string::npos);
}
