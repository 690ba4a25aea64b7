// One SQL database file of ours, shared by all connections of this process that have it open:
// its marker, its engine, and the lock that makes its writers take turns.

#ifndef SIBYL_SQL_STORE_FILE_H_
#define SIBYL_SQL_STORE_FILE_H_

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/file_identity.h"
#include "sibyl/database.h"

namespace sibyl::sql {

// The tree that has what SQLite keeps in a file's header, and the UUID of the marker. Trees of SQL
// tables have no names; sqlite_schema is the default tree.
inline constexpr std::string_view kMetaTreeName = "sqlite";
inline constexpr std::string_view kHeaderKey = "header";  // 16 little-endian 32-bit words
inline constexpr std::string_view kUuidKey = "uuid";

// Has a value if entries of unique indexes have only the unique columns in their keys, where none is
// NULL: see docs/sql.md. Written when the database is made, and never changed.
inline constexpr std::string_view kShortKeysKey = "short unique keys";

enum class Access {
  kReadWrite,  // the database belongs to this process
  kReadOnly,   // nothing is written; another process may write meanwhile
  kImmutable,  // nothing is written, by nobody: never looked at again
};

// Thread-safe.
class StoreFile {
 public:
  // The object of the existing file `path` (absolute). Files are told apart by device and inode, so
  // two paths to one file share it. Who wants to read only shares that of this process's writers,
  // if there is one. Errors: kIo.
  static Result<std::shared_ptr<StoreFile>> Acquire(const std::filesystem::path& path,
                                                    Access access);

  StoreFile(std::filesystem::path path, base::FileIdentity identity, Access access)
      : path_(std::move(path)), identity_(std::move(identity)), access_(access) {}
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;

  // Opens the engine on the first call, creating the database if the file is empty.
  //
  // Creation makes the folder, writes the UUID into it, and last the marker: after a crash in
  // between, the file is still empty and the next opening finishes the work. A folder left behind
  // by a file that was deleted is moved aside to PATH-sibyl-orphan, not mixed with the new one.
  //
  // With kReadOnly nothing is made; a later call opens the engine anew if its log has changed
  // since, so that each transaction sees what other processes have committed before it began.
  //
  // Errors: kBusy if another process has it; kInvalidArgument for a marker without its folder or
  // with another UUID than its folder's, both named, and if another file is at the path by now;
  // those of Database::Open.
  Result<std::shared_ptr<Database>> Open();

  Access access() const { return access_; }

  // Called in a child process after fork(), where the file is the parent's: its engine refuses
  // every call, and the child's own connections get a StoreFile of their own.
  void MarkInherited() { inherited_.store(true, std::memory_order_relaxed); }

  // The most memory for writes that are not in segments yet. False if it is too late to change it:
  // the engine has been opened.
  uint64_t budget_bytes() const;
  bool SetBudget(uint64_t bytes);

  // The tree kMetaTreeName. Precondition: Open has succeeded.
  Tree meta_tree() const { return meta_tree_; }
  bool has_short_keys() const { return has_short_keys_; }  // see kShortKeysKey

  // The writer lock: at most one owner. Taking it again is fine; nobody waits here. In a child
  // after fork() it is given to anybody, for what needs it will be refused.
  bool TryLockWriter(const void* owner);
  void UnlockWriter(const void* owner);

 private:
  // What to do with a data folder that is there although the marker is not.
  enum class Leftover { kNone, kFinish, kOrphan };

  Options EngineOptions() const;
  bool IsCurrent();
  bool HasMovedUnopened() const;
  Result<std::optional<std::string>> ReadOwnMarker() const;
  Status OpenExisting(const std::string& uuid);
  Status Create();
  bool IsLeftByDeletedFile() const;
  Result<Leftover> Inspect(Database* database);
  Status MoveAside();
  Status AddUuid(Database* database);
  std::filesystem::path DataDirectory() const;
  static uint64_t DefaultBudget();

  const std::filesystem::path path_;
  const base::FileIdentity identity_;
  const Access access_;
  std::atomic<bool> inherited_ = false;
  std::atomic<bool> opened_ = false;
  mutable std::mutex mutex_;  // guards what follows
  uint64_t budget_bytes_ = DefaultBudget();
  std::shared_ptr<Database> database_;
  std::string log_state_;  // of the log that database_ was opened from, with kReadOnly
  Tree meta_tree_;
  bool has_short_keys_ = false;
  const void* writer_ = nullptr;
};

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_STORE_FILE_H_
