// A statement of our own on a connection. Internal to catalogue/.

#ifndef SIBYL_SQL_SERVER_CATALOGUE_QUERY_H_
#define SIBYL_SQL_SERVER_CATALOGUE_QUERY_H_

#include <sqlite3.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

// A query that cannot be prepared has no rows.
class CatalogueQuery {
 public:
  CatalogueQuery(sqlite3* db, std::string_view sql,
                 std::initializer_list<std::string_view> arguments = {}) {
    sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
    int number = 0;
    for (const std::string_view argument : arguments) {
      sqlite3_bind_text(statement_, ++number, argument.data(), static_cast<int>(argument.size()),
                        SQLITE_TRANSIENT);
    }
  }
  ~CatalogueQuery() { sqlite3_finalize(statement_); }
  CatalogueQuery(const CatalogueQuery&) = delete;
  CatalogueQuery& operator=(const CatalogueQuery&) = delete;

  bool is_prepared() const { return statement_ != nullptr; }
  bool Step() { return statement_ != nullptr && sqlite3_step(statement_) == SQLITE_ROW; }
  int64_t Int(int column) { return sqlite3_column_int64(statement_, column); }
  bool IsNull(int column) { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::string Text(int column) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text != nullptr ? text : "";
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CATALOGUE_QUERY_H_
