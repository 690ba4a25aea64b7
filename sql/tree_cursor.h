// A place in one tree of a store: what SQLite's virtual machine calls a cursor of a B-tree.
//
// Speaks SQLite's result codes; the sentence that explains an error is in the store's error().
//
// Cursors keep their places whatever happens around them. A place is a key: when the tree under a
// cursor is written by somebody else in the same connection, or when the state it reads from is
// exchanged (reading becomes writing, a commit, a rollback), the cursor copies its key, gives up
// what it had in hand, and looks the key up again when it is next used. A cursor whose record is
// gone stands in the gap between its neighbours, so that Next and Previous go on from there.

#ifndef SIBYL_SQL_TREE_CURSOR_H_
#define SIBYL_SQL_TREE_CURSOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sibyl/database.h"
#include "sql/index_record.h"
#include "sql/sorted_batch.h"
#include "sql/tree_store.h"

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
  std::string_view CurrentKey() const {
    return source_ == Source::kIterator ? iterator_->key() : std::string_view(key_);
  }
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

#endif  // SIBYL_SQL_TREE_CURSOR_H_
