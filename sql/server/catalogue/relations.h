// The relations of the catalogue by name, and the columns that PostgreSQL 15 gives them. Internal to
// catalogue/.

#ifndef SIBYL_SQL_SERVER_CATALOGUE_RELATIONS_H_
#define SIBYL_SQL_SERVER_CATALOGUE_RELATIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sql/server/catalogue/model.h"

namespace sibyl::sql::server {

struct RelationColumns {
  const char* name;  // "pg_class"; "information_schema_tables"
  uint32_t oid;      // as in PostgreSQL 15
  const char* columns;  // "oid oid, relname name, ..."
};

// Sorted: first those of pg_catalog, then those of information_schema, each by name.
std::span<const RelationColumns> AllRelations();

using Value = std::variant<std::monostate, int64_t, double, std::string>;  // monostate: NULL
using Row = std::vector<Value>;

struct CatalogueColumn {
  std::string name;
  std::string type;  // PostgreSQL's internal name
};
std::vector<CatalogueColumn> ColumnsOf(const RelationColumns& relation);

// Fills rows by the names of columns. What is not set is what PostgreSQL has where nothing applies: 0
// for numbers and oids, false, the empty name; NULL for texts, arrays and times, and for everything in
// information_schema.
class RowWriter {
 public:
  // `columns` must outlive it.
  RowWriter(const std::vector<CatalogueColumn>& columns, bool all_null);

  void Begin();
  // Precondition: `column` is one of the relation's.
  RowWriter& Set(std::string_view column, Value value);
  RowWriter& Set(std::string_view column, const char* text) {
    return Set(column, Value(std::string(text)));
  }
  RowWriter& Set(std::string_view column, bool truth) {
    return Set(column, Value(int64_t{truth ? 1 : 0}));
  }
  RowWriter& Set(std::string_view column, int number) {
    return Set(column, Value(int64_t{number}));
  }
  RowWriter& Set(std::string_view column, uint32_t number) {
    return Set(column, Value(int64_t{number}));
  }
  RowWriter& SetNull(std::string_view column) { return Set(column, Value()); }

  std::vector<Row> Take() { return std::move(rows_); }

 private:
  const std::vector<CatalogueColumn>& columns_;
  Row blank_;
  std::vector<Row> rows_;
};

// What the rows of a relation are made from.
struct RowSource {
  const Model& model;
  sqlite3* db;  // for what only the session knows: current_database(), ...
};

// Writes the rows of relation `name`; nothing for a relation that is always empty here. The three parts
// of the catalogue, each true if the relation is its own.
bool WriteSchemaRows(std::string_view name, const RowSource& source, RowWriter* rows);
bool WriteFixedRows(std::string_view name, const RowSource& source, RowWriter* rows);
bool WriteInformationSchemaRows(std::string_view name, const RowSource& source, RowWriter* rows);

// True if the rows may differ between two calls while the schema stays.
bool IsVolatile(std::string_view name);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CATALOGUE_RELATIONS_H_
