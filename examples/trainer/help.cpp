#include "help.hpp"

#include "methods.hpp"

#include "selfsup/version.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace trainer {
namespace {

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

std::string widths_text(const std::vector<std::size_t>& widths) {
  std::string text;
  for (const std::size_t width : widths) text += (text.empty() ? "" : ",") + std::to_string(width);
  return text;
}

// "--temperature 0.2, --hardest 0", in lines that fit.
std::string settings_text(const Recipe& recipe) {
  constexpr std::size_t width = 78;
  const std::string indent = "\n                   ";
  std::string text;
  std::size_t length = 20;
  for (const Setting& setting : recipe.settings) {
    const std::string word = std::string("--") + setting.name + " " + number(setting.value);
    if (length + word.size() + 2 > width) {
      text += indent;
      length = 20;
    }
    text += (length == 20 ? "" : "  ") + word;
    length += word.size() + 2;
  }
  return text;
}

std::string defaults_table() {
  constexpr std::array<int, 8> columns = {-14, 6, 6, 9, 7, 9, 10, 10};
  using Cells = std::array<std::string, columns.size()>;
  std::vector<Cells> rows = {
      {"", "", "", "learning", "weight", "", "", ""},
      {"method", "steps", "batch", "rate", "decay", "encoder", "projector", "predictor"}};
  for (const Recipe& recipe : recipes()) {
    rows.push_back({recipe.name, std::to_string(recipe.steps), std::to_string(recipe.batch),
                    number(recipe.learning_rate), number(recipe.weight_decay),
                    widths_text(recipe.encoder), widths_text(recipe.projector),
                    recipe.predictor > 0 ? std::to_string(recipe.predictor) : "-"});
  }
  std::string text;
  for (const Cells& row : rows) {
    text += " ";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      std::array<char, 40> cell{};
      std::snprintf(cell.data(), cell.size(), " %*s", columns[i], row[i].c_str());
      text += cell.data();
    }
    text += "\n";
  }
  return text;
}

std::string titles_table() {
  std::string text;
  for (const Recipe& recipe : recipes()) {
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "  %-16s %s\n", recipe.name, recipe.title);
    text += line.data() + ("                   " + settings_text(recipe)) + "\n";
  }
  return text;
}

}  // namespace

std::string version_text() {
  return std::to_string(SELFSUP_VERSION_MAJOR) + "." + std::to_string(SELFSUP_VERSION_MINOR) + "." +
         std::to_string(SELFSUP_VERSION_PATCH);
}

std::string help_footer() {
  return "Methods, with their settings:\n" + titles_table() + "\nTheir other defaults:\n" +
         defaults_table() +
         "\nWritten to the folder of --out, each file as a whole or not at all:\n"
         "  metrics.csv     an epoch a row: loss, learning rate, monitors of collapse\n"
         "  evaluation.csv  accuracy with raw pixels, untrained and trained encoder\n"
         "  embedding.csv   the test images in two dimensions, for pictures\n"
         "  retrieval.csv   a few test images and the training images nearest to each\n"
         "  images.bin      these images (format: examples/trainer/retrieval.hpp)\n"
         "  settings.csv    what the run was made with, and the command\n"
         "  times.csv       seconds of each epoch and of the evaluation\n"
         "  weights.bin     the trained weights (format: examples/trainer/weights.hpp)\n"
         "  checkpoint.bin  where the training stands (format: examples/trainer/checkpoint.hpp)\n"
         "Ctrl-C ends after the current step and saves what was learned; twice, it ends at once.\n"
         "--resume with the same options goes on, also after a crash.\n"
         "The same seed gives the same files, times.csv apart, with any number of threads.\n"
         "\nExamples:\n"
         "  selfsup-train                                 NT-Xent on the digits that are built in\n"
         "  selfsup-train --method all --out results      compares the four families\n"
         "  selfsup-train --method byol --data mnist      reads the files of MNIST in mnist/\n"
         "  selfsup-train --data cifar-10-batches-bin     reads the batches of CIFAR-10";
}

}  // namespace trainer
