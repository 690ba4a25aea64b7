// Folders of backups: see sibyl/backup.h, whose functions these are, on any file system.
//
// A backup is made in this order: segments copied, verified, synced and renamed to their names; their
// directory synced; the record written atomically. So a record never names what is not there, and
// what an interrupted backup leaves behind is used by the next one or deleted with old backups.

#ifndef SIBYL_ENGINE_BACKUP_H_
#define SIBYL_ENGINE_BACKUP_H_

#include <cstdint>
#include <vector>

#include "engine/database_state.h"
#include "engine/view.h"
#include "sibyl/backup.h"
#include "sibyl/result.h"
#include "storage/file_system.h"
#include "storage/manifest.h"

namespace sibyl::engine {

// `view` has the segments that `manifest` names, and so keeps their files.
// Errors: see Database::Backup.
Result<BackupInfo> WriteBackup(storage::FileSystem& files, const storage::Manifest& manifest,
                               const View& view, const storage::Path& backups);

Result<std::vector<BackupInfo>> ListBackups(storage::FileSystem& files,
                                            const storage::Path& backups);
Result<BackupReport> VerifyBackups(storage::FileSystem& files, const storage::Path& backups);
Result<BackupInfo> RestoreBackup(const Environment& environment, const storage::Path& backups,
                                 uint64_t number, const storage::Path& directory);
Result<uint64_t> DeleteOldBackups(storage::FileSystem& files, const storage::Path& backups,
                                  uint64_t kept);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_BACKUP_H_
