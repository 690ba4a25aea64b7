// What the virtual tables of ours have in common: they are read-only, every connection has them
// without CREATE VIRTUAL TABLE, all rows of a query are at hand once it has begun, and what a query
// asks is in equalities of hidden columns, as the arguments of a table-valued function are.
//
// A table is two types and four functions of sqlite3_module (xConnect, xBestIndex, xFilter,
// xColumn):
//
//   Table    derives from sqlite3_vtab
//   Cursor   derives from sqlite3_vtab_cursor; size_t at (which row it is at; xFilter sets it to
//   0),
//            size_t count() const (of rows), sqlite3_int64 rowid() const (alike for the same row in
//            all queries of a statement)
//
// EponymousModule<Table, Cursor>(...) makes the module of them.

#ifndef SIBYL_SQL_EPONYMOUS_TABLE_H_
#define SIBYL_SQL_EPONYMOUS_TABLE_H_

#include <sqlite3.h>

#include <cstddef>
#include <string>
#include <vector>

namespace sibyl::sql {

// For xConnect: the table with the columns of `declaration`, a CREATE TABLE, as *out. Returns it;
// null if SQLite does not take the declaration, with the reason in *code.
template <typename Table>
Table* ConnectTable(sqlite3* db, const char* declaration, sqlite3_vtab** out, int* code) {
  *code = sqlite3_declare_vtab(db, declaration);
  if (*code != SQLITE_OK) return nullptr;
  auto* table = new Table();
  *out = table;
  return table;
}

// For xBestIndex: the query is given the values that the `count` columns from `first_column` on
// must be equal to. idxNum gets a bit for each that there is one for; GivenArguments gets them back
// in xFilter. Returns what xBestIndex returns.
inline int AskForArguments(sqlite3_index_info* info, int first_column, int count) {
  int given = 0;
  for (int argument = 0; argument < count; argument++) {
    bool is_asked = false;
    for (int i = 0; i < info->nConstraint && (info->idxNum & 1 << argument) == 0; i++) {
      const auto& constraint = info->aConstraint[i];
      if (constraint.iColumn != first_column + argument) continue;
      if (constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
      is_asked = true;
      if (!constraint.usable) continue;
      info->aConstraintUsage[i].argvIndex = ++given;
      info->aConstraintUsage[i].omit = 1;
      info->idxNum |= 1 << argument;
    }
    // Its value comes from a table that this plan reads later.
    if (is_asked && (info->idxNum & 1 << argument) == 0) return SQLITE_CONSTRAINT;
  }
  return SQLITE_OK;
}

// For xFilter: the arguments, null where none is given.
inline std::vector<sqlite3_value*> GivenArguments(int bits, int count, sqlite3_value** values) {
  std::vector<sqlite3_value*> arguments(static_cast<size_t>(count));
  for (int argument = 0; argument < count; argument++) {
    if ((bits & 1 << argument) != 0) arguments[static_cast<size_t>(argument)] = *values++;
  }
  return arguments;
}

// For xFilter: the query fails with `code` and says why.
inline int FailQuery(sqlite3_vtab* table, int code, const std::string& why) {
  sqlite3_free(table->zErrMsg);
  table->zErrMsg = sqlite3_mprintf("%s", why.c_str());
  return code;
}

template <typename Table, typename Cursor>
sqlite3_module EponymousModule(decltype(sqlite3_module::xConnect) connect,
                               decltype(sqlite3_module::xBestIndex) best_index,
                               decltype(sqlite3_module::xFilter) filter,
                               decltype(sqlite3_module::xColumn) column) {
  sqlite3_module module{};
  module.xConnect = connect;  // without xCreate: it is there without being created
  module.xBestIndex = best_index;
  module.xFilter = filter;
  module.xColumn = column;
  module.xDisconnect = [](sqlite3_vtab* table) {
    delete static_cast<Table*>(table);
    return SQLITE_OK;
  };
  module.xOpen = [](sqlite3_vtab*, sqlite3_vtab_cursor** out) {
    *out = new Cursor();
    return SQLITE_OK;
  };
  module.xClose = [](sqlite3_vtab_cursor* cursor) {
    delete static_cast<Cursor*>(cursor);
    return SQLITE_OK;
  };
  module.xNext = [](sqlite3_vtab_cursor* cursor) {
    static_cast<Cursor*>(cursor)->at++;
    return SQLITE_OK;
  };
  module.xEof = [](sqlite3_vtab_cursor* base) {
    const auto* cursor = static_cast<Cursor*>(base);
    return cursor->at >= cursor->count() ? 1 : 0;
  };
  module.xRowid = [](sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) {
    *rowid = static_cast<Cursor*>(cursor)->rowid();
    return SQLITE_OK;
  };
  return module;
}

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_EPONYMOUS_TABLE_H_
