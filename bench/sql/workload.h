// What both SQLites are asked to do: three tables of the same made-up data, how they are loaded,
// and the statements that are timed. Everything follows from the seeds, so both do exactly the
// same, and every answer is folded into a checksum that must be equal.
//
//   item(id INTEGER PRIMARY KEY, name TEXT, category INTEGER, amount REAL, note TEXT), about 100
//     bytes a row, ids 1 to N; an index on category, ten items in each
//   account(name TEXT PRIMARY KEY, item INTEGER, balance INTEGER), an ordinary rowid table
//   code(name TEXT PRIMARY KEY, item INTEGER) WITHOUT ROWID

#ifndef SIBYL_BENCH_SQL_WORKLOAD_H_
#define SIBYL_BENCH_SQL_WORKLOAD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/sql/sqlite_api.h"

namespace sibyl::bench {

// One round of something: how many operations, with which random numbers.
struct SqlRound {
  uint64_t rows;        // of each table
  uint64_t operations;  // how often
  uint64_t seed;
};

// Does the round and folds its answers into *checksum.
using SqlWork = std::function<Status(SqlConnection& db, const SqlRound& round, uint64_t* checksum)>;

struct SqlWorkload {
  std::string name;
  std::string statement;      // for the report
  uint64_t operations = 100;  // per thousand of the operations that the user asked for
  SqlWork work;
};

Status CreateTables(SqlConnection& db);

// The steps of loading, to be run once in this order; operations are rows.
const std::vector<SqlWorkload>& LoadSteps();

// Reads; and single-row transactions. The latter change the data: INSERT adds rows beyond N, DELETE
// removes them again when it is given the same round.
const std::vector<SqlWorkload>& ReadWorkloads();
const std::vector<SqlWorkload>& WriteWorkloads();

// Changes `operations` random rows of item, in transactions of 1000: what a delta is filled with.
Status ChangeRows(SqlConnection& db, const SqlRound& round);

// A checksum of every row of every table.
Status ChecksumTables(SqlConnection& db, uint64_t* checksum);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_SQL_WORKLOAD_H_
