// What often lies where a data file should: an archive, a pointer, an error page.
#pragma once

#include "byte_reader.hpp"
#include "errors.hpp"

#include <string>

namespace trainer {

/// "a zip archive", "a tar archive", "a Git LFS pointer", "an HTML page" or "an XML document", as
/// the first bytes tell, plain or within gzip; empty for everything else.
std::string foreign_kind(ByteView bytes);

/// What parse() makes of `bytes`. Where it refuses them and they are of such a kind, the InputError
/// says so: "NAME: holds an HTML page, EXPECTED". What parse() takes is never looked at.
template <class Parse>
auto parsed(ByteView bytes, const std::string& name, const char* expected, const Parse& parse) {
  try {
    return parse();
  } catch (const InputError&) {
    const std::string kind = foreign_kind(bytes);
    if (kind.empty()) throw;
    throw InputError(name + ": holds " + kind + ", " + expected);
  }
}

}  // namespace trainer
