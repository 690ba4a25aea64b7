// One SQL database file: see the header.

#include "sql/store_file.h"

#include <pthread.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "sibyl/sql.h"
#include "sql/marker_file.h"

namespace sibyl::sql {
namespace {

// The files that are open, by device, inode and use: the writer lock must be found by every
// connection of the process. It outlives every connection, hence never destroyed.
struct Registry {
  std::mutex mutex;
  std::map<std::pair<base::FileIdentity::Id, Access>, std::weak_ptr<StoreFile>> files;
};

Registry& TheRegistry();

// In the child, whose only thread this is.
void ForgetInheritedFiles() {
  Registry& registry = TheRegistry();
  for (const auto& [id, entry] : registry.files) {
    if (const auto file = entry.lock()) file->MarkInherited();
  }
  registry.files.clear();
  registry.mutex.unlock();
}

Registry& TheRegistry() {
  static Registry* const registry = [] {
    auto made = new Registry;
    // Nobody may be inside the registry at the moment of a fork. (Its mutex is never held while
    // another is taken, so the order of these handlers and the engine's does not matter. The mutex
    // of a StoreFile may be held by a thread that the child does not have: it is not used there.)
    pthread_atfork([] { TheRegistry().mutex.lock(); }, [] { TheRegistry().mutex.unlock(); },
                   ForgetInheritedFiles);
    return made;
  }();
  return *registry;
}

void ForgetClosedFiles(Registry* registry) {
  std::erase_if(registry->files, [](const auto& entry) { return entry.second.expired(); });
}

Result<std::string> ReadUuid(Database* database, Tree meta_tree) {
  SIBYL_ASSIGN_OR_RETURN(auto uuid, database->Get(meta_tree, kUuidKey));
  return uuid.value_or("");
}

Result<bool> ReadShortKeys(Database* database, Tree meta_tree) {
  SIBYL_ASSIGN_OR_RETURN(const auto value, database->Get(meta_tree, kShortKeysKey));
  return value.has_value();
}

// Names, sizes and times of the files of a log: they differ after every commit.
std::string StateOfLog(const std::filesystem::path& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator file(directory / "log", error), end;
       !error && file != end; file.increment(error)) {
    struct stat info;
    if (stat(file->path().c_str(), &info) != 0) continue;  // gone meanwhile
    files.push_back(file->path().filename().string() + ' ' + std::to_string(info.st_size) + ' ' +
                    std::to_string(info.st_mtim.tv_sec) + '.' +
                    std::to_string(info.st_mtim.tv_nsec) + '\n');
  }
  std::sort(files.begin(), files.end());
  std::string state;
  for (const std::string& file : files) state += file;
  return state;
}

}  // namespace

std::filesystem::path DataDirectoryOf(const std::filesystem::path& path) {
  std::error_code ignored;  // what cannot be looked at is not a folder
  if (std::filesystem::is_directory(path, ignored)) return path;
  return std::filesystem::path(path) += "-sibyl";
}

Result<std::shared_ptr<StoreFile>> StoreFile::Acquire(const std::filesystem::path& path,
                                                      Access access) {
  SIBYL_ASSIGN_OR_RETURN(auto identity, base::FileIdentity::Of(path));
  const auto id = identity.id();
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  ForgetClosedFiles(&registry);
  if (registry.files.contains({id, Access::kReadWrite})) access = Access::kReadWrite;
  std::weak_ptr<StoreFile>& entry = registry.files[{id, access}];
  std::shared_ptr<StoreFile> file = entry.lock();
  if (file == nullptr || file->HasMovedUnopened()) {
    file = std::make_shared<StoreFile>(path, std::move(identity), access);
    entry = file;
  }
  return file;
}

std::filesystem::path StoreFile::DataDirectory() const {
  return std::filesystem::path(path_) += "-sibyl";
}

