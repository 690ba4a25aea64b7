// sibyl checkpoint, backup, restore, backups, repair: copies of a database, and what is left of one.

#include <ctime>
#include <utility>

#include "base/status_macros.h"
#include "sibyl/backup.h"
#include "sibyl/repair.h"
#include "tools/command.h"
#include "tools/database_access.h"
#include "tools/sql_support.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

struct Arguments {
  std::string path;     // what is read
  std::string target;   // what is made
  std::string backups;  // the folder of backups
  uint64_t number = 0;
  uint64_t keep = 0;
  bool verify = false;
};

std::string TimeText(int64_t unix_s) {
  const std::time_t time = unix_s;
  std::tm utc = {};
  char text[32] = {};
  if (gmtime_r(&time, &utc) == nullptr) return "?";
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", &utc);
  return text;
}

// What was made is one folder. Where it has a SQL database, that becomes PATH-sibyl, and PATH its
// marker file.
Result<std::string> Finish(std::string target, const std::string& text) {
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  SIBYL_ASSIGN_OR_RETURN(const bool is_sql, MakeSqlDatabase(target));
  return text + (is_sql ? ", a SQL database: " : ": ") + target + "\n";
}

Result<std::string> RunCheckpoint(const Arguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const auto database,
                         OpenDatabase(arguments.path, /*create=*/false, /*background_threads=*/0));
  SIBYL_ASSIGN_OR_RETURN(const CheckpointInfo info, database->Checkpoint(arguments.target));
  return Finish(arguments.target, "checkpoint of " + Counted(info.segments, "segment") + ", " +
                                      Bytes(info.bytes) + ", " + Bytes(info.copied_bytes) +
                                      " copied");
}

Result<std::string> RunBackup(const Arguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const auto database,
                         OpenDatabase(arguments.path, /*create=*/false, /*background_threads=*/0));
  SIBYL_ASSIGN_OR_RETURN(const BackupInfo info, database->Backup(arguments.backups));
  std::string text = "backup " + std::to_string(info.number) + " of " +
                     Counted(info.segments, "segment") + ", " + Bytes(info.bytes) + ", " +
                     Bytes(info.copied_bytes) + " copied\n";
  if (arguments.keep > 0) {
    SIBYL_ASSIGN_OR_RETURN(const uint64_t freed_bytes,
                           DeleteOldBackups(arguments.backups, arguments.keep));
    text += "older ones deleted: " + Bytes(freed_bytes) + " freed\n";
  }
  return text;
}

Result<std::string> RunRestore(const Arguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const BackupInfo info,
                         RestoreBackup(arguments.backups, arguments.number, arguments.target));
  return Finish(arguments.target, "backup " + std::to_string(info.number) + " of " +
                                      TimeText(info.created_unix_s) + " restored");
}

ExitCode RunBackups(const Arguments& arguments) {
  const auto list = ListBackups(arguments.backups);
  if (!list) return Complain(list.error());
  TextTable table({"backup", "made", "database", "segments", "records", "size", "copied"});
  for (const BackupInfo& info : *list) {
    char database[24];
    std::snprintf(database, sizeof(database), "%016llx",
                  static_cast<unsigned long long>(info.database_id));
    table.AddRow({std::to_string(info.number), TimeText(info.created_unix_s), database,
                  Grouped(info.segments), Grouped(info.records), Bytes(info.bytes),
                  Bytes(info.copied_bytes)});
  }
  if (!arguments.verify) return Answer(table.ToString());
  const auto report = VerifyBackups(arguments.backups);
  if (!report) return Complain(report.error());
  const ExitCode verdict = report->ok() ? ExitCode::kOk : ExitCode::kNegative;
  for (const std::string& problem : report->problems) Complain(verdict, "damage: " + problem);
  return Answer(table.ToString() + (report->ok() ? "ok: " : "damaged: ") +
                    Counted(report->segments, "segment") + ", " + Bytes(report->bytes) +
                    " checked\n",
                verdict);
}

ExitCode RunRepair(const Arguments& arguments) {
  const auto folder = DataFolder(arguments.path);
  if (!folder) return Complain(folder.error());
  const auto report = RepairDatabase({}, *folder, arguments.target);
  if (!report) return Complain(report.error());
  const ExitCode verdict = report->lost.empty() ? ExitCode::kOk : ExitCode::kNegative;
  for (const std::string& line : report->lost) Complain(verdict, "lost: " + line);
  const auto text = Finish(
      arguments.target, Counted(report->records, "record") + " saved (segments: " +
                            Grouped(report->segments_whole) + " whole, " +
                            Grouped(report->segments_damaged) + " damaged, " +
                            Grouped(report->segments_missing) + " missing)");
  if (!text) return Complain(text.error());
  return Answer(*text, verdict);
}

// A command whose answer is one line, or an error.
std::function<ExitCode()> Answering(Result<std::string> (*run)(const Arguments&),
                                    std::shared_ptr<Arguments> arguments) {
  return [=] {
    const auto text = run(*arguments);
    return text ? Answer(*text) : Complain(text.error());
  };
}

constexpr char kPath[] = "The database: its folder, or the marker file of a SQL database";
constexpr char kTarget[] = "The new database; nothing may be there yet";
constexpr char kBackups[] = "The folder of backups";

}  // namespace

void AddCopyCommands(CommandLine& commands) {
  auto arguments = std::make_shared<Arguments>();
  Command& checkpoint = commands.Add("checkpoint", "Make a second database that shares files");
  checkpoint.Positional("PATH", &arguments->path, kPath);
  checkpoint.Positional("TARGET", &arguments->target, kTarget);
  checkpoint.Teach(
      "Takes no space on the same file system: segments never change, so they are linked.\n"
      "A database that a running process has open is copied by that process: the API's Checkpoint.");
  checkpoint.Does(Answering(RunCheckpoint, arguments));

  arguments = std::make_shared<Arguments>();
  Command& backup = commands.Add("backup", "Add a backup to a folder of backups");
  backup.Positional("PATH", &arguments->path, kPath);
  backup.Positional("BACKUPS", &arguments->backups, "The folder of backups, made if missing");
  backup.Option("--keep", &arguments->keep, "N", "Afterwards delete all but the N newest");
  backup.Teach("Copies, and verifies, only what no earlier backup in the folder has.");
  backup.Does(Answering(RunBackup, arguments));

  arguments = std::make_shared<Arguments>();
  Command& backups = commands.Add("backups", "List the backups in a folder");
  backups.Positional("BACKUPS", &arguments->backups, kBackups);
  backups.Flag("--verify", &arguments->verify, "Also read and check every byte; 1: damage");
  backups.Does([=] { return RunBackups(*arguments); });

  arguments = std::make_shared<Arguments>();
  Command& restore = commands.Add("restore", "Make a database out of a backup");
  restore.Positional("BACKUPS", &arguments->backups, kBackups);
  restore.Positional("TARGET", &arguments->target, kTarget);
  restore.Option("--number", &arguments->number, "N [the newest]", "Which backup");
  restore.Does(Answering(RunRestore, arguments));

  arguments = std::make_shared<Arguments>();
  Command& repair = commands.Add("repair", "Make a database out of what is left of a damaged one");
  repair.Positional("DAMAGED", &arguments->path, kPath);
  repair.Positional("TARGET", &arguments->target, kTarget);
  repair.Teach(
      "The damaged database is only read: it stays as the evidence. Each line on standard error\n"
      "names something that could not be saved. Exit code 0: nothing is lost; 1: something is.");
  repair.Does([=] { return RunRepair(*arguments); });
}

}  // namespace sibyl::tools
