// What SQLite's virtual machine asks of a B-tree, answered with trees of the engine.
//
// A Store is one connection's use of a database file: its transaction, savepoints, header words and
// cursors. A Cursor is a place in one tree. Both speak SQLite's result codes and leave the sentence
// that explains an error in Store::error(). One thread at a time.
//
// Readers see a snapshot, a writer a transaction on top of one; there is never a conflict at
// commit, because the writer lock of the StoreFile is taken before the transaction begins.
//
// Cursors keep their places whatever happens around them. A place is a key: when the tree under a
// cursor is written by somebody else in the same connection, or when the state it reads from is
// exchanged (reading becomes writing, a commit, a rollback), the cursor copies its key, gives up
// what it had in hand, and looks the key up again when it is next used. A cursor whose record is
// gone stands in the gap between its neighbours, so that Next and Previous go on from there.

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
#include "sql/index_record.h"
#include "sql/moved_roots.h"
#include "sql/sorted_batch.h"
#include "sql/store_file.h"
#include "sql/tree_ends.h"
#include "sql/tree_store_c.h"

// The C names for the two classes: tree_store_c.h declares them, SQLite's side only has pointers.
struct SibylCursor;

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
  void EndWriting(bool keep_reading);
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

struct SibylCursor {
 public:
  // See sibyl_cursor_open.
  SibylCursor(SibylStore* store, uint32_t root, bool writable, std::string_view shape,
              int unique_fields, unsigned char* state);
  ~SibylCursor();
  SibylCursor(const SibylCursor&) = delete;
  SibylCursor& operator=(const SibylCursor&) = delete;

  int First(bool* empty);
  int Last(bool* empty);
  int Next();
  int Previous();
  bool AtEnd();
  int Skip(uint64_t count, bool forward);
  void Clear();  // nowhere
  void WatchRow() { watches_row_ = true; }

  int SeekKey(std::string_view key, bool* found);
  int SeekFrom(std::string_view key, bool* found);
  int SeekBefore(std::string_view key, bool* found);
  int Restore(bool* same);

  // Precondition of these: the cursor stands at a record.
  std::string_view CurrentKey() const;
  int CurrentValue(std::string_view* value);

  // SQLite's record. Its bytes and its size are apart, because two words that are written one by
  // one and read as one make the processor wait, for every row of a scan.
  bool record_known() const { return record_bytes_ != nullptr; }
  int NeedRecord();  // makes it known
  const char* record_bytes() const { return record_bytes_; }
  uint32_t record_size() const { return record_size_; }

  int IndexRowid(int64_t* rowid);

  int Put(std::string_view key, std::string_view value);

  // For filling an index: puts in whatever order, of which nothing is seen before Last() has been
  // called. Precondition: until then the cursor is used for nothing else.
  int PutLater(std::string_view key, std::string_view value);

  int Delete();
  int Overwrite(uint32_t offset, std::string_view bytes);
  int Count(int64_t* count);
  int64_t EstimateRecords() { return store_->EstimateRecords(tree(), {}); }

  // For the store.
  uint32_t root() const { return root_; }
  bool writable() const { return writable_; }
  bool MayWrite() const { return writable_ && store_->writing(); }
  bool pinned() const;  // SQLite has it stay where it is
  void SavePlace();
  void Detach();      // SavePlace, and no iterator any more
  void Trip(int rc);  // every use fails with rc from now on
  void CloseIfWatching(const std::string_view* key);

  SibylCursor* next = nullptr;  // in the store's list
  SibylCursor* previous = nullptr;

 private:
  enum class Source : uint8_t {
    kNone,      // the record has not been read
    kIterator,  // key and value are the iterator's
    kPoint,     // the key is key_, the value is value_
  };
  // The gap at key_: whether a record with exactly that key lies ahead of it (after a seek), or is
  // the one that was deleted and does not count.
  enum class Gap : uint8_t { kBeforeKey, kInsteadOfKey };

  bool is_rowid_tree() const { return shape_.empty(); }
  sibyl::Tree tree() const { return store_->TreeOf(root_); }
  const std::string* KnownEnd() const;
  void LearnEnd(std::string_view key);
  int NoteMiss();
  int RowidBehindKey(std::string_view value, int64_t* rowid);
  int FailCorrupt();
  void SetSource(Source source);  // for another place
  void SetRecord(std::string_view record) {
    record_bytes_ = record.data();
    record_size_ = static_cast<uint32_t>(record.size());
  }
  int NeedIterator();
  int PutCollected();
  int Land();  // takes over where the iterator is
  void StandInGap(std::string_view key, Gap gap);
  void StandAtPoint();

  SibylStore* const store_;
  const uint32_t root_;
  const bool writable_;
  const std::string shape_;  // one SibylFieldShape per key field; empty: keys are rowids
  const int unique_fields_;  // so many may be all that a key has; 0: keys have all
  bool watches_row_ = false;
  Source source_ = Source::kNone;
  Gap gap_ = Gap::kInsteadOfKey;
  bool iterator_here_ = false;  // the iterator's next movement leaves from this cursor's place
  unsigned char* const state_;  // CURSOR_VALID and so on, shared with SQLite
  int fault_rc_ = 0;
  std::string key_;  // the place, unless source_ is kIterator
  sibyl::Value value_;
  const char* record_bytes_ = nullptr;  // in the value or in the buffer; null: not known
  uint32_t record_size_ = 0;
  SibylKey record_buffer_{};
  std::unique_ptr<sibyl::Iterator> iterator_;
  std::unique_ptr<sibyl::sql::SortedBatch> collected_;  // by PutLater
};

#endif  // SIBYL_SQL_TREE_STORE_H_
