// Database::Open and the functions beside it: the product's outside world, POSIX files and
// RocksDB's log.

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/status_macros.h"
#include "engine/backup.h"
#include "engine/database_impl.h"
#include "engine/recovery.h"
#include "engine/registry.h"
#include "sibyl/backup.h"
#include "sibyl/database.h"
#include "storage/anchored_file_system.h"
#include "storage/resting_log.h"

namespace sibyl {

namespace {

// Attempts to read a database that a writer changes meanwhile, and the time between two.
constexpr int kReadAttempts = 20;
constexpr auto kReadAttemptDelay = std::chrono::milliseconds(10);

engine::Environment ProductEnvironment() {
  storage::FileSystem& files = storage::PosixFileSystem();
  const auto open_log = [](const storage::Path& directory) {
    auto log = storage::OpenRocksDbLog(directory);
    engine::Registry::Instance().NoteLogOpened();
    return log;
  };
  return {
      &files,
      [&files, open_log](const storage::Path& directory) {
        return storage::OpenRestingLog(files, directory, open_log, storage::OpenRocksDbLogReadOnly);
      },
      [&files](const storage::Path& directory) {
        return storage::OpenRestingLogReadOnly(files, directory, storage::OpenRocksDbLogReadOnly);
      }};
}

// What keeps leading to `directory` when the process changes its working directory.
Result<std::filesystem::path> AbsolutePath(const std::filesystem::path& directory) {
  std::error_code error;
  auto absolute = std::filesystem::absolute(directory, error);
  if (error) return Error{ErrorCode::kIo, directory.string() + ": " + error.message()};
  return absolute;
}

// The same for one database, whose files are left alone once `directory` is another folder. The log
// looks after itself.
Result<engine::Environment> EnvironmentOf(const std::filesystem::path& directory) {
  engine::Environment environment = ProductEnvironment();
  SIBYL_ASSIGN_OR_RETURN(auto place, storage::FolderPlace::Of(directory));
  environment.owned_files =
      std::make_shared<storage::AnchoredFileSystem>(*environment.files, std::move(place));
  environment.files = environment.owned_files.get();
  return environment;
}

// The names and sizes of all files of a database: differs when somebody wrote between two calls.
std::string FilesOf(const std::filesystem::path& directory) {
  std::string files;
  for (const char* folder : {"log", "segments"}) {
    std::error_code error;  // what goes while we look has changed
    for (std::filesystem::directory_iterator entry(directory / folder, error), end;
         !error && entry != end; entry.increment(error)) {
      std::error_code size_error;
      files += entry->path().filename().string() + ' ' +
               std::to_string(entry->file_size(size_error)) + '\n';
    }
  }
  return files;
}

Result<std::shared_ptr<Database>> OpenReadOnly(const Options& options,
                                               const std::filesystem::path& path) {
  SIBYL_RETURN_IF_ERROR(engine::CheckReadable(storage::PosixFileSystem(), options, path));
  SIBYL_ASSIGN_OR_RETURN(const std::filesystem::path directory, AbsolutePath(path));
  SIBYL_ASSIGN_OR_RETURN(const engine::Environment environment, EnvironmentOf(directory));
  for (int attempt = 0;; ++attempt) {
    const std::string files_before = FilesOf(directory);
    auto database = engine::DatabaseImpl::Open(options, directory, environment);
    if (database) return std::shared_ptr<Database>(std::move(*database));
    // Damage, unless a writer removed files between our looking and our reading.
    if (FilesOf(directory) == files_before) return std::move(database).error();
    if (attempt == kReadAttempts) {
      return Error{ErrorCode::kBusy, directory.string() + ": a writer changes it too fast: " +
                                         database.error().message};
    }
    std::this_thread::sleep_for(kReadAttemptDelay);
  }
}

}  // namespace

Result<std::shared_ptr<Database>> Database::Open(const Options& options,
                                                 const std::filesystem::path& path) {
  if (options.read_only) return OpenReadOnly(options, path);
  SIBYL_RETURN_IF_ERROR(engine::PrepareDirectory(storage::PosixFileSystem(), options, path));
  SIBYL_ASSIGN_OR_RETURN(const std::filesystem::path directory, AbsolutePath(path));
  const auto open = [&]() -> Result<std::unique_ptr<engine::DatabaseImpl>> {
    SIBYL_ASSIGN_OR_RETURN(const engine::Environment environment, EnvironmentOf(directory));
    return engine::DatabaseImpl::Open(options, directory, environment);
  };
  SIBYL_ASSIGN_OR_RETURN(std::shared_ptr<engine::DatabaseImpl> database,
                         engine::Registry::Instance().OpenOnce(directory, open));
  return std::shared_ptr<Database>(std::move(database));
}

Result<std::vector<BackupInfo>> ListBackups(const std::filesystem::path& backups) {
  return engine::ListBackups(storage::PosixFileSystem(), backups);
}

Result<BackupReport> VerifyBackups(const std::filesystem::path& backups) {
  return engine::VerifyBackups(storage::PosixFileSystem(), backups);
}

Result<BackupInfo> RestoreBackup(const std::filesystem::path& backups, uint64_t number,
                                 const std::filesystem::path& directory) {
  return engine::RestoreBackup(ProductEnvironment(), backups, number, directory);
}

Result<uint64_t> DeleteOldBackups(const std::filesystem::path& backups, uint64_t kept) {
  return engine::DeleteOldBackups(storage::PosixFileSystem(), backups, kept);
}

}  // namespace sibyl
