#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace trainer {
namespace {

std::string format(const char* pattern, double a, double b = 0, double c = 0) {
  std::array<char, 120> text{};
  std::snprintf(text.data(), text.size(), pattern, a, b, c);
  return text.data();
}

}  // namespace

Progress::Progress(std::string title, std::size_t epochs, std::size_t steps_per_epoch,
                   std::size_t steps_done)
    : title_(std::move(title)),
      epochs_(epochs),
      steps_per_epoch_(steps_per_epoch),
      begun_at_(static_cast<double>(steps_done) / static_cast<double>(epochs * steps_per_epoch)),
      terminal_(::isatty(STDOUT_FILENO) == 1),
      start_(std::chrono::steady_clock::now()) {
  if (steps_done == 0) return;
  std::printf("%s: goes on after %zu of %zu steps\n", title_.c_str(), steps_done,
              epochs * steps_per_epoch);
  std::fflush(stdout);
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

std::string Progress::time_left(double done) const {
  const double left = seconds() * (1 - done) / std::max(done - begun_at_, 1e-9);
  return left < 90 ? format("%.0f s left", left) : format("%.0f min left", left / 60);
}

void Progress::draw(double done, const std::string& text) {
  constexpr std::size_t width = 24;
  const auto filled = static_cast<std::size_t>(done * static_cast<double>(width));
  const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
  std::printf("\r%-8s [%s] %s, %s\033[K", title_.c_str(), bar.c_str(), text.c_str(),
              time_left(done).c_str());
  std::fflush(stdout);
}

void Progress::step(std::size_t epoch, std::size_t step, double loss) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - drawn_ < 100ms) return;
  drawn_ = now;
  const double done = static_cast<double>(epoch * steps_per_epoch_ + step + 1) /
                      static_cast<double>(epochs_ * steps_per_epoch_);
  draw(done, "epoch " + std::to_string(epoch + 1) + "/" + std::to_string(epochs_) +
                 format(", loss %.4f", loss) + monitors_);
}

void Progress::epoch(std::size_t epoch, double loss, double embedding_std, double healthy_std,
                     double effective_rank) {
  monitors_ =
      format(", std %.4f (healthy %.4f), rank %.1f", embedding_std, healthy_std, effective_rank);
  const double done = static_cast<double>(epoch + 1) / static_cast<double>(epochs_);
  const std::string text = "epoch " + std::to_string(epoch + 1) + "/" + std::to_string(epochs_) +
                           format(", loss %.4f", loss) + monitors_;
  if (terminal_) {
    draw(done, text);
    return;
  }
  constexpr std::size_t lines = 20;
  const std::size_t every = (epochs_ + lines - 1) / lines;
  if (epoch != 0 && epoch + 1 != epochs_ && (epoch + 1) % every != 0) return;
  std::printf("%s: %s, %s\n", title_.c_str(), text.c_str(), time_left(done).c_str());
  std::fflush(stdout);
}

void Progress::finish() {
  if (terminal_) std::printf("\n");
}

}  // namespace trainer
