// Goal: the last level's filters are asked after absent keys, not after a row of present ones, by
// each thread for itself; and no answer depends on what is expected. Method: what the gate says
// after reads of each kind; then a database whose every Get, in any order of keys in levels, in
// generations and in neither, is compared with what was written.

#include "engine/filter_gate.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

using engine::FilterGate;

TEST_CASE("The gate closes after a row of present keys and opens with an absent one") {
  FilterGate gate;
  for (uint32_t i = 0; i < FilterGate::kReads; ++i) {
    CHECK(gate.is_open());
    gate.SawPresent();
  }
  CHECK_FALSE(gate.is_open());
  gate.SawPresent();
  CHECK_FALSE(gate.is_open());
  gate.SawAbsent();
  CHECK(gate.is_open());
}

TEST_CASE("An absent key is expected after some in a row, until one is present") {
  FilterGate gate;
  for (uint32_t i = 0; i < FilterGate::kInARow; ++i) {
    CHECK_FALSE(gate.expects_absent());
    gate.SawAbsent();
  }
  CHECK(gate.expects_absent());
  gate.SawAbsent();
  CHECK(gate.expects_absent());
  gate.SawPresent();
  CHECK_FALSE(gate.expects_absent());
}

TEST_CASE("A key in a generation is expected after some in a row, until one is elsewhere") {
  FilterGate gate;
  const bool then_present = GENERATE(true, false);
  for (uint32_t i = 0; i < FilterGate::kInARow; ++i) {
    CHECK_FALSE(gate.expects_in_generation());
    gate.SawInGeneration();
  }
  CHECK(gate.expects_in_generation());
  then_present ? gate.SawPresent() : gate.SawAbsent();
  CHECK_FALSE(gate.expects_in_generation());
}

TEST_CASE("Each thread has a gate of its own") {
  FilterGate& own = FilterGate::OfThisThread();
  for (uint32_t i = 0; i < FilterGate::kReads; ++i) own.SawPresent();
  bool others_is_open = false;
  std::thread([&] { others_is_open = FilterGate::OfThisThread().is_open(); }).join();
  CHECK_FALSE(own.is_open());
  CHECK(others_is_open);
}

TEST_CASE("Every way to read finds the same, whatever the gate has seen before") {
  MemoryLogDatabase database;
  Must(database.Open());
  for (uint64_t i = 0; i < 2000; i += 2) Must(database->Put(BigEndianKey(i), std::to_string(i)));
  Must(database->Compact());
  // Rows of present keys, longer and longer, each followed by one that is absent; and rows of
  // absent keys, each followed by one that is present.
  const bool row_is_present = GENERATE(true, false);
  uint64_t key = 0;
  for (uint32_t row = 0; row < 3 * FilterGate::kReads; ++row) {
    for (uint32_t i = 0; i <= row; ++i) {
      const uint64_t wanted = (i < row) == row_is_present ? key : key + 1;
      INFO("rows of " << (row_is_present ? "present" : "absent") << " keys, row " << row << ", key "
                      << wanted);
      key = (key + 2 * 37) % 2000;
      const std::string encoded = BigEndianKey(wanted);
      const std::string_view keys[] = {encoded};
      Value value;
      std::vector<Value> values(1);
      PinnedValue pinned;
      const bool present = wanted % 2 == 0;
      REQUIRE(Must(database->Get({}, kDefaultTree, encoded, &value)) == present);
      REQUIRE(Must(database->GetPinned({}, kDefaultTree, encoded, &pinned)) == present);
      Must(database->MultiGet({}, kDefaultTree, keys, values));
      REQUIRE(values[0].found() == present);
      if (present) {
        CHECK(value.view() == std::to_string(wanted));
        CHECK(pinned.view() == std::to_string(wanted));
        CHECK(values[0].view() == std::to_string(wanted));
      }
    }
  }
}

// What a Get asks for first depends on where the keys before were.
TEST_CASE("Gets find the newest version, whatever sources the keys before were in") {
  MemoryLogDatabase database;
  Must(database.Open());
  // Three versions: key i has the one of the last level, of an upper level and of the generation if
  // it is divisible by 2, 3 and 5; what is divisible by 7, too, was deleted there last.
  constexpr uint64_t kKeys = 3000;
  std::vector<std::string> expected(kKeys);
  for (const uint64_t divisor : {2, 3, 5}) {
    for (uint64_t i = 0; i < kKeys; i += divisor) {
      expected[i] = i % 7 == 0 && divisor != 2 ? "" : std::to_string(i * divisor);
      if (expected[i].empty()) {
        Must(database->Delete(BigEndianKey(i)));
      } else {
        Must(database->Put(BigEndianKey(i), expected[i]));
      }
    }
    if (divisor == 2) Must(database->Compact());
    if (divisor == 3) Must(database->Flush());
  }
  // Rows of keys of one kind, longer and longer, each followed by one of the next kind.
  const auto is_of_kind = [&](uint64_t key, uint32_t kind) {
    const uint64_t divisors[] = {5, 3, 2};
    for (uint32_t newer = 0; newer < kind; ++newer) {
      if (key % divisors[newer] == 0) return false;
    }
    return kind == 3 || key % divisors[kind] == 0;
  };
  uint64_t key = 0;
  for (uint32_t row = 0; row < 100; ++row) {
    for (uint32_t i = 0; i <= row; ++i) {
      const uint32_t kind = i < row ? row % 4 : (row + 1) % 4;
      do {
        key = (key + 37) % kKeys;
      } while (!is_of_kind(key, kind));
      INFO("row " << row << ", key " << key << " of kind " << kind);
      Value value;
      REQUIRE(Must(database->Get({}, kDefaultTree, BigEndianKey(key), &value)) ==
              !expected[key].empty());
      if (value.found()) REQUIRE(value.view() == expected[key]);
    }
  }
}

}  // namespace
}  // namespace sibyl::testing
