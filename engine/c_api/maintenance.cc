// sibyl/c.h: backups, verification, repair, statistics.

#include <vector>

#include "base/status_macros.h"
#include "engine/c_api/handles.h"
#include "sibyl/backup.h"
#include "sibyl/repair.h"
#include "sibyl/stats.h"

namespace {

using sibyl::Ok;
using sibyl::Status;
using sibyl::c_api::Guarded;
using sibyl::c_api::GuardedWithoutValue;
using sibyl::c_api::NewBuffer;

sibyl_buffer Lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return NewBuffer(text);
}

}  // namespace

sibyl_error* sibyl_backup(sibyl_db* db, const char* backups, uint64_t* number) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::BackupInfo info, db->database->Backup(backups));
    if (number != nullptr) *number = info.number;
    return Ok();
  });
}

sibyl_error* sibyl_restore_backup(const char* backups, uint64_t number, const char* directory) {
  return GuardedWithoutValue([&] { return sibyl::RestoreBackup(backups, number, directory); });
}

sibyl_error* sibyl_list_backups(const char* backups, size_t* count, sibyl_backup_info** infos) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto listed, sibyl::ListBackups(backups));
    auto given = std::make_unique<sibyl_backup_info[]>(listed.size());
    for (size_t i = 0; i < listed.size(); ++i) {
      const sibyl::BackupInfo& info = listed[i];
      given[i] = {info.number,  info.created_unix_s, info.database_id, info.segments,
                  info.records, info.bytes,          info.copied_bytes};
    }
    *count = listed.size();
    *infos = given.release();
    return Ok();
  });
}

void sibyl_backup_list_free(sibyl_backup_info* infos) { delete[] infos; }

sibyl_error* sibyl_verify_backups(const char* backups, uint64_t* problems, sibyl_buffer* report) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::BackupReport verified, sibyl::VerifyBackups(backups));
    *report = Lines(verified.problems);
    *problems = verified.problems.size();
    return Ok();
  });
}

sibyl_error* sibyl_delete_old_backups(const char* backups, uint64_t kept, uint64_t* freed_bytes) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(*freed_bytes, sibyl::DeleteOldBackups(backups, kept));
    return Ok();
  });
}

sibyl_error* sibyl_verify(sibyl_db* db, uint64_t* problems, sibyl_buffer* report) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::VerifyReport verified, db->database->Verify());
    *report = Lines(verified.problems);
    *problems = verified.problems.size();
    return Ok();
  });
}

sibyl_error* sibyl_repair(const char* damaged, const char* directory, uint64_t* losses,
                          sibyl_buffer* report) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::RepairReport repaired,
                           sibyl::RepairDatabase({}, damaged, directory));
    *report = Lines(repaired.lost);
    *losses = repaired.lost.size();
    return Ok();
  });
}

sibyl_error* sibyl_stats(sibyl_db* db, sibyl_buffer* text) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::Stats stats, db->database->GetStats());
    *text = NewBuffer(sibyl::PrometheusText(stats));
    return Ok();
  });
}
