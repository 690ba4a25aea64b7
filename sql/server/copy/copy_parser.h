// Rows out of the bytes of COPY ... FROM STDIN: text, CSV or binary, as PostgreSQL's manual has
// them under COPY. Pure computation over bytes that nobody has checked.

#ifndef SIBYL_SQL_SERVER_COPY_COPY_PARSER_H_
#define SIBYL_SQL_SERVER_COPY_COPY_PARSER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/dialect/translate.h"
#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

// One COPY's. Feed it bytes as they come, take rows until there are none, and so on; at the end
// Finish, and take what is left.
class CopyParser {
 public:
  using Fields = std::vector<std::optional<std::string_view>>;  // nullopt: NULL

  explicit CopyParser(CopyOptions options);

  // The bytes must live until Next has returned false.
  void Feed(std::string_view bytes);

  // No bytes will come any more: what is left is the last row.
  void Finish() { finished_ = true; }

  // The next row, valid until the next call of anything. False: more bytes are needed, or at_end().
  // 22P04 for bytes that are no rows.
  SqlResult<bool> Next(Fields* fields);

  // An end marker came: what follows does not count.
  bool at_end() const { return at_end_; }

  uint64_t line() const { return line_; }  // of the last row, from 1

 private:
  SqlResult<bool> NextRow(Fields* fields);
  bool TakeUsualLine(Fields* fields);
  std::optional<std::string_view> TakeLine();
  size_t EndOfRecord() const;
  SqlStatus SplitText(std::string_view line, Fields* fields);
  SqlStatus SplitCsv(std::string_view record, Fields* fields);
  SqlResult<bool> NextBinary(Fields* fields);
  void KeepRest();
  std::string_view Unescaped(std::string_view field);
  std::string* NewScratch();

  const CopyOptions options_;
  const bool has_usual_lines_;
  std::string rest_;        // of earlier bytes, with what was added to it
  std::string_view bytes_;  // not parsed yet: of rest_, or what was fed
  bool in_rest_ = false;
  bool finished_ = false;
  bool at_end_ = false;
  bool past_header_ = false;
  uint64_t line_ = 0;
  std::vector<std::unique_ptr<std::string>> scratch_;  // unescaped fields
  size_t used_scratch_ = 0;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_COPY_COPY_PARSER_H_
