// Rows as the bytes of COPY ... TO STDOUT: text, CSV or binary.

#ifndef SIBYL_SQL_SERVER_COPY_COPY_WRITER_H_
#define SIBYL_SQL_SERVER_COPY_COPY_WRITER_H_

#include <string>
#include <vector>

#include "sql/server/dialect/translate.h"
#include "sql/server/sql_error.h"
#include "sql/server/sql_value.h"
#include "sql/server/wire/backend.h"

namespace sibyl::sql::server {

// Each appends to `out` what one CopyData message carries. Not thread-safe.
class CopyWriter {
 public:
  CopyWriter(CopyOptions options, const std::vector<wire::FieldDescription>* fields);

  // What comes before the rows, and after them; may be nothing.
  void Begin(std::string* out) const;
  void End(std::string* out) const;

  SqlStatus Row(const std::vector<SqlValue>& values, std::string* out);

 private:
  void AppendText(std::string_view text, std::string* out) const;
  void AppendCsv(std::string_view text, bool forced, bool alone, std::string* out) const;
  bool IsForced(size_t column) const;
  SqlStatus BinaryRow(const std::vector<SqlValue>& values, std::string* out) const;

  const CopyOptions options_;
  const std::vector<wire::FieldDescription>* fields_;
  std::string text_;  // scratch
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_COPY_COPY_WRITER_H_
