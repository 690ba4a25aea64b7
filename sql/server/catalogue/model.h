// The real schema as the catalogue tells it: tables, columns, indexes, constraints, with oids.
// Internal to catalogue/.

#ifndef SIBYL_SQL_SERVER_CATALOGUE_MODEL_H_
#define SIBYL_SQL_SERVER_CATALOGUE_MODEL_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/dialect/schema.h"

namespace sibyl::sql::server {

constexpr uint32_t kPgCatalogOid = 11;
constexpr uint32_t kPublicOid = 2200;
constexpr uint32_t kInformationSchemaOid = 13000;
constexpr uint32_t kPgTempOid = 13001;
constexpr uint32_t kOwnerOid = 10;
constexpr const char* kOwnerName = "sibyl";  // of everything
constexpr uint32_t kSessionUserOid = 16000;  // whoever is logged in, if not the owner
constexpr uint32_t kDatabaseOid = 16001;
constexpr uint32_t kBtreeOid = 403;
constexpr uint32_t kHeapOid = 2;

// Where the oids of each kind begin, beside those of dialect/schema.h.
constexpr uint32_t kFirstRowidIndexOid = 0x20000000;
constexpr uint32_t kFirstDefaultOid = 0x40000000;
constexpr uint32_t kFirstConstraintOid = 0x50000000;  // 256 for each of the first million tables

struct ModelColumn {
  std::string name;
  uint32_t type_oid = 0;
  int32_t typmod = -1;
  bool not_null = false;
  std::string default_sql;  // empty: none
  int primary_key = 0;      // place in the key, from 1
  bool generated = false;
  bool identity = false;  // AUTOINCREMENT
};

struct ModelIndex {
  uint32_t oid = 0;
  uint32_t constraint_oid = 0;  // 0: belongs to no constraint
  std::string name;
  bool unique = false;
  bool primary = false;
  std::string where;
  std::string sql;           // empty: made by a constraint
  std::vector<int> columns;  // from 1; 0: an expression
  std::vector<bool> descending;
  std::vector<std::string> expressions;  // those of the columns that are 0, in order
};

struct ModelForeignKey {
  uint32_t oid = 0;
  std::string name;
  std::string other_table;
  std::vector<std::string> columns;
  std::vector<std::string> other_columns;
  std::string on_update;
  std::string on_delete;
};

struct ModelCheck {
  uint32_t oid = 0;
  std::string name;
  std::string expression;
  std::vector<int> columns;
};

struct ModelTrigger {
  uint32_t oid = 0;
  std::string name;
  std::string sql;
};

struct ModelTable {
  uint32_t oid = 0;
  uint32_t namespace_oid = kPublicOid;
  std::string name;
  bool is_view = false;
  std::string sql;
  std::vector<ModelColumn> columns;
  std::vector<ModelIndex> indexes;
  std::vector<ModelForeignKey> foreign_keys;
  std::vector<ModelCheck> checks;
  std::vector<ModelTrigger> triggers;

  int ColumnNumber(std::string_view column) const;  // from 1; 0: none
  bool has_identity() const;
  // The oid of something that comes with this table and has no row in sqlite_schema.
  uint32_t DerivedOid(uint32_t first_of_kind) const;
};

struct Model {
  std::vector<ModelTable> tables;  // by name

  const ModelTable* FindTable(std::string_view name) const;
  const ModelTable* FindTable(uint32_t oid) const;
  // The table that an index belongs to.
  const ModelIndex* FindIndex(uint32_t oid, const ModelTable** table) const;
};

// Reads the schema as the connection sees it now. What cannot be read is left out.
Model ReadModel(sqlite3* db);

// A number that changes whenever the schema does.
int64_t SchemaVersion(sqlite3* db);

// "public", ...
std::string NamespaceName(uint32_t oid);

// As pg_get_constraintdef and pg_get_indexdef give them; `pretty`: without what may be left out.
std::string IndexDefinition(const ModelTable& table, const ModelIndex& index, bool pretty = false);
std::string CheckDefinition(const ModelCheck& check, bool pretty);
std::string IndexColumn(const ModelTable& table, const ModelIndex& index, size_t column);
std::string KeyDefinition(const ModelTable& table, const ModelIndex& index);
std::string ForeignKeyDefinition(const ModelForeignKey& key);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CATALOGUE_MODEL_H_
