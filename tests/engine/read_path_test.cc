// Goal: reading allocates nothing.
// Method: this executable counts the allocations of each thread; reads of known keys, absent ones
// and batches run over each state of a database with a warm result buffer.

#include <cstdint>
#include <cstdlib>
#include <new>

#include "tests/engine/database_fixture.h"

namespace {

thread_local uint64_t allocations = 0;  // RocksDB's own threads may allocate at any time

void* CountedAllocation(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return CountedAllocation(size); }
void* operator new[](std::size_t size) { return CountedAllocation(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace sibyl::testing {
namespace {

constexpr uint64_t kKeys = 5000;

void CheckReadsAllocateNothing(Database& database) {
  Value value;
  std::vector<Value> values(32);
  std::vector<std::string> keys;
  std::vector<std::string_view> views;
  for (uint64_t i = 0; i < 32; ++i) keys.push_back(BigEndianKey(i * 310 + i % 2));
  for (const std::string& key : keys) views.push_back(key);
  std::vector<std::string> probes;
  for (uint64_t i = 0; i < 2 * kKeys; i += 7) probes.push_back(BigEndianKey(i));
  const auto read = [&] {
    uint64_t found = 0;
    for (const std::string& key : probes) found += *database.Get({}, kDefaultTree, key, &value);
    const bool ok = database.MultiGet({}, kDefaultTree, views, values).has_value();
    return ok ? found : 0;
  };
  CHECK(read() > 0);  // grows the buffers and checks the checksums of the blocks
  const uint64_t before = allocations;
  const uint64_t found = read();
  CHECK(allocations == before);
  CHECK(found == probes.size() / 2 + probes.size() % 2);
}

TEST_CASE("Get and MultiGet allocate nothing in any state", "[engine][reads]") {
  Options options = SmallOptions();
  options.generation_bytes = 64 << 20;
  options.background_threads = 0;  // nothing allocates beside the reads
  TestDatabase database(options);
  for (uint64_t i = 0; i < kKeys; ++i) {
    Must(database->Put(BigEndianKey(2 * i), std::string(100, 'v')));
  }
  CheckReadsAllocateNothing(*database);  // delta
  Must(database->Flush());
  CheckReadsAllocateNothing(*database);  // one level
  for (uint64_t i = 0; i < kKeys; i += 3) {
    Must(database->Put(BigEndianKey(2 * i), std::string(100, 'w')));
  }
  CheckReadsAllocateNothing(*database);  // both
  Must(database->Compact());
  CheckReadsAllocateNothing(*database);
}

}  // namespace
}  // namespace sibyl::testing
