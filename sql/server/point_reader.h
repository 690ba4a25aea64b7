// PointReader: answers SELECT by rowid, and by a list or array of rowids, from the engine, without
// SQLite's virtual machine.
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

#include "sql/point_plan.h"
#include "sql/server/sql_value.h"
#include "sql/tree_store.h"

namespace sibyl::sql::server {

// The plan of a statement, while that is prepared; null: it is no point lookup.
std::shared_ptr<const SibylPointPlan> PlanPointRead(sqlite3_stmt* statement);

// One session's.
class PointReader {
 public:
  // Will read from the database that `connection` has as "main". Does nothing from the second call
  // on.
  void Open(sqlite3* connection);

  // Reads the rows whose rowids are `parameters` (the statement's), in a new snapshot, or in the
  // write transaction that `connection`, if it is not null, is in. False: SQLite must run the
  // statement, since a parameter is no integer, the schema is another, the rows of a list are so
  // large that they should be sent one by one, or something failed.
  bool Read(const SibylPointPlan& plan, std::span<const OwnedValue> parameters,
            sqlite3* connection);

  // After the last use of what was read: gives large buffers back.
  void Rest();

  // Of the last Read: how many rows it found; the values of one, which point into this object.
  size_t rows() const { return found_.size(); }
  bool Decode(const SibylPointPlan& plan, size_t row);  // false: as Read
  std::span<const SqlValue> values() const { return values_; }

 private:
  struct Found {
    int64_t rowid;
    size_t record;
  };

  bool TakeRowids(const SibylPointPlan& plan, std::span<const OwnedValue> parameters);
  bool TakeElements(uint32_t type_oid, const SqlValue& array);
  bool ReadFrom(SibylStore* store, const SibylPointPlan& plan);

  std::unique_ptr<SibylStore> store_;
  std::vector<int64_t> rowids_;  // that are looked for, in order
  std::string keys_;             // of rowids_
  std::vector<std::string_view> key_views_;
  std::vector<sibyl::Value> records_;
  std::vector<Found> found_;
  size_t found_bytes_ = 0;
  std::vector<SqlValue> fields_;  // of a record, as far as the plan asks
  std::vector<SqlValue> values_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_POINT_READER_H_