Result<std::shared_ptr<Database>> StoreFile::Open() {
  if (inherited_.load(std::memory_order_relaxed)) {
    return Error{ErrorCode::kInvalidArgument,
                 path_.string() +
                     " was opened before fork(), by the parent process: a child opens "
                     "connections of its own"};
  }
  const std::lock_guard lock(mutex_);
  if (database_ == nullptr || !IsCurrent()) {
    SIBYL_ASSIGN_OR_RETURN(const auto uuid, ReadOwnMarker());
    if (!uuid && access_ != Access::kReadWrite) {
      return Error{ErrorCode::kReadOnly, path_.string() + " is not yet a database"};
    }
    SIBYL_RETURN_IF_ERROR(uuid ? OpenExisting(*uuid) : Create());
    opened_.store(true, std::memory_order_relaxed);
  }
  return database_;
}

// Then it is of no use to those who know the file by the path that it has now.
bool StoreFile::HasMovedUnopened() const {
  if (opened_.load(std::memory_order_relaxed)) return false;
  return !identity_.IsAt(path_);
}

// The path may name another file than the one this object is about.
Result<std::optional<std::string>> StoreFile::ReadOwnMarker() const {
  SIBYL_ASSIGN_OR_RETURN(const auto present, base::FileIdentity::Of(path_));
  if (present.id() != identity_.id()) {
    return Error{ErrorCode::kInvalidArgument,
                 path_.string() + " is another file than when this connection was opened"};
  }
  return ReadMarker(path_);
}

uint64_t StoreFile::DefaultBudget() {
  const Options options;
  return options.generation_bytes * (options.max_frozen_generations + 1);
}

uint64_t StoreFile::budget_bytes() const {
  const std::lock_guard lock(mutex_);
  return budget_bytes_;
}

bool StoreFile::SetBudget(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (database_ != nullptr) return bytes == budget_bytes_;
  budget_bytes_ = bytes;
  return true;
}

// The active generation and the frozen ones share the budget.
Options StoreFile::EngineOptions() const {
  Options options;
  options.generation_bytes = budget_bytes_ / (options.max_frozen_generations + 1);
  return options;
}

bool StoreFile::IsCurrent() {
  return access_ != Access::kReadOnly || StateOfLog(DataDirectory()) == log_state_;
}

Status StoreFile::OpenExisting(const std::string& uuid) {
  const std::filesystem::path directory = DataDirectory();
  if (!std::filesystem::is_directory(directory)) {
    return Error{ErrorCode::kInvalidArgument,
                 path_.string() + " is the marker of a SibylDB database, but its data folder " +
                     directory.string() + " is missing"};
  }
  Options options = EngineOptions();
  options.create_if_missing = false;
  options.read_only = access_ != Access::kReadWrite;
  if (access_ == Access::kReadOnly) log_state_ = StateOfLog(directory);
  SIBYL_ASSIGN_OR_RETURN(auto database, Database::Open(options, directory));
  SIBYL_ASSIGN_OR_RETURN(const auto meta_tree, database->FindTree(kMetaTreeName));
  std::string found;
  if (meta_tree) {
    SIBYL_ASSIGN_OR_RETURN(found, ReadUuid(database.get(), *meta_tree));
  }
  if (found != uuid) {
    return Error{ErrorCode::kInvalidArgument,
                 path_.string() + " does not belong to its data folder: the marker says " + uuid +
                     ", " + directory.string() + " says " + (found.empty() ? "nothing" : found)};
  }
  meta_tree_ = *meta_tree;
  SIBYL_ASSIGN_OR_RETURN(has_short_keys_, ReadShortKeys(database.get(), meta_tree_));
  database_ = std::move(database);
  return Ok();
}

