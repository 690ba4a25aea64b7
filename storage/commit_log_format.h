// How the RocksDB commit log names and frames what it stores: docs/file-format.md.

#ifndef SIBYL_STORAGE_COMMIT_LOG_FORMAT_H_
#define SIBYL_STORAGE_COMMIT_LOG_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sibyl/result.h"

namespace sibyl::storage {

inline constexpr uint64_t kLogFormatVersion = 1;

// Keys of the `meta` family.
inline constexpr std::string_view kLogFormatKey = "format";       // value: varint format version
inline constexpr std::string_view kLogManifestKey = "manifest";   // value: see ManifestRecord
inline constexpr std::string_view kLogStartKeyPrefix = "start/";  // + big-endian generation

// The column family of a generation, and back; nullopt if `name` is no such family.
std::string GenerationFamilyName(uint64_t generation);
std::optional<uint64_t> GenerationOfFamily(std::string_view name);

// The meta key of the record that says where a generation starts, and back. Its value is
// EncodeLogNumber(the sequence that follows the last one before the generation).
std::string GenerationStartKey(uint64_t generation);
std::optional<uint64_t> GenerationOfStartKey(std::string_view key);

// One varint and nothing else.
std::string EncodeLogNumber(uint64_t number);
std::optional<uint64_t> DecodeLogNumber(std::string_view value);

// Keys of entries: the first sequence, big-endian, so that key order is the order of the log.
std::string EntryKey(uint64_t first_sequence);
std::optional<uint64_t> SequenceOfEntryKey(std::string_view key);

// What precedes an entry's bytes. `skipped` is the number of sequences between the end of the entry
// before and this one's first: it chains the entries, so that a lost one is told from skipped
// sequences.
struct EntryHeader {
  uint64_t skipped = 0;
  uint64_t record_count = 0;
};
void AppendEntryHeader(std::string* out, const EntryHeader& header);

// Splits a stored entry; nullopt if it is malformed or would run past the last sequence.
struct StoredEntry {
  EntryHeader header;
  std::string_view bytes;
};
std::optional<StoredEntry> ParseEntry(uint64_t first_sequence, std::string_view value);

// The manifest with the number of times that one was committed before it, plus one.
struct ManifestRecord {
  uint64_t number = 0;
  std::string_view bytes;
};
std::string EncodeManifestRecord(const ManifestRecord& record);
std::optional<ManifestRecord> ParseManifestRecord(std::string_view value);

// What every implementation answers to a caller's mistake (kInvalidArgument).
Status CheckLogEntrySize(std::string_view what, uint64_t size_bytes);
Error UnknownGeneration(uint64_t generation);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_COMMIT_LOG_FORMAT_H_
