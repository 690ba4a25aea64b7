#include "engine/backup_record.h"

#include <cinttypes>
#include <cstdio>

#include "base/coding.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "storage/sealed_record.h"

namespace sibyl::engine {

namespace {

constexpr storage::SealedKind kBackupRecord = {"backup record", "SIBYLBAK", 1};
constexpr std::string_view kSuffix = ".backup";

Error Damaged(const std::string& what) {
  return {ErrorCode::kCorruption, "backup record: " + what};
}

}  // namespace

std::vector<storage::ManifestSegment> SegmentsOf(const storage::Manifest& manifest) {
  std::vector<storage::ManifestSegment> segments;
  for (const auto& level : manifest.levels) {
    segments.insert(segments.end(), level.begin(), level.end());
  }
  return segments;
}

std::string EncodeBackupRecord(const BackupRecord& record) {
  std::string bytes = storage::BeginSealed(kBackupRecord);
  base::Put64(&bytes, record.number);
  base::Put64(&bytes, static_cast<uint64_t>(record.created_unix_s));
  base::Put64(&bytes, record.copied_bytes);
  base::PutString(&bytes, storage::EncodeManifest(record.manifest));
  base::PutVarint(&bytes, record.files.size());
  for (const BackupFile& file : record.files) {
    base::Put64(&bytes, file.identity);
    base::Put64(&bytes, file.content.bytes);
    base::Put64(&bytes, file.content.checksum);
  }
  storage::Seal(&bytes);
  return bytes;
}

Result<BackupRecord> DecodeBackupRecord(std::string_view bytes) {
  SIBYL_ASSIGN_OR_RETURN(storage::Unsealed unsealed, storage::Unseal(kBackupRecord, bytes));
  base::Decoder& decoder = unsealed.content;
  BackupRecord record;
  record.number = decoder.Get64();
  record.created_unix_s = static_cast<int64_t>(decoder.Get64());
  record.copied_bytes = decoder.Get64();
  const std::string_view manifest = decoder.GetString();
  if (!decoder.ok()) return Damaged("malformed");
  SIBYL_ASSIGN_OR_RETURN(record.manifest, storage::DecodeManifest(manifest));
  for (uint64_t files = decoder.GetVarint(); files > 0 && decoder.ok(); --files) {
    BackupFile& file = record.files.emplace_back();
    file.identity = decoder.Get64();
    file.content.bytes = decoder.Get64();
    file.content.checksum = decoder.Get64();
  }
  if (!decoder.ok() || !decoder.done() || record.number == 0 ||
      record.files.size() != SegmentsOf(record.manifest).size()) {
    return Damaged("malformed");
  }
  return record;
}

std::string BackupRecordName(uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof(name), "%010" PRIu64, number);
  return name + std::string(kSuffix);
}

uint64_t NumberOfBackupRecord(std::string_view name) {
  const uint64_t number = base::LeadingNumber(name);
  return BackupRecordName(number) == name ? number : 0;
}

std::string BackupSegmentName(uint64_t database_id, uint64_t segment_id, uint64_t identity) {
  char name[80];
  std::snprintf(name, sizeof(name), "%016" PRIx64 "-%016" PRIu64 "-%016" PRIx64 ".segment",
                database_id, segment_id, identity);
  return name;
}

BackupInfo Describe(const BackupRecord& record) {
  BackupInfo info;
  info.number = record.number;
  info.created_unix_s = record.created_unix_s;
  info.database_id = record.manifest.database_id;
  info.copied_bytes = record.copied_bytes;
  for (const storage::ManifestSegment& segment : SegmentsOf(record.manifest)) {
    ++info.segments;
    info.records += segment.records;
    info.bytes += segment.file_bytes;
  }
  return info;
}

}  // namespace sibyl::engine
