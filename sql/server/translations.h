// Translations of SQL texts, remembered for one connection and one state of the schema.

#ifndef SIBYL_SQL_SERVER_TRANSLATIONS_H_
#define SIBYL_SQL_SERVER_TRANSLATIONS_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sql/server/dialect/translate.h"
#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

using Translation = std::shared_ptr<const std::vector<Translated>>;

// One thread at a time.
class Translations {
 public:
  // The statements of `sql` for `connection`, whose schema has changed if `schema_generation` has.
  // `declared_oids`: what the client says of the types of parameters.
  SqlResult<Translation> Get(sqlite3* connection, std::string_view sql,
                             const std::vector<uint32_t>& declared_oids,
                             uint64_t schema_generation);

  // The schema, valid until the next call with another generation.
  const Schema& SchemaOf(sqlite3* connection, uint64_t schema_generation);

 private:
  uint64_t schema_generation_ = 0;
  std::unique_ptr<SqliteSchema> schema_;  // of that generation
  size_t kept_bytes_ = 0;
  std::unordered_map<std::string, Translation> by_text_;  // and by declared types
  std::string key_;                                       // scratch
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_TRANSLATIONS_H_
