// Serves the losses of selfsup and of plain Eigen to compare.py, a line in and a line out:
//
//   about                              versions
//   cases                              the names of what this program was built with
//   variants CASE                      the names of what can run it here
//   check VARIANT CASE N D             loss and 2-norm of the gradient, of a first step
//   run VARIANT CASE N D STEPS         seconds a step, arrays and memory kept from call to call
//   memory VARIANT CASE N D            bytes by which a first step raises the peak of this process
//
// An answer begins with "ok", one that failed with "error". torch_worker.py speaks the same, but
// for `cases`. This file alone is a whole program where there is no CMake:
//
//   g++ -std=c++17 -O3 -DNDEBUG -march=native -fopenmp -Iinclude -I. -isystem EIGEN -isystem XSIMD
//     bench/rivals/worker.cpp -o rivals_worker
#include "bench/rivals/cases.hpp"
#include "bench/rivals/eigen_losses.hpp"
#include "bench/rivals/inputs.hpp"
#include "bench/rivals/peak_memory.hpp"

#include "selfsup/selfsup.hpp"

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rivals {
namespace {

/// A loss on embeddings: `loss` is called with the views and with the gradients that it writes.
template <class Loss>
class LossStep : public Step {
 public:
  LossStep(Shape shape, std::uint32_t views, std::size_t gradients, Loss loss)
      : gradients_(gradients, Batch(shape.N, shape.D)), loss_(std::move(loss)) {
    for (std::uint32_t k = 0; k < views; ++k) views_.push_back(view(k, shape.N, shape.D));
  }
  float differentiate() override { return loss_(views_, gradients_); }
  double gradient_norm() override {
    double squares = 0;
    for (const Batch& gradient : gradients_) squares += gradient.cast<double>().squaredNorm();
    return std::sqrt(squares);
  }

 private:
  std::vector<Batch> views_;
  std::vector<Batch> gradients_;
  Loss loss_;
};

using Views = const std::vector<Batch>&;
using Gradients = std::vector<Batch>&;

template <class Loss>
std::unique_ptr<Step> on_views(Shape shape, std::uint32_t views, std::size_t gradients, Loss loss) {
  return std::make_unique<LossStep<Loss>>(shape, views, gradients, std::move(loss));
}

/// A loss of selfsup on two views.
template <class Loss>
std::unique_ptr<Step> joint(Shape shape, Loss loss) {
  return on_views(shape, 2, 2, [loss = std::move(loss)](Views z, Gradients d) mutable {
    const float value = loss.forward(z[0], z[1]);
    loss.backward(d[0], d[1]);
    return value;
  });
}

/// A loss of selfsup on two predictions and two targets.
template <class Loss>
std::unique_ptr<Step> predictive(Shape shape, Loss loss) {
  return on_views(shape, 4, 2, [loss = std::move(loss)](Views x, Gradients d) mutable {
    const float value = loss.forward(x[0], x[1], x[2], x[3]);
    loss.backward(d[0], d[1]);
    return value;
  });
}

selfsup::VicReg<float> vicreg_by(selfsup::CovarianceRoute route) {
  selfsup::VicRegOptions options;
  options.covariance_route = route;
  return selfsup::VicReg<float>(options);
}
std::unique_ptr<Step> eigen_vicreg(Shape shape, Route route) {
  return on_views(shape, 2, 2,
                  [route](Views z, Gradients d) { return vicreg(z[0], z[1], route, d[0], d[1]); });
}

/// The losses, and who can run each. The constants are those of torch_worker.py.
Cases losses() {
  return {
      {"nt_xent",
       {{"selfsup", [](Shape shape) { return joint(shape, selfsup::NtXent<float>()); }},
        {"eigen",
         [](Shape shape) {
           return on_views(shape, 2, 2, [](Views z, Gradients d) {
             return nt_xent(z[0], z[1], 0.1F, d[0], d[1]);
           });
         }}}},
      {"info_nce_clip",
       {{"selfsup",
         [](Shape shape) {
           return joint(shape, selfsup::InfoNce<float>(selfsup::InfoNceOptions::clip()));
         }},
        {"eigen",
         [](Shape shape) {
           return on_views(shape, 2, 2, [](Views z, Gradients d) {
             return info_nce_clip(z[0], z[1], 0.07F, d[0], d[1]);
           });
         }}}},
      {"info_nce_bank",
       {{"selfsup",
         [](Shape shape) {
           selfsup::MemoryBank<float> rows(bank_rows, static_cast<std::size_t>(shape.D));
           rows.push(bank(shape.D));
           return on_views(shape, 2, 1,
                           [loss = selfsup::InfoNce<float>(selfsup::InfoNceOptions::moco()),
                            rows = std::move(rows)](Views z, Gradients d) mutable {
                             const float value = loss.forward(z[0], z[1], rows);
                             loss.backward(d[0]);
                             return value;
                           });
         }},
        {"eigen",
         [](Shape shape) {
           return on_views(shape, 2, 1, [negatives = bank(shape.D)](Views z, Gradients d) {
             return info_nce_bank(z[0], z[1], negatives, 0.07F, d[0]);
           });
         }}}},
      {"byol",
       {{"selfsup", [](Shape shape) { return predictive(shape, selfsup::Byol<float>()); }},
        {"eigen",
         [](Shape shape) {
           return on_views(shape, 4, 2, [](Views x, Gradients d) {
             return byol(x[0], x[3], d[0]) + byol(x[1], x[2], d[1]);
           });
         }}}},
      {"simsiam",
       {{"selfsup", [](Shape shape) { return predictive(shape, selfsup::SimSiam<float>()); }},
        {"eigen",
         [](Shape shape) {
           return on_views(shape, 4, 2, [](Views x, Gradients d) {
             return simsiam(x[0], x[3], d[0]) + simsiam(x[1], x[2], d[1]);
           });
         }}}},
      {"vicreg",
       {{"selfsup", [](Shape shape) { return joint(shape, selfsup::VicReg<float>()); }},
        {"eigen", [](Shape shape) { return eigen_vicreg(shape, Route::feature); }}}},
      {"vicreg_feature",
       {{"selfsup",
         [](Shape shape) { return joint(shape, vicreg_by(selfsup::CovarianceRoute::feature)); }},
        {"eigen", [](Shape shape) { return eigen_vicreg(shape, Route::feature); }}}},
      {"vicreg_sample",
       {{"selfsup",
         [](Shape shape) { return joint(shape, vicreg_by(selfsup::CovarianceRoute::sample)); }},
        {"eigen", [](Shape shape) { return eigen_vicreg(shape, Route::sample); }}}},
      {"barlow_twins",
       {{"selfsup", [](Shape shape) { return joint(shape, selfsup::BarlowTwins<float>()); }},
        {"eigen",
         [](Shape shape) {
           return on_views(shape, 2, 2, [](Views z, Gradients d) {
             return barlow_twins(z[0], z[1], 0.0051F, d[0], d[1]);
           });
         }}}},
  };
}

#ifdef __clang__
constexpr const char* compiler = __VERSION__;  // has its name
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

class Worker {
 public:
  /// Returns the answer to a line, or throws.
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb, variant, name;
    words >> verb;
    if (verb == "about") return about();
    if (verb == "cases") return names_of(cases());
    if (verb == "variants") {
      words >> name;
      return names_of(variants_of(name));
    }
    Shape shape{};
    words >> variant >> name >> shape.N >> shape.D;
    if (!words) throw std::invalid_argument("cannot read '" + line + "'");
    std::ostringstream out;
    out.precision(9);
    if (verb == "check") {
      const std::unique_ptr<Step> step = make(variant, name, shape);
      const float loss = step->differentiate();
      out << loss << ' ' << step->gradient_norm();
    } else if (verb == "run") {
      int steps = 0;
      words >> steps;
      out << seconds_a_step(kept(variant, name, shape), steps);
    } else if (verb == "memory") {
      const std::unique_ptr<Step> step = make(variant, name, shape);
      const PeakMemory peak;
      step->differentiate();
      out << peak.growth();
    } else {
      throw std::invalid_argument("unknown verb '" + verb + "'");
    }
    return out.str();
  }

 private:
  static std::string about() {
    std::ostringstream out;
    out << "selfsup " << SELFSUP_VERSION_MAJOR << '.' << SELFSUP_VERSION_MINOR << '.'
        << SELFSUP_VERSION_PATCH << ", Eigen " << EIGEN_WORLD_VERSION << '.' << EIGEN_MAJOR_VERSION
        << '.' << EIGEN_MINOR_VERSION << ", " << compiler;
    return out.str();
  }

  template <class Value>
  static std::string names_of(const std::map<std::string, Value>& entries) {
    std::string names;
    for (const auto& [name, value] : entries) names += name + ' ';
    return names;
  }

  static std::unique_ptr<Step> make(const std::string& variant, const std::string& name,
                                    Shape shape) {
    const Variants& variants = variants_of(name);
    const auto found = variants.find(variant);
    if (found == variants.end()) throw std::invalid_argument(variant + " does not run " + name);
    return found->second(shape);
  }

  static const Variants& variants_of(const std::string& name) {
    const auto found = cases().find(name);
    if (found == cases().end()) throw std::invalid_argument("no case '" + name + "'");
    return found->second;
  }

  /// The step of the last call, as long as case and shape stay the same.
  Step& kept(const std::string& variant, const std::string& name, Shape shape) {
    std::ostringstream key;
    key << name << ' ' << shape.N << ' ' << shape.D;
    if (key.str() != kept_case_) steps_.clear();
    kept_case_ = key.str();
    std::unique_ptr<Step>& step = steps_[variant];
    if (!step) step = make(variant, name, shape);
    return *step;
  }

  static double seconds_a_step(Step& step, int steps) {
    const auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < steps; ++k) {
      step.differentiate();
      step.update();
    }
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    return spent.count() / steps;
  }

  std::string kept_case_;
  std::map<std::string, std::unique_ptr<Step>> steps_;
};

}  // namespace
}  // namespace rivals

int main() {
  rivals::cases().merge(rivals::losses());
  rivals::Worker worker;
  std::string line;
  while (std::getline(std::cin, line)) {
    try {
      std::cout << "ok " << worker.answer(line) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  }
  return 0;
}
