#include "report.hpp"

#include <array>
#include <cstdio>

namespace trainer {
namespace {

// Nine digits bring back every float, and are the same in every run.
std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.9g", value);
  return text.data();
}

std::string percent(double fraction) { return number(100 * fraction); }

std::string score_text(const Score& score, bool with_deviation) {
  std::array<char, 32> text{};
  if (with_deviation) {
    std::snprintf(text.data(), text.size(), "%.1f \u00b1 %.1f", 100 * score.mean,
                  100 * score.deviation);
  } else {
    std::snprintf(text.data(), text.size(), "%.1f", 100 * score.mean);
  }
  return text.data();
}

// Right-aligned by characters, which for UTF-8 are not bytes.
std::string cell(const std::string& text, std::size_t width) {
  std::size_t characters = 0;
  for (const char c : text) characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return std::string(width > characters ? width - characters : 0, ' ') + text;
}

}  // namespace

std::string metrics_csv(const std::vector<EpochRecord>& epochs) {
  std::string text = "epoch,loss,learning_rate,embedding_std,healthy_std,effective_rank\n";
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    const EpochRecord& epoch = epochs[i];
    text += std::to_string(i + 1);
    for (const double value : {epoch.loss, epoch.learning_rate, epoch.embedding_std,
                               epoch.healthy_std, epoch.effective_rank}) {
      text += "," + number(value);
    }
    text += "\n";
  }
  return text;
}

std::string times_csv(const std::vector<EpochRecord>& epochs, double evaluation_seconds) {
  std::string text = "phase,epoch,seconds\n";
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    text += "training," + std::to_string(i + 1) + "," + number(epochs[i].seconds) + "\n";
  }
  return text + "evaluation,," + number(evaluation_seconds) + "\n";
}

std::string evaluation_csv(const std::vector<Evaluation>& evaluations) {
  std::string text = "representation";
  for (const char* classifier : {"knn", "probe"}) {
    for (const LabelShare& share : label_shares) {
      const std::string column = std::string(",") + classifier + "_" + percent(share.fraction);
      text += column + column + "_std";
    }
  }
  text += "\n";
  for (const Evaluation& evaluation : evaluations) {
    text += evaluation.representation;
    for (const auto& scores : {evaluation.neighbours, evaluation.probe}) {
      for (const Score& score : scores) {
        text += "," + number(score.mean) + "," + number(score.deviation);
      }
    }
    text += "\n";
  }
  return text;
}

std::string embedding_csv(const std::vector<PlaneView>& planes,
                          const std::vector<std::uint8_t>& labels) {
  std::string text = "representation,x,y,label\n";
  for (const PlaneView& plane : planes) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      text += plane.representation + "," + number(static_cast<double>(plane.coordinates(i, 0))) +
              "," + number(static_cast<double>(plane.coordinates(i, 1))) + "," +
              std::to_string(labels[i]) + "\n";
    }
  }
  return text;
}

std::string retrieval_csv(const std::vector<std::size_t>& queries,
                          const std::vector<Retrieval>& retrievals,
                          const std::vector<std::uint8_t>& train_labels,
                          const std::vector<std::uint8_t>& test_labels) {
  std::string text = "representation,query,label,rank,neighbour,neighbour_label,similarity\n";
  for (const Retrieval& retrieval : retrievals) {
    for (std::size_t q = 0; q < queries.size(); ++q) {
      for (std::size_t i = 0; i < retrieval.neighbours[q].size(); ++i) {
        const Neighbour& neighbour = retrieval.neighbours[q][i];
        text += retrieval.representation;
        for (const std::size_t value : {queries[q], std::size_t{test_labels[queries[q]]}, i + 1,
                                        neighbour.row, std::size_t{train_labels[neighbour.row]}}) {
          text += "," + std::to_string(value);
        }
        text += "," + number(static_cast<double>(neighbour.similarity)) + "\n";
      }
    }
  }
  return text;
}

std::string table(const std::vector<TableRow>& rows, std::size_t neighbours) {
  const std::string knn = std::to_string(neighbours) + "-NN";
  std::string text =
      "accuracy in percent, by share of the labels used (mean \u00b1 standard deviation)\n";
  text += cell("", 17) + cell("", 8) + cell("final", 9) + cell("std of", 9) + cell("healthy", 9) +
          cell(knn, 13) + cell(knn, 7) + cell(knn, 7) + cell("probe", 13) + cell("probe", 7) +
          cell("probe", 7) + "\n";
  text += "method           " + cell("seconds", 8) + cell("loss", 9) + cell("embed.", 9) +
          cell("std", 9);
  for (int classifier = 0; classifier < 2; ++classifier) {
    for (std::size_t i = 0; i < label_shares.size(); ++i) {
      text += cell(percent(label_shares[i].fraction) + " %", i == 0 ? 13 : 7);
    }
  }
  text += "\n";
  for (const TableRow& row : rows) {
    std::array<char, 64> numbers{};
    if (row.trained) {
      std::snprintf(numbers.data(), numbers.size(), "%8.1f%9.4f%9.4f%9.4f", row.seconds,
                    row.last_epoch.loss, row.last_epoch.embedding_std, row.last_epoch.healthy_std);
    } else {
      std::snprintf(numbers.data(), numbers.size(), "%8s%9s%9s%9s", "-", "-", "-", "-");
    }
    text += row.name + std::string(row.name.size() < 17 ? 17 - row.name.size() : 1, ' ') +
            numbers.data();
    for (const auto& scores : {row.evaluation.neighbours, row.evaluation.probe}) {
      for (std::size_t i = 0; i < scores.size(); ++i) {
        text += cell(score_text(scores[i], i == 0), i == 0 ? 13 : 7);
      }
    }
    text += "\n";
  }
  return text;
}

}  // namespace trainer
