// The text of a CREATE TABLE statement, and small changes to it. Internal to dialect/.
//
// ALTER TABLE of SQLite's can do little; what it cannot is done by making the table anew from its own
// text with one thing changed.

#ifndef SIBYL_SQL_SERVER_DIALECT_TABLE_TEXT_H_
#define SIBYL_SQL_SERVER_DIALECT_TABLE_TEXT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/dialect/parse_tree.h"

namespace sibyl::sql::server {

class TableText {
 public:
  // nullopt: not read by PostgreSQL's scanner, or no CREATE TABLE with a list of columns.
  static std::optional<TableText> Read(const std::string& create_sql);

  // Each true if the place to change was found.
  bool Rename(std::string_view table);
  bool AddAtEnd(std::string_view constraint);  // before the last parenthesis
  bool SetType(std::string_view column, std::string_view type);
  bool AddToColumn(std::string_view column, std::string_view constraint);

  const std::string& sql() const { return sql_; }

 private:
  bool Scan();
  bool Replace(size_t begin, size_t end, std::string_view text);
  std::string_view TextOf(const Token& token) const;
  // The first and last token of the definition of `column`.
  bool FindColumn(std::string_view column, size_t* first, size_t* last) const;

  std::string sql_;
  std::vector<Token> tokens_;
  size_t open_ = 0;   // token of the first parenthesis
  size_t close_ = 0;  // and of the one that closes it
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_TABLE_TEXT_H_