Status StoreFile::Create() {
  const std::filesystem::path directory = DataDirectory();
  SIBYL_ASSIGN_OR_RETURN(auto database, Database::Open(EngineOptions(), directory));
  if (database.use_count() > 1) {
    if (!IsLeftByDeletedFile()) {
      return Error{
          ErrorCode::kBusy,
          directory.string() + " is still in use, by a connection to a file that was renamed"};
    }
    database.reset();
    SIBYL_RETURN_IF_ERROR(MoveAside());
    SIBYL_ASSIGN_OR_RETURN(database, Database::Open(EngineOptions(), directory));
  }
  // Another process may have created it between our look at the marker and now, when nobody can.
  SIBYL_ASSIGN_OR_RETURN(const auto created, ReadOwnMarker());
  if (created) {
    database.reset();
    return OpenExisting(*created);
  }
  SIBYL_ASSIGN_OR_RETURN(const Leftover leftover, Inspect(database.get()));
  if (leftover == Leftover::kOrphan) {
    database.reset();
    SIBYL_RETURN_IF_ERROR(MoveAside());
    SIBYL_ASSIGN_OR_RETURN(database, Database::Open(EngineOptions(), directory));
  }
  SIBYL_RETURN_IF_ERROR(AddUuid(database.get()));
  SIBYL_ASSIGN_OR_RETURN(const auto uuid, ReadUuid(database.get(), meta_tree_));
  SIBYL_ASSIGN_OR_RETURN(has_short_keys_, ReadShortKeys(database.get(), meta_tree_));
  SIBYL_RETURN_IF_ERROR(WriteMarker(path_, uuid));
  database_ = std::move(database);
  return Ok();
}

// Its connections keep what they have, and are told so when they write: that the folder was moved.
bool StoreFile::IsLeftByDeletedFile() const {
  std::vector<std::shared_ptr<StoreFile>> files;  // whose last pointer must not go under the mutex
  {
    Registry& registry = TheRegistry();
    const std::lock_guard lock(registry.mutex);
    for (const auto& [id, entry] : registry.files) files.push_back(entry.lock());
  }
  return std::any_of(files.begin(), files.end(), [&](const auto& file) {
    return file != nullptr && file->path_ == path_ && file->identity_.IsDeleted();
  });
}

Result<StoreFile::Leftover> StoreFile::Inspect(Database* database) {
  SIBYL_ASSIGN_OR_RETURN(const auto trees, database->ListTrees());
  SIBYL_ASSIGN_OR_RETURN(const auto meta_tree, database->FindTree(kMetaTreeName));
  SIBYL_ASSIGN_OR_RETURN(const auto records, database->NewIterator(kDefaultTree));
  records->SeekToFirst();
  SIBYL_RETURN_IF_ERROR(records->status());
  const size_t own_trees = meta_tree ? 2 : 1;  // the default tree is always there
  if (!records->Valid() && trees.size() <= own_trees) {
    return meta_tree ? Leftover::kFinish : Leftover::kNone;
  }
  if (meta_tree) return Leftover::kOrphan;
  return Error{ErrorCode::kInvalidArgument,
               DataDirectory().string() +
                   " has a key-value database, which an empty SQL file cannot take over"};
}

Status StoreFile::MoveAside() {
  const std::filesystem::path orphan = std::filesystem::path(path_) += "-sibyl-orphan";
  std::error_code error;
  std::filesystem::remove_all(orphan, error);  // at most one is kept
  if (!error) std::filesystem::rename(DataDirectory(), orphan, error);
  if (error) {
    return Error{ErrorCode::kIo, "cannot move " + DataDirectory().string() + " to " +
                                     orphan.string() + ": " + error.message()};
  }
  return Ok();
}

Status StoreFile::AddUuid(Database* database) {
  SIBYL_ASSIGN_OR_RETURN(auto meta_tree, database->FindTree(kMetaTreeName));
  if (!meta_tree) {
    SIBYL_ASSIGN_OR_RETURN(meta_tree, database->CreateTree(kMetaTreeName));
  }
  meta_tree_ = *meta_tree;
  SIBYL_ASSIGN_OR_RETURN(const auto uuid, ReadUuid(database, meta_tree_));
  if (!uuid.empty()) return Ok();
  SIBYL_RETURN_IF_ERROR(database->Put(meta_tree_, kShortKeysKey, "1"));
  SIBYL_ASSIGN_OR_RETURN(const auto fresh, NewUuid());
  return database->Put(meta_tree_, kUuidKey, fresh, WriteOptions{.sync = true});
}

bool StoreFile::TryLockWriter(const void* owner) {
  if (inherited_.load(std::memory_order_relaxed)) return true;
  const std::lock_guard lock(mutex_);
  if (writer_ == nullptr) writer_ = owner;
  return writer_ == owner;
}

void StoreFile::UnlockWriter(const void* owner) {
  if (inherited_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (writer_ == owner) writer_ = nullptr;
}

}  // namespace sibyl::sql
