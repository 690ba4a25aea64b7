// sibyl/c.h: checkpoints, backups, verification, repair.

#include <vector>

#include "base/status_macros.h"
#include "engine/c_api/handles.h"
#include "sibyl/backup.h"
#include "sibyl/repair.h"

namespace {

using sibyl::Ok;
using sibyl::Status;
using sibyl::c_api::Guarded;
using sibyl::c_api::NewBuffer;

sibyl_buffer Lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return NewBuffer(text);
}

sibyl_backup_info ToC(const sibyl::BackupInfo& info) {
  return {info.number,  info.created_unix_s, info.database_id, info.segments,
          info.records, info.bytes,          info.copied_bytes};
}

}  // namespace

sibyl_error* sibyl_checkpoint(sibyl_db* db, const char* directory) {
  sibyl_checkpoint_info info;
  return sibyl_checkpoint_with_info(db, directory, &info);
}

sibyl_error* sibyl_checkpoint_with_info(sibyl_db* db, const char* directory,
                                        sibyl_checkpoint_info* info) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::CheckpointInfo made, db->database->Checkpoint(directory));
    *info = {made.segments, made.bytes, made.copied_bytes};
    return Ok();
  });
}

sibyl_error* sibyl_backup(sibyl_db* db, const char* backups, uint64_t* number) {
  sibyl_backup_info info;
  sibyl_error* const error = sibyl_backup_with_info(db, backups, &info);
  if (error == nullptr && number != nullptr) *number = info.number;
  return error;
}

sibyl_error* sibyl_backup_with_info(sibyl_db* db, const char* backups, sibyl_backup_info* info) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::BackupInfo made, db->database->Backup(backups));
    *info = ToC(made);
    return Ok();
  });
}

sibyl_error* sibyl_restore_backup(const char* backups, uint64_t number, const char* directory) {
  sibyl_backup_info info;
  return sibyl_restore_backup_with_info(backups, number, directory, &info);
}

sibyl_error* sibyl_restore_backup_with_info(const char* backups, uint64_t number,
                                            const char* directory, sibyl_backup_info* info) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::BackupInfo restored,
                           sibyl::RestoreBackup(backups, number, directory));
    *info = ToC(restored);
    return Ok();
  });
}

sibyl_error* sibyl_list_backups(const char* backups, size_t* count, sibyl_backup_info** infos) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto listed, sibyl::ListBackups(backups));
    auto given = std::make_unique<sibyl_backup_info[]>(listed.size());
    for (size_t i = 0; i < listed.size(); ++i) given[i] = ToC(listed[i]);
    *count = listed.size();
    *infos = given.release();
    return Ok();
  });
}

void sibyl_backup_list_free(sibyl_backup_info* infos) { delete[] infos; }

sibyl_error* sibyl_verify_backups(const char* backups, uint64_t* problems, sibyl_buffer* report) {
  sibyl_backup_report info;
  sibyl_error* const error = sibyl_verify_backups_with_info(backups, &info, report);
  if (error == nullptr) *problems = info.problems;
  return error;
}

sibyl_error* sibyl_verify_backups_with_info(const char* backups, sibyl_backup_report* info,
                                            sibyl_buffer* report) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::BackupReport verified, sibyl::VerifyBackups(backups));
    *report = Lines(verified.problems);
    *info = {verified.backups, verified.segments, verified.bytes, verified.problems.size()};
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
  sibyl_verify_report info;
  sibyl_error* const error = sibyl_verify_with_info(db, &info, report);
  if (error == nullptr) *problems = info.problems;
  return error;
}

sibyl_error* sibyl_verify_with_info(sibyl_db* db, sibyl_verify_report* info, sibyl_buffer* report) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::VerifyReport verified, db->database->Verify());
    *report = Lines(verified.problems);
    *info = {verified.segments, verified.blocks, verified.records, verified.problems.size()};
    return Ok();
  });
}

sibyl_error* sibyl_repair(const char* damaged, const char* directory, uint64_t* losses,
                          sibyl_buffer* report) {
  sibyl_repair_report info;
  sibyl_error* const error = sibyl_repair_with_info(damaged, directory, nullptr, &info, report);
  if (error == nullptr) *losses = info.losses;
  return error;
}

sibyl_error* sibyl_repair_with_info(const char* damaged, const char* directory,
                                    const sibyl_options* options, sibyl_repair_report* info,
                                    sibyl_buffer* report) {
  return Guarded([&]() -> Status {
    const sibyl::Options chosen = options == nullptr ? sibyl::Options() : options->options;
    SIBYL_ASSIGN_OR_RETURN(const sibyl::RepairReport repaired,
                           sibyl::RepairDatabase(chosen, damaged, directory));
    *report = Lines(repaired.lost);
    *info = {repaired.segments_whole, repaired.segments_damaged, repaired.segments_missing,
             repaired.log_records,    repaired.records,          repaired.lost.size()};
    return Ok();
  });
}
