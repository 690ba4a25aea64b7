// Runs a file in sqllogictest's text format (sqlite.org/sqllogictest): records separated by empty
// lines,
//
//   statement ok|error          the statement on the following lines
//   query TYPES [SORT] [LABEL]  the query, ----, and its values one per line
//   skipif NAME, onlyif NAME    before a record: for which engine it is
//   hash-threshold N, halt      as there; # begins a comment
//
// TYPES has one letter per column: I (integer), R (three decimals), T (text). SORT is nosort,
// rowsort or valuesort. Results of more than N values are given as "V values hashing to MD5", of all
// values with a newline behind each. Queries with the same LABEL must have the same values.

#ifndef SIBYL_TESTS_SQL_LOGIC_RUNNER_H_
#define SIBYL_TESTS_SQL_LOGIC_RUNNER_H_

#include <filesystem>
#include <string>

#include "tests/sql/connection.h"

namespace sibyl::sql::testing {

// Returns what is wrong with the first record that fails, with its line; empty if all pass.
std::string RunLogicFile(Connection* db, const std::string& engine,
                         const std::filesystem::path& file);

}  // namespace sibyl::sql::testing

#endif  // SIBYL_TESTS_SQL_LOGIC_RUNNER_H_
