// Databases for tests: in a temporary directory, on RocksDB's log.

#ifndef SIBYL_TESTS_ENGINE_DATABASE_FIXTURE_H_
#define SIBYL_TESTS_ENGINE_DATABASE_FIXTURE_H_

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "sibyl/database.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::testing {

// Small enough that a few thousand records make generations, segments and levels.
inline Options SmallOptions() {
  Options options;
  options.generation_bytes = 64 << 10;
  options.segment_bytes = 1 << 20;
  options.first_level_bytes = 128 << 10;
  options.level_ratio = 4;
  options.block_bytes = 512;
  return options;
}

// Fails the test case unless `result` has a value, which it returns.
template <typename T>
T Must(Result<T> result) {
  if (!result) FAIL(result.error().ToString());
  return std::move(result).value();
}

inline std::string BigEndianKey(uint64_t number) {
  std::string key;
  base::PutBig64(&key, number);
  return key;
}

// One database in a directory of its own, which can be closed and opened again.
class TestDatabase {
 public:
  explicit TestDatabase(Options options = SmallOptions()) : options_(std::move(options)) { Open(); }

  void Open() { database_ = Must(Database::Open(options_, path())); }
  void Close() {
    // Refused in a child process, which inherited the database.
    const auto stats = database_ != nullptr ? database_->GetStats() : Result<Stats>(Stats());
    if (stats) CHECK(stats->counters.model_bound_violations == 0);
    database_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }

  std::filesystem::path path() const { return directory_.path() / "db"; }
  Options& options() { return options_; }
  Database& operator*() { return *database_; }
  Database* operator->() { return database_.get(); }

 private:
  TemporaryDirectory directory_;
  Options options_;
  std::shared_ptr<Database> database_;
};

using Records = std::vector<std::pair<std::string, std::string>>;

inline Records ScanForward(Iterator& iterator) {
  Records records;
  for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next()) {
    records.emplace_back(iterator.key(), iterator.value());
  }
  Must(iterator.status());
  return records;
}

inline Records ScanBackward(Iterator& iterator) {
  Records records;
  for (iterator.SeekToLast(); iterator.Valid(); iterator.Prev()) {
    records.emplace_back(iterator.key(), iterator.value());
  }
  Must(iterator.status());
  return {records.rbegin(), records.rend()};
}

// Everything in one tree, forward; checks that backward agrees.
inline Records Everything(Database& database, Tree tree = kDefaultTree) {
  const auto iterator = Must(database.NewIterator(tree));
  const Records forward = ScanForward(*iterator);
  CHECK(ScanBackward(*iterator) == forward);
  return forward;
}

// Hands out `records` one by one.
inline RecordSource SourceOf(const Records& records) {
  return [&records, next = size_t{0}]() mutable -> Result<std::optional<Record>> {
    if (next == records.size()) return std::optional<Record>();
    const auto& [key, value] = records[next++];
    return std::optional<Record>({key, value});
  };
}

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_ENGINE_DATABASE_FIXTURE_H_
