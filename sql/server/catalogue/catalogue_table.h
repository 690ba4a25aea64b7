// The relations of the catalogue as eponymous virtual tables of one connection. Internal to catalogue/.

#ifndef SIBYL_SQL_SERVER_CATALOGUE_CATALOGUE_TABLE_H_
#define SIBYL_SQL_SERVER_CATALOGUE_CATALOGUE_TABLE_H_

#include <sqlite3.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sql/server/catalogue/model.h"
#include "sql/server/catalogue/relations.h"

namespace sibyl::sql::server {

// The rows of a relation, and the places of those with one value in a column.
class RelationRows {
 public:
  explicit RelationRows(std::vector<Row> rows) : rows_(std::move(rows)) {}

  const std::vector<Row>& rows() const { return rows_; }
  // The places of the rows that may have `key` (of KeyOf) in `column`, in order.
  const std::vector<size_t>& Find(size_t column, const std::string& key);

 private:
  std::vector<Row> rows_;
  std::map<size_t, std::unordered_map<std::string, std::vector<size_t>>> by_column_;
};

// Alike for all values that SQLite may hold equal in a column of any affinity: 7, 7.0 and '7'.
std::string KeyOf(const Value& value);

// What a connection has of the catalogue: the model as of one version of the schema, and the relations
// made of it so far. Used in the connection's thread.
class Catalogue {
 public:
  explicit Catalogue(sqlite3* db) : db_(db) {}

  // As of now.
  std::shared_ptr<const Model> CurrentModel();
  std::shared_ptr<RelationRows> Rows(const RelationColumns& relation,
                                     const std::vector<CatalogueColumn>& columns);

  sqlite3* db() const { return db_; }

 private:
  sqlite3* db_;
  int64_t version_ = -1;
  std::shared_ptr<const Model> model_;
  std::map<std::string, std::shared_ptr<RelationRows>, std::less<>> relations_;
};

int RegisterRelations(sqlite3* db, const std::shared_ptr<Catalogue>& catalogue);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CATALOGUE_CATALOGUE_TABLE_H_
