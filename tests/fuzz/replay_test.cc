// Goal: what libFuzzer tries for hours (scripts/fuzz.sh) is tried briefly in every run of the
// tests. Method: each target gets its seeds, truncated everywhere and with random bytes replaced,
// doubled and removed; whatever libFuzzer once found, kept as files in tests/fuzz/found/TARGET*;
// and small inputs with which it reached further than the seeds do, in hexadecimal, one a line, in
// tests/fuzz/reached/TARGET.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/fuzz/fuzz_targets.h"

namespace sibyl::testing {
namespace {

constexpr int kMutationsPerSeed = 3000;
constexpr size_t kBytesPerSeed = size_t{60} << 20;  // large seeds are mutated less often

std::string Mutated(std::string bytes, std::mt19937_64* random) {
  const auto below = [random](size_t bound) { return static_cast<size_t>((*random)() % bound); };
  for (size_t changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
    const size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>((*random)());
        break;
      case 2:
        bytes[at] = below(2) == 0 ? '\xff' : '\0';
        break;
      case 3:
        bytes.erase(at, 1 + below(8));
        break;
      case 4:
        bytes.insert(at, bytes.substr(at, 1 + below(8)));
        break;
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

TEST_CASE("no decoder is broken by mutated input", "[fuzz]") {
  for (const FuzzTarget& target : FuzzTargets()) {
    INFO("target " << target.name);
    std::mt19937_64 random(20'240'601);
    for (const std::string& seed : target.seeds()) {
      target.run(seed);
      const size_t step = 1 + seed.size() * static_cast<size_t>(target.cost) / 300;
      for (size_t size = 0; size < seed.size(); size += step) target.run(seed.substr(0, size));
      const int mutations =
          static_cast<int>(std::min<size_t>(kMutationsPerSeed, kBytesPerSeed / (seed.size() + 1))) /
          target.cost;
      for (int i = 0; i < mutations; ++i) target.run(Mutated(seed, &random));
    }
  }
}

TEST_CASE("the tests for libFuzzer name every target", "[fuzz]") {
  const std::string listed = std::string(",") + SIBYL_FUZZ_TARGETS + ",";
  size_t names = 0;
  for (const char letter : listed) names += letter == ',';
  CHECK(names == FuzzTargets().size() + 1);
  for (const FuzzTarget& target : FuzzTargets()) {
    INFO(target.name);
    CHECK(listed.find(std::string(",") + target.name + ",") != std::string::npos);
  }
}

TEST_CASE("what a fuzzer once found stays mended", "[fuzz]") {
  const std::filesystem::path found = SIBYL_FUZZ_FOUND;
  if (!std::filesystem::exists(found)) return;
  for (const auto& entry : std::filesystem::directory_iterator(found)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    const std::string name = entry.path().filename().string();
    INFO(name);
    for (const FuzzTarget& target : FuzzTargets()) {
      if (name.starts_with(std::string(target.name) + '-')) target.run(bytes);
    }
  }
}

std::string FromHex(const std::string& line) {
  std::string bytes;
  for (size_t i = 0; i + 1 < line.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

TEST_CASE("inputs that reached further than the seeds break nothing, nor do others near them",
          "[fuzz]") {
  size_t inputs = 0;
  for (const FuzzTarget& target : FuzzTargets()) {
    std::ifstream file(std::filesystem::path(SIBYL_FUZZ_REACHED) / target.name);
    std::mt19937_64 random(20'240'602);
    for (std::string line; std::getline(file, line); ++inputs) {
      INFO(target.name << " " << line);
      const std::string bytes = FromHex(line);
      REQUIRE(2 * bytes.size() == line.size());
      target.run(bytes);
      for (int i = 0; i < 5; ++i) target.run(Mutated(bytes, &random));
    }
  }
  CHECK(inputs > 0);
}

}  // namespace
}  // namespace sibyl::testing
