// Goal: a transaction writes far more than its memory, and memory stays bounded: at its default
// budget 10 million records of 8 + 100 bytes fit into 512 MB.
// Method: random keys in one transaction, read back before and after its commit. By default few
// records and a small budget; docs/testing.md has the command for all of them, which also limits
// the memory that the process gets.

#include <cstdlib>

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

constexpr uint64_t kDefaultRecords = 30'000;

// Visits every number below a power of two once, in no order that would help.
uint64_t Shuffled(uint64_t i) { return i * 0x9e3779b97f4a7c15; }

std::string ValueOf(uint64_t i) {
  std::string value = std::to_string(i);
  value.resize(100, static_cast<char>('a' + i % 26));
  return value;
}

void CheckSample(const std::function<Result<bool>(std::string_view, Value*)>& get,
                 uint64_t records) {
  Value value;
  for (uint64_t i = 0; i < records; i += 1 + records / 1000) {
    REQUIRE(Must(get(BigEndianKey(Shuffled(i)), &value)));
    REQUIRE(value.view() == ValueOf(i));
  }
  REQUIRE_FALSE(Must(get(BigEndianKey(Shuffled(records)), &value)));
}

TEST_CASE("one transaction with far more records than fit into its memory",
          "[engine][transaction]") {
  const char* text = std::getenv("SIBYL_TRANSACTION_RECORDS");
  const uint64_t records = text == nullptr ? kDefaultRecords : std::strtoull(text, nullptr, 10);
  Options options = text == nullptr ? SmallOptions() : Options();
  if (text == nullptr) options.transaction_memory_bytes = 256 << 10;
  TestDatabase database(options);
  auto transaction = Must(database->BeginTransaction());
  for (uint64_t i = 0; i < records; ++i) {
    Must(transaction->Put(kDefaultTree, BigEndianKey(Shuffled(i)), ValueOf(i)));
  }
  const Stats stats = Must(database->GetStats());
  CHECK(stats.counters.transaction_spills >= records / 1'000'000);
  CHECK(stats.memory.transaction_bytes < 3 * options.transaction_memory_bytes);
  CheckSample([&](std::string_view key,
                  Value* value) { return transaction->Get(kDefaultTree, key, value); },
              records);
  CHECK_FALSE(Must(database->Get(BigEndianKey(Shuffled(0)))).has_value());
  Must(transaction->Commit());
  transaction.reset();
  CheckSample([&](std::string_view key,
                  Value* value) { return database->Get({}, kDefaultTree, key, value); },
              records);
  database.Reopen();
  CHECK(Must(database->Count({}, kDefaultTree, {})) == records);
}

}  // namespace
}  // namespace sibyl::testing
