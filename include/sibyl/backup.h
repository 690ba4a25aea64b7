// Backups: a folder with the states of a database at several moments, sharing what they have in
// common. Database::Backup adds one; the functions here need no open database.
//
// Segments never change, so a backup copies only those that the folder does not have yet. The folder
// is independent of the database (give it a disk of its own) and may hold backups of several.
// Layout: docs/file-format.md, "Backups".

#ifndef SIBYL_BACKUP_H_
#define SIBYL_BACKUP_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sibyl/result.h"

namespace sibyl {

struct BackupInfo {
  uint64_t number = 0;         // within the folder, from 1, never reused
  int64_t created_unix_s = 0;  // seconds since 1970, by the clock of the machine
  uint64_t database_id = 0;    // the same for all backups of one database
  uint64_t segments = 0;
  uint64_t records = 0;        // in segments, tombstones and overwritten ones included
  uint64_t bytes = 0;          // of all its segments
  uint64_t copied_bytes = 0;   // of those that no earlier backup had
};

struct BackupReport {
  uint64_t backups = 0;
  uint64_t segments = 0;
  uint64_t bytes = 0;
  std::vector<std::string> problems;  // empty: every backup can be restored
  bool ok() const { return problems.empty(); }
};

// The backups in the folder, oldest first. Errors: kInvalidArgument if it is no folder of backups;
// kNotSupported for a newer format; kCorruption naming the record that is damaged; kIo.
Result<std::vector<BackupInfo>> ListBackups(const std::filesystem::path& backups);

// Reads every byte of every backup and compares checksums. Errors: only what prevents the check
// itself; damage is in the report.
Result<BackupReport> VerifyBackups(const std::filesystem::path& backups);

// Makes `directory`, which must not exist or be empty, the database that backup `number` holds (0:
// the newest). Checksums are compared on the way; after an error nothing is left at `directory`.
// The folder of backups is only read. Errors: kInvalidArgument if there is no such backup or the
// directory is taken; kCorruption naming the damaged file; kIo.
Result<BackupInfo> RestoreBackup(const std::filesystem::path& backups, uint64_t number,
                                 const std::filesystem::path& directory);

// Deletes all but the `kept` newest backups (at least 1), and the segments that no other one needs.
// Returns the bytes that this frees. Errors: as ListBackups; kBusy while a backup is being made.
Result<uint64_t> DeleteOldBackups(const std::filesystem::path& backups, uint64_t kept);

}  // namespace sibyl

#endif  // SIBYL_BACKUP_H_
