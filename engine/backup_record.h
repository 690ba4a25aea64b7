// The record of one backup: which segments make it up, and what their files must be.
//
// Versioned, checksummed, little-endian: docs/file-format.md, "Backups".

#ifndef SIBYL_ENGINE_BACKUP_RECORD_H_
#define SIBYL_ENGINE_BACKUP_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/backup.h"
#include "sibyl/result.h"
#include "storage/file_copy.h"
#include "storage/manifest.h"

namespace sibyl::engine {

struct BackupFile {
  uint64_t identity = 0;  // of the segment: the checksum in its footer, which covers its sections
  storage::FileContent content;
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

struct BackupRecord {
  uint64_t number = 0;
  int64_t created_unix_s = 0;
  uint64_t copied_bytes = 0;
  storage::Manifest manifest;     // of the database at that moment
  std::vector<BackupFile> files;  // of the manifest's segments, in its order
  friend bool operator==(const BackupRecord&, const BackupRecord&) = default;
};

std::string EncodeBackupRecord(const BackupRecord& record);

// Errors: kCorruption for anything EncodeBackupRecord could not have written; kNotSupported for a
// newer version.
Result<BackupRecord> DecodeBackupRecord(std::string_view bytes);

// "0000000007.backup" for backup 7, and back: 0 if `name` is no such name.
std::string BackupRecordName(uint64_t number);
uint64_t NumberOfBackupRecord(std::string_view name);

// The name under which a folder of backups keeps a segment: database id, segment id and identity.
std::string BackupSegmentName(uint64_t database_id, uint64_t segment_id, uint64_t identity);

// What the record tells users.
BackupInfo Describe(const BackupRecord& record);

// The segments of all levels, in order.
std::vector<storage::ManifestSegment> SegmentsOf(const storage::Manifest& manifest);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_BACKUP_RECORD_H_
