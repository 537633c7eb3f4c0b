// What every part of the command line needs: options declared, numbers checked.
#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace trainer {

/// Throws InputError unless low <= value <= high; NaN is refused, too.
void check(const std::string& option, double value, double low, double high);

/// The value, if low <= value <= high. Throws InputError otherwise.
std::size_t checked(const std::string& option, std::int64_t value, std::int64_t low,
                    std::int64_t high);

/// Declares an option; what --help shows in place of CLI11's type names is `type`.
template <class T>
CLI::Option* add(CLI::App& app, const std::string& name, T& value, const char* type,
                 const std::string& text) {
  return app.add_option(name, value, text)->type_name(type);
}

}  // namespace trainer
