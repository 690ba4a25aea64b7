#include "storage/commit_log_format.h"

#include <limits>

#include "base/coding.h"
#include "base/text.h"
#include "storage/commit_log.h"

namespace sibyl::storage {
namespace {

constexpr std::string_view kFamilyPrefix = "gen_";
constexpr size_t kFamilyDigits = 20;  // enough for any 64-bit number: names sort by number

std::optional<uint64_t> ParseBig64(std::string_view bytes) {
  if (bytes.size() != sizeof(uint64_t)) return std::nullopt;
  return base::LoadBig64(bytes.data());
}

}  // namespace

std::string GenerationFamilyName(uint64_t generation) {
  const std::string digits = std::to_string(generation);
  return std::string(kFamilyPrefix) + std::string(kFamilyDigits - digits.size(), '0') + digits;
}

std::optional<uint64_t> GenerationOfFamily(std::string_view name) {
  if (!name.starts_with(kFamilyPrefix)) return std::nullopt;
  name.remove_prefix(kFamilyPrefix.size());
  const auto generation = base::ParseNumber<uint64_t>(name);
  return name.size() == kFamilyDigits && generation != uint64_t{0} ? generation : std::nullopt;
}

std::string GenerationStartKey(uint64_t generation) {
  std::string key(kLogStartKeyPrefix);
  base::PutBig64(&key, generation);
  return key;
}

std::optional<uint64_t> GenerationOfStartKey(std::string_view key) {
  if (!key.starts_with(kLogStartKeyPrefix)) return std::nullopt;
  return ParseBig64(key.substr(kLogStartKeyPrefix.size()));
}

std::string EncodeLogNumber(uint64_t number) {
  std::string value;
  base::PutVarint(&value, number);
  return value;
}

std::optional<uint64_t> DecodeLogNumber(std::string_view value) {
  base::Decoder decoder(value);
  const uint64_t number = decoder.GetVarint();
  if (!decoder.ok() || !decoder.done()) return std::nullopt;
  return number;
}

std::string EntryKey(uint64_t first_sequence) {
  std::string key;
  base::PutBig64(&key, first_sequence);
  return key;
}

std::optional<uint64_t> SequenceOfEntryKey(std::string_view key) { return ParseBig64(key); }

void AppendEntryHeader(std::string* out, const EntryHeader& header) {
  base::PutVarint(out, header.skipped);
  base::PutVarint(out, header.record_count);
}

std::optional<StoredEntry> ParseEntry(uint64_t first_sequence, std::string_view value) {
  base::Decoder decoder(value);
  StoredEntry entry;
  entry.header.skipped = decoder.GetVarint();
  entry.header.record_count = decoder.GetVarint();
  if (!decoder.ok()) return std::nullopt;
  entry.bytes = value.substr(value.size() - decoder.remaining_bytes());
  const uint64_t room = std::numeric_limits<uint64_t>::max() - first_sequence;
  const bool plausible = entry.header.skipped <= first_sequence && entry.header.record_count > 0 &&
                         entry.header.record_count <= room;
  if (!plausible) return std::nullopt;
  return entry;
}

std::string EncodeManifestRecord(const ManifestRecord& record) {
  std::string value;
  base::PutVarint(&value, record.number);
  value.append(record.bytes);
  return value;
}

std::optional<ManifestRecord> ParseManifestRecord(std::string_view value) {
  base::Decoder decoder(value);
  ManifestRecord record;
  record.number = decoder.GetVarint();
  if (!decoder.ok() || record.number == 0) return std::nullopt;
  record.bytes = value.substr(value.size() - decoder.remaining_bytes());
  return record;
}

Status CheckLogEntrySize(std::string_view what, uint64_t size_bytes) {
  if (size_bytes <= kMaxLogEntryBytes) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               std::string(what) + " of " + std::to_string(size_bytes) +
                   " bytes is over the limit of " + std::to_string(kMaxLogEntryBytes)};
}

Error UnknownGeneration(uint64_t generation) {
  return Error{ErrorCode::kInvalidArgument,
               "the log has no generation " + std::to_string(generation)};
}

}  // namespace sibyl::storage
