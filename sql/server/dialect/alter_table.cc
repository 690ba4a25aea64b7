// ALTER TABLE: what SQLite can do itself, what a new table does, and what makes no difference.

#include <algorithm>
#include <utility>

#include "sql/server/dialect/table_text.h"
#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

std::string List(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + Quoted(item);
  return text;
}

}  // namespace

Translated Translator::AlterTable(const pg::AlterTableStmt& alter) {
  Translated result = Simple(StatementKind::kUtility, "ALTER TABLE");
  const RelationInfo* info =
      alter.missing_ok ? schema_.Find(alter.relation->relname) : FindTable(*alter.relation);
  if (alter.missing_ok && info == nullptr && schema_.is_known()) {
    notices_.push_back(std::string("relation \"") + alter.relation->relname +
                       "\" does not exist, skipping");
    result.kind = StatementKind::kNothing;
    return result;
  }
  const std::string table = TableName(*alter.relation);
  rebuilds_ = 0;
  for (const pg::Node* node : Items(alter.n_cmds, alter.cmds)) {
    const std::string sql = AlterCommand(table, info, *node->alter_table_cmd);
    if (sql.empty()) continue;
    result.sql += (result.sql.empty() ? "" : "; ") + sql;
  }
  if (rebuilds_ > 1) Unsupported("several such changes in one ALTER TABLE");
  if (result.sql.empty()) result.kind = StatementKind::kNothing;
  return result;
}

std::string Translator::AlterCommand(const std::string& table, const RelationInfo* info,
                                     const pg::AlterTableCmd& command) {
  const std::string column = Quoted(command.name);
  switch (command.subtype) {
    case PG_QUERY__ALTER_TABLE_TYPE__AT_AddColumn:
      return AddColumnCommand(table, info, command);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_DropColumn:
      if (command.missing_ok && info != nullptr && info->FindColumn(command.name) == nullptr) {
        return "";
      }
      return "ALTER TABLE " + table + " DROP COLUMN " + column;
    case PG_QUERY__ALTER_TABLE_TYPE__AT_AddConstraint:
      if (info == nullptr) {
        Unsupported("ADD CONSTRAINT without a schema");
        return "";
      }
      return AddConstraint(*info, *command.def->constraint);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetNotNull: {
      auto text = info != nullptr ? TableText::Read(info->create_sql) : std::nullopt;
      const ColumnInfo* known = info != nullptr ? info->FindColumn(command.name) : nullptr;
      if (known != nullptr && known->not_null) return "";
      if (!text || !text->AddToColumn(command.name, "NOT NULL")) {
        Unsupported("SET NOT NULL of this column");
        return "";
      }
      return Rebuild(*info, *text, {});
    }
    case PG_QUERY__ALTER_TABLE_TYPE__AT_ChangeOwner:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetStatistics:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetStorage:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetRelOptions:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_ResetRelOptions:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_ClusterOn:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_DropCluster:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetLogged:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetUnLogged:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_ValidateConstraint:
      return "";  // without meaning here
    default:
      Unsupported("this form of ALTER TABLE");
      return "";
  }
}

std::string Translator::AddColumnCommand(const std::string& table, const RelationInfo* info,
                                         const pg::AlterTableCmd& command) {
  const pg::ColumnDef& column = *command.def->column_def;
  if (command.missing_ok && info != nullptr && info->FindColumn(column.colname) != nullptr) {
    notices_.push_back(std::string("column \"") + column.colname +
                       "\" already exists, skipping");
    return "";
  }
  in_definition_ = true;
  std::string sql = "ALTER TABLE " + table + " ADD COLUMN " + ColumnDefinition(column, {});
  in_definition_ = false;
  return sql;
}

std::string Translator::AddConstraint(const RelationInfo& info,
                                      const pg::Constraint& constraint) {
  const auto keys = StringsOf(Items(constraint.n_keys, constraint.keys));
  for (const std::string& key : keys) {
    if (info.FindColumn(key) == nullptr) {
      Fail("42703", "column \"" + key + "\" named in key does not exist", constraint.location);
      return "";
    }
  }
  if (constraint.indexname[0] != '\0') Unsupported("USING INDEX", constraint.location);
  if (constraint.contype == PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY) {
    return AddPrimaryKey(info, constraint);
  }
  if (constraint.contype == PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE) {
    if (constraint.nulls_not_distinct) Unsupported("NULLS NOT DISTINCT", constraint.location);
    std::string name = constraint.conname;
    if (name.empty()) {
      name = info.name;
      for (const std::string& key : keys) name += "_" + key;
      name = FreeIndexName(name + "_key");
    }
    return "CREATE UNIQUE INDEX " + Quoted(name) + " ON " + Quoted(info.name) + " (" + List(keys) +
           ")";
  }
  Scope scope;
  scope.outer = scope_;
  scope.unqualified = true;
  scope_ = &scope;
  scope.relations.push_back(RelationOf(info, info.name));
  for (ScopeColumn& column : scope.relations[0].columns) column.sql = Quoted(column.name);
  const std::string sql = TableConstraint(constraint);
  scope_ = scope.outer;
  auto text = TableText::Read(info.create_sql);
  if (!text || !text->AddAtEnd(sql)) {
    Unsupported("ADD CONSTRAINT for this table", constraint.location);
    return "";
  }
  return Rebuild(info, *text, {});
}

