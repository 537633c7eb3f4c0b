// MoCo: each view's query must find the other view's key, which a moving target made, among keys of
// earlier batches (arXiv:1911.05722), or among those of its own batch (arXiv:2104.02057).
#pragma once

#include "errors.hpp"
#include "objective.hpp"

#include "selfsup/losses/info_nce.hpp"
#include "selfsup/momentum/memory_bank.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace trainer {

template <class T>
class BankObjective : public Objective<T> {
 public:
  /// `rows` keys of `width` columns are remembered; 0: none.
  BankObjective(double temperature, std::size_t rows, std::size_t width)
      : to_b_(options(temperature)), to_a_(options(temperature)) {
    if (rows > 0) bank_.emplace(rows, width);
  }

  /// The mean of both directions. In the first step the bank is empty, and negatives come from the
  /// batch.
  T evaluate(const Outputs<T>& batch, Pair<selfsup::MutView<T>> d_query,
             Pair<selfsup::MutView<T>>) override {
    const T loss = (forward(to_b_, batch.outputs.a, batch.targets.b) +
                    forward(to_a_, batch.outputs.b, batch.targets.a)) /
                   2;
    to_b_.backward(d_query.a, T(0.5));
    to_a_.backward(d_query.b, T(0.5));
    if (bank_) {
      bank_->push(batch.targets.a);
      bank_->push(batch.targets.b);
    }
    return loss;
  }

  /// The bank's rows by their places, and a row that begins with their number and the next place.
  Matrix<T>* memory() override {
    if (!bank_) return nullptr;
    memory_.resize(bank_->capacity() + 1, std::max(bank_->cols(), std::size_t{2}));
    memory_.fill(T(0));
    for (std::size_t r = 0; r < bank_->size(); ++r)
      std::copy_n(bank_->view().row(r), bank_->cols(), memory_.row(r));
    T* const places = memory_.row(bank_->capacity());
    places[0] = static_cast<T>(bank_->size());
    places[1] = static_cast<T>(bank_->next());
    return &memory_;
  }

  void remember() override {
    if (!bank_) return;
    const T* const places = memory_.row(bank_->capacity());
    const T most = static_cast<T>(bank_->capacity());
    if (!(places[0] >= 0 && places[0] <= most && places[1] >= 0 && places[1] <= most))
      throw InputError("its memory bank contradicts itself");
    const auto rows = static_cast<std::size_t>(places[0]);
    bank_->restore({memory_.data(), rows, bank_->cols(), memory_.cols(), 1},
                   static_cast<std::size_t>(places[1]));
  }

 private:
  static selfsup::InfoNceOptions options(double temperature) {
    selfsup::InfoNceOptions options;
    options.temperature = temperature;
    options.detach_key = true;
    return options;
  }

  T forward(selfsup::InfoNce<T>& loss, selfsup::ConstView<T> query, selfsup::ConstView<T> key) {
    if (bank_ && bank_->size() > 0) return loss.forward(query, key, *bank_);
    return loss.forward(query, key);
  }

  selfsup::InfoNce<T> to_b_;
  selfsup::InfoNce<T> to_a_;
  std::optional<selfsup::MemoryBank<T>> bank_;
  Matrix<T> memory_;
};

}  // namespace trainer
