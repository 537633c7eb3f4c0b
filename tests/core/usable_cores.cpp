#include "selfsup/core/usable_cores.hpp"

#include "catch.hpp"
#include "scratch_file.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

// What a control group's files say of 8 cores.
std::size_t cores(const std::string& file, const std::string& text, const std::string& second = {},
                  const std::string& second_text = {}) {
  const tests::ScratchFile scratch;
  const auto root = std::filesystem::path(scratch.path()).parent_path();
  std::filesystem::create_directories(root / "cpu");
  std::ofstream(root / file) << text;
  if (!second.empty()) std::ofstream(root / second) << second_text;
  return selfsup::detail::cores_of_quota(8, root.string());
}

}  // namespace

TEST_CASE("the quota of a container is the cores that it leaves, rounded up") {
  CHECK(cores("cpu.max", "200000 100000\n") == 2);
  CHECK(cores("cpu.max", "250000 100000\n") == 3);
  CHECK(cores("cpu.max", "10000 100000\n") == 1);
  CHECK(cores("cpu/cpu.cfs_quota_us", "150000\n", "cpu/cpu.cfs_period_us", "50000\n") == 3);
}

TEST_CASE("no quota, one of more cores than there are, and none that can be read set no limit") {
  CHECK(cores("cpu.max", "max 100000\n") == 8);
  CHECK(cores("cpu.max", "900000 100000\n") == 8);
  CHECK(cores("cpu.max", "800000 100000\n") == 8);
  CHECK(cores("cpu.max", "") == 8);
  CHECK(cores("cpu.max", "100000 0\n") == 8);
  CHECK(cores("cpu.max", "-5 100000\n") == 8);
  CHECK(cores("cpu/cpu.cfs_quota_us", "-1\n", "cpu/cpu.cfs_period_us", "100000\n") == 8);
  CHECK(selfsup::detail::cores_of_quota(8, "/nowhere") == 8);
}

TEST_CASE("this process may use at least one core, and no more than its mask has") {
  const auto found = selfsup::detail::cores_found();
  CHECK(found.usable >= 1);
  CHECK(found.usable <= found.of_mask);
  CHECK(found.of_mask == selfsup::detail::cores_of_mask());
}
