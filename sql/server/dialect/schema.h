// What the translator has to know of the tables it translates for: columns and their types.

#ifndef SIBYL_SQL_SERVER_DIALECT_SCHEMA_H_
#define SIBYL_SQL_SERVER_DIALECT_SCHEMA_H_

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sibyl::sql::server {

// Oids are made from the rowids of sqlite_schema, so that every connection gives the same, and
// keeps giving them as long as the object lives. Objects of the database, and temporary ones:
constexpr uint32_t kFirstObjectOid = 16384;
constexpr uint32_t kFirstTemporaryOid = 0x30000000;
// Of the sequences behind identity columns:
constexpr uint32_t kFirstSequenceOid = 0x10000000;

// The oid of something that comes with a table and has no row in sqlite_schema.
constexpr uint32_t DerivedOid(uint32_t table_oid, uint32_t first_of_kind) {
  constexpr uint32_t kMask = 0x07ffffff;
  return first_of_kind + (table_oid & kMask) + (table_oid >= kFirstTemporaryOid ? kMask + 1 : 0);
}

struct ColumnInfo {
  std::string name;
  uint32_t type_oid = 0;
  int32_t typmod = -1;
  bool not_null = false;
  bool rowid_alias = false;  // INTEGER PRIMARY KEY
  int primary_key = 0;       // its place in the key, from 1; 0: no part of it
  std::string default_sql;   // SQLite's expression; empty: none
  bool generated = false;
  bool identity = false;     // INTEGER PRIMARY KEY AUTOINCREMENT
};

struct RelationInfo {
  std::string name;
  uint32_t oid = 0;  // pg_class.oid; 0 for the catalogue
  bool is_view = false;
  bool is_virtual = false;
  bool has_rowid = true;
  std::string create_sql;                  // as sqlite_schema has it; empty for the catalogue
  std::vector<std::string> dependent_sql;  // of its indexes and triggers
  std::vector<std::string> referencing;    // other tables with foreign keys to it
  bool may_be_used = false;                // there are views, or triggers of other tables
  std::vector<ColumnInfo> columns;

  const ColumnInfo* FindColumn(std::string_view column) const;
  int16_t ColumnNumber(std::string_view column) const;  // pg_attribute.attnum, from 1; 0: none
  const ColumnInfo* Identity() const;                   // nullptr: it has none
};

// Whether the text of a CREATE TABLE makes its key an identity.
bool HasAutoincrement(std::string_view create_sql);

// The relations of one database at one moment. Not for several threads at once.
class Schema {
 public:
  virtual ~Schema() = default;

  // nullptr: there is none of that name, which may be in any case. Lives as long as the schema.
  virtual const RelationInfo* Find(std::string_view name) const = 0;

  virtual bool HasIndex(std::string_view name) const = 0;

  // False: nothing is known, and names are taken on trust.
  virtual bool is_known() const { return true; }
};

// Knows nothing: names are taken on trust, types are unknown.
class EmptySchema : public Schema {
 public:
  const RelationInfo* Find(std::string_view) const override { return nullptr; }
  bool HasIndex(std::string_view) const override { return false; }
  bool is_known() const override { return false; }
};

// The schema of a connection, read when asked for, and kept: make a new one once it has changed.
// Includes the catalogue if that is registered. Does not own the connection.
class SqliteSchema : public Schema {
 public:
  explicit SqliteSchema(sqlite3* db) : db_(db) {}

  const RelationInfo* Find(std::string_view name) const override;
  bool HasIndex(std::string_view name) const override;

 private:
  sqlite3* db_;
  mutable std::map<std::string, std::unique_ptr<RelationInfo>, std::less<>> relations_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_SCHEMA_H_
