// Rows as SQLite's records, by the rules that its virtual machine follows (MakeRecord).

#ifndef SIBYL_SQL_SERVER_COPY_RECORD_ENCODER_H_
#define SIBYL_SQL_SERVER_COPY_RECORD_ENCODER_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sql/server/sql_value.h"

namespace sibyl::sql::server {

// The record of a row whose columns have `affinities`, one letter each as SQLite has them; in
// `buffer`. Null where SQLite would convert a value in a way that is not repeated here: text that
// may be a number in a column of numbers, a number in a column of text; or for a row of more than a
// megabyte.
std::optional<std::string_view> EncodeRecord(std::span<const SqlValue> row,
                                             std::string_view affinities, std::string* buffer);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_COPY_RECORD_ENCODER_H_