// A single integer becomes the rowid itself. A table that others refer to cannot be replaced: there a
// unique index does the same, if its columns are NOT NULL.
std::string Translator::AddPrimaryKey(const RelationInfo& info, const pg::Constraint& constraint) {
  const auto keys = StringsOf(Items(constraint.n_keys, constraint.keys));
  const bool has_key = std::any_of(info.columns.begin(), info.columns.end(),
                                   [](const ColumnInfo& column) { return column.primary_key != 0; });
  if (has_key) {
    Fail("42P16", "multiple primary keys for table \"" + info.name + "\" are not allowed",
         constraint.location);
    return "";
  }
  const ColumnInfo* first = info.FindColumn(keys[0]);
  const bool rowid = keys.size() == 1 && info.has_rowid && !first->generated &&
                     TypeClassOf(first->type_oid) == TypeClass::kInteger;
  bool all_not_null = true;
  for (const std::string& key : keys) all_not_null &= info.FindColumn(key)->not_null;
  auto text = TableText::Read(info.create_sql);
  if (!info.referencing.empty() || !text) {
    if (!all_not_null) Unsupported("a primary key for this table", constraint.location);
    return "CREATE UNIQUE INDEX " + Quoted(info.name + "_pkey") + " ON " + Quoted(info.name) +
           " (" + List(keys) + ")";
  }
  bool done = true;
  if (rowid) {
    done = text->SetType(keys[0], "INTEGER PRIMARY KEY");
  } else {
    for (const std::string& key : keys) {
      if (!info.FindColumn(key)->not_null) done = done && text->AddToColumn(key, "NOT NULL");
    }
    done = done && text->AddAtEnd("PRIMARY KEY (" + List(keys) + ")");
  }
  if (!done) {
    Unsupported("a primary key for this table", constraint.location);
    return "";
  }
  return Rebuild(info, *text, rowid ? keys : std::vector<std::string>());
}

// The table of `text` takes the place of `info`, with its rows, indexes and triggers. The columns
// `not_null` are checked on the way: a rowid alias takes NULL for "the next number".
std::string Translator::Rebuild(const RelationInfo& info, const TableText& text,
                                const std::vector<std::string>& not_null) {
  if (!info.referencing.empty()) {
    Unsupported("this change of a table that others refer to");
    return "";
  }
  ++rebuilds_;
  const std::string table = Quoted(info.name);
  const std::string new_name = Quoted("sibyl_new_" + info.name);
  const std::string old_name = Quoted("sibyl_old_" + info.name);
  TableText renamed = text;
  if (!renamed.Rename("sibyl_new_" + info.name)) {
    Unsupported("this change of this table");
    return "";
  }
  std::string names;
  std::string values;
  for (const ColumnInfo& column : info.columns) {
    if (column.generated) continue;
    const std::string name = Quoted(column.name);
    const bool check = std::find_if(not_null.begin(), not_null.end(), [&](const std::string& key) {
                         return EqualIgnoringCase(key, column.name);
                       }) != not_null.end();
    names += (names.empty() ? "" : ", ") + name;
    values += (values.empty() ? "" : ", ") +
              (check ? "pg_not_null(" + name + ", " + Literal(column.name) + ", " +
                           Literal(info.name) + ")"
                     : name);
  }
  const std::string copy = " (" + names + ") SELECT " + values + " FROM ";
  // SQLite renames a table only if every view can be resolved, which those over this one cannot while
  // it is gone: where there are any, the rows wait in a temporary table.
  std::string sql =
      info.may_be_used
          ? "CREATE TEMP TABLE " + old_name + " AS SELECT " + names + " FROM " + table +
                "; DROP TABLE " + table + "; " + text.sql() + "; INSERT INTO " + table + copy +
                "temp." + old_name + "; DROP TABLE temp." + old_name
          : renamed.sql() + "; INSERT INTO " + new_name + copy + table + "; DROP TABLE " + table +
                "; ALTER TABLE " + new_name + " RENAME TO " + table;
  for (const std::string& dependent : info.dependent_sql) sql += "; " + dependent;
  return sql;
}

}  // namespace sibyl::sql::server
