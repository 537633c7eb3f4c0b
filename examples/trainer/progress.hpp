// What the user sees while a method trains: a bar that redraws itself on a terminal, about twenty
// plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace trainer {

class Progress {
 public:
  /// A run that goes on has some steps done.
  Progress(std::string title, std::size_t epochs, std::size_t steps_per_epoch,
           std::size_t steps_done);

  /// After each step.
  void step(std::size_t epoch, std::size_t step, double loss);
  /// After each epoch, counted from 0, with the monitors of collapse.
  void epoch(std::size_t epoch, double loss, double embedding_std, double healthy_std,
             double effective_rank);
  /// Ends the line of the bar.
  void finish();

  /// Since construction.
  double seconds() const;

 private:
  std::string time_left(double done) const;
  void draw(double done, const std::string& text);

  std::string title_;
  std::size_t epochs_;
  std::size_t steps_per_epoch_;
  double begun_at_;  // the share that was done at the start
  bool terminal_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_;
  std::string monitors_;  // of the last epoch, shown until the next
};

}  // namespace trainer
