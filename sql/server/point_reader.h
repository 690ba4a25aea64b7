// PointReader: answers SELECT by rowid from the engine, without SQLite's virtual machine.
//
// It reads through a store of its own, which costs a session no pooled connection: one snapshot has
// the schema's number, which must be the plan's, and the row.

#ifndef SIBYL_SQL_SERVER_POINT_READER_H_
#define SIBYL_SQL_SERVER_POINT_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sql/point_plan.h"
#include "sql/server/sql_value.h"
#include "sql/tree_store.h"

namespace sibyl::sql::server {

// The plan of a statement, while that is prepared; nullopt: it is no point lookup.
std::optional<SibylPointPlan> PlanPointRead(sqlite3_stmt* statement);

// One session's.
class PointReader {
 public:
  enum class Outcome : uint8_t {
    kRow,
    kNoRow,
    kUnknown,  // SQLite must run the statement: the schema is another, or something failed
  };

  // Will read from the database that `connection` has as "main". Does nothing from the second call on.
  void Open(sqlite3* connection);

  // The row with this rowid in a new snapshot, or in the write transaction that `connection`, if it
  // is not null, is in.
  Outcome Read(const SibylPointPlan& plan, int64_t rowid, sqlite3* connection);

  // Of the last row, valid until the next call.
  std::span<const SqlValue> values() const { return values_; }

 private:
  Outcome ReadFrom(SibylStore* store, const SibylPointPlan& plan, int64_t rowid);
  bool Decode(const SibylPointPlan& plan, int64_t rowid);

  std::unique_ptr<SibylStore> store_;
  sibyl::Value record_;
  std::vector<SqlValue> fields_;  // of the record, as far as the plan asks
  std::vector<SqlValue> values_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_POINT_READER_H_
