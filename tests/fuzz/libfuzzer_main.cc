// libFuzzer's door to the targets: SIBYL_FUZZ_TARGET names the one to run. With SIBYL_FUZZ_SEEDS the
// seeds are written to that folder first.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/fuzz_targets.h"

namespace {

const sibyl::testing::FuzzTarget* ChosenTarget() {
  const char* const name = std::getenv("SIBYL_FUZZ_TARGET");
  for (const auto& target : sibyl::testing::FuzzTargets()) {
    if (name != nullptr && name == std::string_view(target.name)) return &target;
  }
  std::fprintf(stderr, "SIBYL_FUZZ_TARGET must be one of:");
  for (const auto& target : sibyl::testing::FuzzTargets()) {
    std::fprintf(stderr, " %s", target.name);
  }
  std::fprintf(stderr, "\n");
  std::exit(2);
}

const sibyl::testing::FuzzTarget* target = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  target = ChosenTarget();
  if (const char* const folder = std::getenv("SIBYL_FUZZ_SEEDS")) {
    std::filesystem::create_directories(folder);
    int number = 0;
    for (const std::string& seed : target->seeds()) {
      const std::string name = "seed-" + std::to_string(number++);
      std::ofstream(std::filesystem::path(folder) / name, std::ios::binary) << seed;
    }
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
