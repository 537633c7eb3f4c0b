// selfsup-train: trains an image encoder without labels. See --help.

#include "errors.hpp"
#include "options.hpp"
#include "run.hpp"
#include "settings.hpp"

#include <cstdio>
#include <exception>
#include <new>
#include <utility>

int main(int argc, char** argv) {
  try {
    auto options = trainer::parse_options(argc, argv);
    if (!options) return 0;
    return trainer::run(std::move(*options), trainer::command_text(argc, argv));
  } catch (const trainer::InputError& error) {
    std::fprintf(stderr, "selfsup-train: %s\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "selfsup-train: not enough memory\n");
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "selfsup-train: %s\n", error.what());
    return 1;
  }
}
