// Where in the sources a region was called, by addr2line (binutils) and debug information.
#pragma once

#include <dlfcn.h>
#include <stdio.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace bench {
namespace detail {

// The source lines of return addresses, inlined calls too, innermost first; none without addr2line.
inline std::vector<std::string> source_lines(const std::vector<void*>& callers) {
  std::ostringstream command;
  command << "addr2line -i -e '" << std::filesystem::read_symlink("/proc/self/exe").string() << "'";
  Dl_info program, found;
  dladdr(reinterpret_cast<void*>(&source_lines), &program);
  for (void* const caller : callers) {
    if (dladdr(caller, &found) == 0 || found.dli_fbase != program.dli_fbase) continue;
    const auto base = reinterpret_cast<std::uintptr_t>(found.dli_fbase);
    command << " 0x" << std::hex << reinterpret_cast<std::uintptr_t>(caller) - base - 1;
  }
  command << " 2>/dev/null";
  std::vector<std::string> lines;
  FILE* const pipe = popen(command.str().c_str(), "r");
  if (!pipe) return lines;
  char line[4096];
  while (fgets(line, sizeof line, pipe)) {
    std::string text(line);
    lines.push_back(text.substr(0, text.find_first_of(" \n")));
  }
  pclose(pipe);
  return lines;
}

}  // namespace detail

/// The line that made a parallel call, and the line of the loss that it was made for.
inline std::string call_site(const std::vector<void*>& callers) {
  const std::string root = "include/selfsup/";
  std::string site, loss;
  for (const std::string& line : detail::source_lines(callers)) {
    const std::size_t at = line.find(root);
    if (at == std::string::npos) continue;
    const std::string inside = line.substr(at + root.size());
    if (inside.rfind("core/parallel.hpp", 0) == 0 || inside.rfind("core/executor.hpp", 0) == 0)
      continue;
    if (site.empty()) site = inside;
    if (loss.empty() && inside.rfind("losses/", 0) == 0) loss = inside;
  }
  if (site.empty()) return "?";
  return loss.empty() || loss == site ? site : site + " for " + loss;
}

}  // namespace bench
