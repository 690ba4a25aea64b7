// Names of columns: what one means in the scopes around it.

#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

const ScopeColumn* FindColumn(const ScopeRelation& relation, const std::string& name) {
  for (const ScopeColumn& column : relation.columns) {
    if (EqualIgnoringCase(column.name, name)) return &column;
  }
  return nullptr;
}

bool IsRowid(const std::string& name) { return name == "rowid" || name == "_rowid_"; }

}  // namespace

Expression ExpressionOf(const ScopeColumn& column) {
  Expression value;
  value.sql = column.sql;
  value.type_oid = column.type_oid;
  value.typmod = column.typmod;
  value.not_null = column.not_null;
  value.name = column.name;
  return value;
}

Expression Translator::Column(const pg::ColumnRef& column) {
  const auto fields = Items(column.n_fields, column.fields);
  if (!fields.empty() && fields.back()->node_case == PG_QUERY__NODE__NODE_A_STAR) {
    Unsupported("* here", column.location);
    return {};
  }
  std::vector<std::string> names = StringsOf(fields);
  Expression value = names.size() == 1 ? UnqualifiedColumn(names[0], column.location)
                                       : QualifiedColumn(names, column.location);
  value.name = names.back();
  return value;
}

const ScopeRelation* Translator::FindRelation(const std::string& alias) const {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
    for (const ScopeRelation& relation : scope->relations) {
      if (EqualIgnoringCase(relation.alias, alias)) return &relation;
    }
  }
  return nullptr;
}

// schema.table.column or table.column; a function's or inlined query's columns stand for
// themselves.
Expression Translator::QualifiedColumn(const std::vector<std::string>& names, int location) {
  const std::string& table = names[names.size() - 2];
  const std::string& name = names.back();
  const ScopeRelation* relation = FindRelation(table);
  if (relation == nullptr) {
    if (scope_ != nullptr && scope_->trusts_names) {
      Expression value;
      value.sql = Quoted(table) + "." + Quoted(name);
      return value;
    }
    Fail("42P01", "missing FROM-clause entry for table \"" + table + "\"", location);
    return {};
  }
  if (const ScopeColumn* column = FindColumn(*relation, name)) {
    Expression value = ExpressionOf(*column);
    if (scope_->unqualified) value.sql = Quoted(name);
    return value;
  }
  if (auto system = SystemColumn(name, relation->alias)) return *system;
  if (relation->is_known) {
    Fail("42703", "column " + table + "." + name + " does not exist", location);
  }
  Expression value;
  value.sql = scope_->unqualified ? Quoted(name) : Quoted(relation->alias) + "." + Quoted(name);
  return value;
}

Expression Translator::UnqualifiedColumn(const std::string& name, int location) {
  bool all_known = scope_ != nullptr;
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
    for (const ScopeRelation& relation : scope->relations) {
      if (relation.is_excluded) continue;
      if (const ScopeColumn* column = FindColumn(relation, name)) {
        Expression value = ExpressionOf(*column);
        // As it stands: SQLite knows which of several it is after USING.
        if (!relation.is_rewritten) value.sql = Quoted(name);
        return value;
      }
      all_known = all_known && relation.is_known;
    }
    if (scope->trusts_names) all_known = false;
  }
  if (auto system = SystemColumn(name, "")) return *system;
  const ScopeRelation* whole = FindRelation(name);
  if (whole != nullptr && whole->columns.size() == 1) return ExpressionOf(whole->columns[0]);
  if (all_known) Fail("42703", "column \"" + name + "\" does not exist", location);
  Expression value;
  value.sql = Quoted(name);
  return value;
}

// The columns that every table of PostgreSQL's has without being told, as far as there is a meaning
// here; and SQLite's rowid.
std::optional<Expression> Translator::SystemColumn(const std::string& name,
                                                   const std::string& qualifier) {
  if (name != "ctid" && name != "tableoid" && !IsRowid(name)) return std::nullopt;
  const ScopeRelation* relation = qualifier.empty() ? nullptr : FindRelation(qualifier);
  if (relation == nullptr && scope_ != nullptr && scope_->relations.size() == 1) {
    relation = &scope_->relations[0];
  }
  if (relation == nullptr || relation->table == nullptr || !relation->table->has_rowid) {
    return std::nullopt;
  }
  const std::string prefix = scope_->unqualified ? "" : Quoted(relation->alias) + ".";
  Expression value;
  value.not_null = true;
  if (name == "tableoid") {
    value.sql = "pg_regclass_in(" + Literal(relation->table->name) + ")";
    value.type_oid = kOidOid;
  } else if (name == "ctid") {
    value.sql = "pg_ctid(" + prefix + "rowid)";
    value.type_oid = kTidOid;
  } else {
    value.sql = prefix + "rowid";
    value.type_oid = kInt8Oid;
  }
  return value;
}

}  // namespace sibyl::sql::server
