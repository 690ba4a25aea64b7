// PointReader: answers SELECT by rowid or by a unique key, and by a list or array of them, from the
// engine, without SQLite's virtual machine.
//
// It reads through a store of its own, which costs a session no pooled connection: one snapshot has
// the schema's number, which must be the plan's, and the rows.

#ifndef SIBYL_SQL_SERVER_POINT_READER_H_
#define SIBYL_SQL_SERVER_POINT_READER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/key_codec.h"
#include "sql/point_plan.h"
#include "sql/server/sql_value.h"
#include "sql/tree_store.h"

namespace sibyl::sql::server {

// The plan of a statement, while that is prepared; null: it is no point lookup.
std::shared_ptr<const SibylPointPlan> PlanPointRead(sqlite3_stmt* statement);

// One session's.
class PointReader {
 public:
  PointReader() = default;
  ~PointReader();
  PointReader(const PointReader&) = delete;
  PointReader& operator=(const PointReader&) = delete;

  // Will read from the database that `connection` has as "main". Does nothing from the second call
  // on.
  void Open(sqlite3* connection);

  // Reads the rows whose keys are `parameters` (the statement's), in a new snapshot, or in the
  // write transaction that `connection`, if it is not null, is in. False: SQLite must run the
  // statement, since a parameter is of another type than keys are, or SQLite would make another
  // value of it, the schema is another, the rows of a list are so large that they should be sent
  // one by one, or something failed.
  bool Read(const SibylPointPlan& plan, std::span<const OwnedValue> parameters,
            sqlite3* connection);

  // After the last use of what was read: gives large buffers back.
  void Rest();

  // Of the last Read: how many rows it found; the values of one, which point into this object.
  size_t rows() const { return found_.size(); }
  bool Decode(const SibylPointPlan& plan, size_t row);  // false: as Read
  std::span<const SqlValue> values() const { return values_; }

 private:
  // What was found of one key.
  struct Found {
    size_t key;         // among keys_ and entries_
    size_t row;         // among rows_; unused if entries have all columns
    int64_t rowid = 0;  // unless it is a WITHOUT ROWID table
  };

  bool TakeKeys(const SibylPointPlan& plan, std::span<const OwnedValue> parameters);
  bool TakeElements(const SibylPointPlan& plan, const SqlValue& array);
  bool TakeKey(const SibylPointPlan& plan, const SqlValue& value);
  bool ReadFrom(SibylStore* store, const SibylPointPlan& plan);
  bool GetAll(SibylStore* store, uint32_t root, const std::vector<std::string>& keys,
              std::vector<sibyl::Value>* records);
  bool FindRows(SibylStore* store, uint32_t root);
  bool FindEntries(SibylStore* store, const SibylPointPlan& plan);
  bool FindRowsOfEntries(SibylStore* store, uint32_t root);
  bool TakeRowid(Found* found);
  bool JoinEntry(const Found& found, std::string_view* record);

  std::unique_ptr<SibylStore> store_;
  SibylKey key_{};                 // scratch
  std::vector<std::string> keys_;  // that are looked for, encoded, in order
  std::vector<std::string> row_keys_;
  std::vector<sibyl::Value> entries_;
  std::vector<sibyl::Value> rows_;
  std::vector<std::string_view> key_views_;  // scratch
  std::vector<Found> found_;
  size_t found_bytes_ = 0;
  SibylKey entry_record_{};             // the entry that Decode reads
  std::vector<SqlValue> row_fields_;    // of a record, as far as the plan asks
  std::vector<SqlValue> entry_fields_;  // the same
  std::vector<SqlValue> values_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_POINT_READER_H_
