// What the tests of the commit log share: entries with contents that follow from their sequence,
// and short ways to write and read them.

#ifndef SIBYL_TESTS_STORAGE_COMMIT_LOG_SUPPORT_H_
#define SIBYL_TESTS_STORAGE_COMMIT_LOG_SUPPORT_H_

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "storage/commit_log.h"

namespace sibyl::storage {

struct OwnedEntry {
  uint64_t first_sequence = 0;
  uint64_t record_count = 0;
  std::string bytes;
  friend bool operator==(const OwnedEntry&, const OwnedEntry&) = default;
};

// The bytes that tests store for the entry at `first_sequence`: 0 to 299 of them.
inline std::string BytesFor(uint64_t first_sequence) {
  std::string bytes(first_sequence * 7919 % 300, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(first_sequence * 31 + i);
  return bytes;
}

// Fails the running test if `status` is an error.
template <typename T>
T Must(Result<T> result) {
  INFO((result ? std::string() : result.error().ToString()));
  REQUIRE(result.has_value());
  return std::move(result).value();
}

// Everything in `generation`.
inline std::vector<OwnedEntry> EntriesOf(CommitLog& log, uint64_t generation) {
  std::vector<OwnedEntry> entries;
  Must(log.Replay(generation, [&](const LogEntry& entry) {
    entries.push_back({entry.first_sequence, entry.record_count, std::string(entry.bytes)});
    return Ok();
  }));
  return entries;
}

// Everything in all generations.
inline std::vector<OwnedEntry> AllEntries(CommitLog& log) {
  std::vector<OwnedEntry> all;
  for (const uint64_t generation : log.Generations()) {
    for (OwnedEntry& entry : EntriesOf(log, generation)) all.push_back(std::move(entry));
  }
  return all;
}

// The entries of one record each with the sequences from `first` up to, not including, `end`.
inline std::vector<OwnedEntry> EntriesFor(uint64_t first, uint64_t end) {
  std::vector<OwnedEntry> entries;
  for (uint64_t sequence = first; sequence < end; ++sequence) {
    entries.push_back({sequence, 1, BytesFor(sequence)});
  }
  return entries;
}

// Appends them.
inline void AppendFor(CommitLog& log, uint64_t first, uint64_t end) {
  for (uint64_t sequence = first; sequence < end; ++sequence) {
    Must(log.Append(sequence, 1, BytesFor(sequence)));
  }
}

}  // namespace sibyl::storage

#endif  // SIBYL_TESTS_STORAGE_COMMIT_LOG_SUPPORT_H_
