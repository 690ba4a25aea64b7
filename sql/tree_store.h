// What SQLite's virtual machine asks of a B-tree, answered with trees of the engine.
//
// A Store is one connection's use of a database file: its transaction, savepoints, header words and
// cursors (tree_cursor.h). It speaks SQLite's result codes and leaves the sentence that explains an
// error in error(). One thread at a time.
//
// Readers see a snapshot, a writer a transaction on top of one; there is never a conflict at
// commit, because the writer lock of the StoreFile is taken before the transaction begins.

#ifndef SIBYL_SQL_TREE_STORE_H_
#define SIBYL_SQL_TREE_STORE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/database.h"
#include "sql/moved_roots.h"
#include "sql/store_file.h"
#include "sql/tree_ends.h"
#include "sql/tree_store_c.h"

// The C names for this class and the cursors' are in tree_store_c.h: SQLite's side only has
// pointers.
struct SibylStore {
 public:
  SibylStore(std::shared_ptr<sibyl::sql::StoreFile> file, bool read_only)
      : file_(std::move(file)), read_only_(read_only) {}
  ~SibylStore();
  SibylStore(const SibylStore&) = delete;
  SibylStore& operator=(const SibylStore&) = delete;

  // Another use of the same file, with no transaction.
  std::unique_ptr<SibylStore> Another() const {
    return std::make_unique<SibylStore>(file_, read_only_);
  }

  const std::string& error() const { return error_; }
  void ClearError() { error_.clear(); }

  // Opens the engine if it is not open yet. Every transaction does.
  int OpenFile();

  // Precondition: OpenFile has succeeded. What reads or writes below needs a transaction.
  sibyl::Database* database() const { return database_.get(); }
  std::shared_ptr<sibyl::Database> shared_database() const { return database_; }

  int Begin(bool write);
  bool writing() const { return transaction_ != nullptr; }
  int Commit(bool sync, bool keep_reading);
  int Rollback(bool keep_reading);

  // `on_release` is called whenever this connection has given the writer lock back, in its thread:
  // of a commit the log then knows, and the disk perhaps not yet.
  void OnWriterRelease(std::function<void()> on_release) { on_release_ = std::move(on_release); }

  void OpenSavepoints(int count);
  int RollbackTo(int index);
  void Release(int index);
  void TripCursors(int rc, bool writers_only);

  uint32_t GetMeta(int index) const;
  int SetMeta(int index, uint32_t value);

  // Whether the tree of `root` is there and has keys of that shape (SibylCursor::shape_): a schema
  // may name anything. SQLite finds out from its pages. Cost: nothing to speak of but the first
  // time.
  int CheckRoot(uint32_t root, std::string_view shape);

  int CreateTree(uint32_t* root);
  int DropTree(uint32_t root);

  // Deletes all records, one by one if they are few, else by exchanging the tree for an empty one.
  int ClearTree(uint32_t root, int64_t* count);
  sibyl::Tree TreeOf(uint32_t root) const { return roots_.TreeOf(root); }
  sibyl::sql::MovedRoots LatestRoots() const;  // needs no transaction
  int Compact();
  int Verify(std::vector<std::string>* problems);
  int64_t SizeBytes();
  int64_t EstimateRecords(sibyl::Tree tree, const sibyl::KeyRange& range);
  bool IsLearned(sibyl::Tree tree);
  bool has_short_keys() const { return file_->has_short_keys(); }
  uint64_t budget_bytes() const { return file_->budget_bytes(); }
  int SetBudget(int64_t bytes);

  // What cursors read through, and write through.
  int Get(sibyl::Tree tree, std::string_view key, sibyl::Value* value, bool* found);
  int MultiGet(sibyl::Tree tree, std::span<const std::string_view> keys,
               std::span<sibyl::Value> values);
  int NewIterator(sibyl::Tree tree, std::unique_ptr<sibyl::Iterator>* iterator);
  int Count(sibyl::Tree tree, const sibyl::KeyRange& range, uint64_t* records);
  int RecordAt(sibyl::Tree tree, uint64_t rank, std::optional<sibyl::OwnedRecord>* record);
  int Put(sibyl::Tree tree, std::string_view key, std::string_view value);
  int Delete(sibyl::Tree tree, std::string_view key);

  // An iterator that a cursor no longer needs waits here for the next one on its tree, as long as
  // what it shows holds: statements that insert one row each find theirs again.
  std::unique_ptr<sibyl::Iterator> TakeIterator(sibyl::Tree tree);
  void KeepIterator(sibyl::Tree tree, std::unique_ptr<sibyl::Iterator> iterator);

  // While this connection writes: what is known of the ends of tables.
  sibyl::sql::TreeEnds* ends() { return transaction_ != nullptr ? &ends_ : nullptr; }

  // Before a cursor changes the tree of `root`: the other cursors there save their places; and blob
  // handles on the record with this key (on all, if it is null) are closed.
  int SavePlacesIn(uint32_t root, const SibylCursor* writer);
  void CloseBlobHandles(uint32_t root, const std::string_view* key);

  void AddCursor(SibylCursor* cursor);
  void RemoveCursor(SibylCursor* cursor);

  // Keeps the error's sentence and translates its code.
  int Fail(const sibyl::Error& error);
  int Fail(int rc, const std::string& message);

 private:
  int BeginReading();
  int BeginWriting();
  int LoadHeader();
  void DetachCursors();
  void EndWriting(bool keep_reading, bool committed);
  int SyncNow();
  int FailInTree(const sibyl::Error& error);
  int LookAtRoot(uint32_t root, std::string_view shape);
  int WriteHeader();
  int ExchangeTree(uint32_t root);
  void ReleaseSavepoints(size_t kept);
  void DropIdleIterators(size_t written_bytes);

  const std::shared_ptr<sibyl::sql::StoreFile> file_;
  const bool read_only_;
  std::shared_ptr<sibyl::Database> database_;        // file_ may have a newer one, read-only
  std::unique_ptr<sibyl::Snapshot> snapshot_;        // while reading
  std::unique_ptr<sibyl::Transaction> transaction_;  // while writing
  uint64_t beginning_ = 0;                           // the transaction's first savepoint
  std::vector<uint64_t> savepoints_;
  std::array<uint32_t, SIBYL_META_COUNT> header_{};
  sibyl::sql::MovedRoots roots_;
  uint64_t header_sequence_ = 0;  // the state that header_ and roots_ were read from; 0: none
  bool header_is_stored_ = true;  // in the present state, own writes included
  uint64_t seen_sequence_ = 0;    // the last state this connection read or wrote
  uint32_t data_version_ = 1;     // counts changes of that state by others
  std::array<uint64_t, 64> checked_roots_{};  // CheckRoot's, each in a slot by its number
  uint32_t checked_schema_ = 0;               // the schema's version that they were checked in
  SibylCursor* cursors_ = nullptr;
  sibyl::sql::TreeEnds ends_;
  struct IdleIterator {
    sibyl::Tree tree;
    std::unique_ptr<sibyl::Iterator> iterator;
  };
  std::vector<IdleIterator> idle_iterators_;
  size_t written_bytes_ = 0;  // since idle iterators were last dropped
  std::function<void()> on_release_;
  std::string error_;
};

#endif  // SIBYL_SQL_TREE_STORE_H_
