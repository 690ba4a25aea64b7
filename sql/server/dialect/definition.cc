// CREATE, DROP, RENAME.

#include <algorithm>
#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

std::string List(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + Quoted(item);
  return text;
}

bool IsSerial(const pg::TypeName& type) {
  if (type.n_names == 0) return false;
  const std::string name = StringOf(*type.names[type.n_names - 1]);
  return name.find("serial") != std::string::npos && FindType(name) != nullptr;
}

bool IsIntegerType(const pg::TypeName& type) {
  if (type.n_names == 0) return false;
  const TypeInfo* info = FindType(StringOf(*type.names[type.n_names - 1]));
  return info != nullptr && info->type_class == TypeClass::kInteger && type.n_array_bounds == 0;
}

// The columns of the primary key, whether said at a column or at the end.
std::vector<std::string> KeyColumns(const pg::CreateStmt& create) {
  std::vector<std::string> keys;
  const auto look = [&](const PgQuery__Constraint& constraint, const char* column) {
    if (constraint.contype != PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY) return;
    if (column != nullptr) keys.emplace_back(column);
    for (const std::string& key : StringsOf(Items(constraint.n_keys, constraint.keys))) {
      keys.push_back(key);
    }
  };
  for (const pg::Node* node : Items(create.n_table_elts, create.table_elts)) {
    if (node->node_case == PG_QUERY__NODE__NODE_CONSTRAINT) look(*node->constraint, nullptr);
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_DEF) continue;
    const pg::ColumnDef& column = *node->column_def;
    for (const pg::Node* constraint : Items(column.n_constraints, column.constraints)) {
      look(*constraint->constraint, column.colname);
    }
  }
  return keys;
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const char* ReferentialAction(const std::string& action) {
  switch (action.empty() ? 'a' : action[0]) {
    case 'r':
      return "RESTRICT";
    case 'c':
      return "CASCADE";
    case 'n':
      return "SET NULL";
    case 'd':
      return "SET DEFAULT";
    default:
      return "";  // NO ACTION, the default of both
  }
}

}  // namespace

// ---- CREATE TABLE ----

Translated Translator::CreateTable(const pg::CreateStmt& create) {
  Translated result = Simple(StatementKind::kUtility, "CREATE TABLE");
  in_definition_ = true;
  if (create.n_inh_relations > 0 || create.partspec != nullptr || create.partbound != nullptr ||
      create.of_typename != nullptr) {
    Unsupported("inheritance, partitions and typed tables");
  }
  const pg::RangeVar& relation = *create.relation;
  const bool temporary = relation.relpersistence[0] == 't';
  if (temporary && create.oncommit == PG_QUERY__ON_COMMIT_ACTION__ONCOMMIT_DROP) {
    Unsupported("ON COMMIT DROP");
  }
  const std::vector<std::string> keys = KeyColumns(create);
  Scope scope;
  scope.trusts_names = scope.unqualified = true;
  scope.outer = scope_;
  scope_ = &scope;
  AddDefinedColumns(create, &scope);
  std::vector<std::string> parts;
  bool key_at_column = false;
  for (const pg::Node* node : Items(create.n_table_elts, create.table_elts)) {
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_DEF) continue;
    const pg::ColumnDef& column = *node->column_def;
    key_at_column |=
        keys.size() == 1 && Contains(keys, column.colname) && IsIntegerType(*column.type_name);
    parts.push_back(ColumnDefinition(column, keys));
  }
  for (const pg::Node* node : Items(create.n_table_elts, create.table_elts)) {
    if (node->node_case == PG_QUERY__NODE__NODE_TABLE_LIKE_CLAUSE) Unsupported("LIKE");
    if (node->node_case != PG_QUERY__NODE__NODE_CONSTRAINT) continue;
    const bool key = node->constraint->contype == PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY;
    if (!(key && key_at_column)) parts.push_back(TableConstraint(*node->constraint));
  }
  scope_ = scope.outer;
  in_definition_ = false;
  if (parts.empty()) Unsupported("a table without columns");
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  result.sql = std::string("CREATE ") + (temporary ? "TEMP " : "") + "TABLE " +
               (create.if_not_exists ? "IF NOT EXISTS " : "") + TableName(relation) + " (" + text +
               ")";
  return result;
}

// For CHECK and the like: the columns being defined, with their types.
void Translator::AddDefinedColumns(const pg::CreateStmt& create, Scope* scope) {
  ScopeRelation relation;
  relation.alias = create.relation->relname;
  for (const pg::Node* node : Items(create.n_table_elts, create.table_elts)) {
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_DEF) continue;
    const pg::ColumnDef& column = *node->column_def;
    int32_t typmod = -1;
    const uint32_t type_oid = TypeOf(*column.type_name, &typmod);
    relation.columns.push_back(
        {column.colname, Quoted(column.colname), type_oid, typmod, false});
  }
  scope->relations.push_back(std::move(relation));
}

// The type as it will stand in the schema, where TypeOidOf finds it again.
std::string Translator::DeclaredType(const pg::TypeName& name) {
  int32_t typmod = -1;
  const uint32_t type_oid = TypeOf(name, &typmod);
  if (type_oid == kCharOid) return "\"char\"";
  const TypeInfo* type = FindType(type_oid);
  if (type == nullptr) return "";
  if (type_oid == kTimestampOid && typmod < 0) return "timestamp";
  if (type_oid == kTimeOid && typmod < 0) return "time";
  if (type->type_class == TypeClass::kArray) return "\"" + FormatType(type_oid, typmod) + "\"";
  // By its name SQLite would take it for a number, and change text that looks like one.
  const std::string text = FormatType(type_oid, typmod);
  const bool kept = text.find("char") != std::string::npos || text == "text";
  return type->type_class == TypeClass::kText && !kept ? text + " text" : text;
}

std::string Translator::ColumnDefinition(const pg::ColumnDef& column,
                                         const std::vector<std::string>& keys) {
  const pg::TypeName& type = *column.type_name;
  bool generated_key = IsSerial(type);
  for (const pg::Node* node : Items(column.n_constraints, column.constraints)) {
    generated_key |= node->constraint->contype == PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY;
  }
  const bool is_key = Contains(keys, column.colname);
  const bool rowid = is_key && keys.size() == 1 && IsIntegerType(type);
  std::string text = Quoted(column.colname);
  if (generated_key && !rowid) {
    Unsupported("serial or identity but for the primary key", column.location);
  }
  if (rowid) {
    // Numbers once given are not given again, as with a sequence.
    text += " INTEGER PRIMARY KEY";
    if (generated_key) text += " AUTOINCREMENT";
  } else {
    text += " " + DeclaredType(type);
  }
  if (column.coll_clause != nullptr) {
    const std::string name =
        Lower(StringsOf(Items(column.coll_clause->n_collname, column.coll_clause->collname)).back());
    if (name == "nocase" || name == "rtrim") text += " COLLATE " + name;
  }
  const uint32_t type_oid = TypeOf(type, nullptr);
  bool not_null = rowid;
  for (const pg::Node* node : Items(column.n_constraints, column.constraints)) {
    const PgQuery__Constraint& constraint = *node->constraint;
    const bool primary = constraint.contype == PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY;
    if (rowid && primary) continue;
    const std::string sql = ColumnConstraint(constraint, type_oid);
    not_null |= sql == "NOT NULL";
    if (!sql.empty()) text += " " + sql;
  }
  // SQLite lets NULL into a primary key that is not the rowid.
  if (is_key && !not_null) text += " NOT NULL";
  return text;
}

namespace {

std::string ConstraintName(const PgQuery__Constraint& constraint) {
  return constraint.conname[0] != '\0' ? "CONSTRAINT " + Quoted(constraint.conname) + " " : "";
}

}  // namespace

std::string Translator::ColumnConstraint(const pg::Constraint& constraint, uint32_t type_oid) {
  switch (constraint.contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_NULL:
    case PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY:
    case PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_NOT_DEFERRABLE:
    case PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_IMMEDIATE:
      return "";
    case PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_DEFERRABLE:
      return "DEFERRABLE";
    case PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_DEFERRED:
      return "INITIALLY DEFERRED";
    case PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL:
      return "NOT NULL";
    case PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT:
      return "DEFAULT " + DefaultValue(constraint.raw_expr, type_oid);
    case PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED:
      return "GENERATED ALWAYS AS (" + Expr(constraint.raw_expr).sql + ") STORED";
    case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY:
      return ConstraintName(constraint) + "PRIMARY KEY";
    case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE:
      return ConstraintName(constraint) + "UNIQUE";
    case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK:
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
      return TableConstraint(constraint);
    default:
      Unsupported("this constraint", constraint.location);
      return "";
  }
}

std::string Translator::TableConstraint(const pg::Constraint& constraint) {
  const std::string name = ConstraintName(constraint);
  const auto keys = StringsOf(Items(constraint.n_keys, constraint.keys));
  switch (constraint.contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY:
      return name + "PRIMARY KEY (" + List(keys) + ")";
    case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE:
      if (constraint.nulls_not_distinct) Unsupported("NULLS NOT DISTINCT", constraint.location);
      return name + "UNIQUE (" + List(keys) + ")";
    case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK:
      return name + "CHECK (" + BooleanExpr(constraint.raw_expr).sql + ")";
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
      return name + ForeignKey(constraint);
    default:
      Unsupported("this constraint", constraint.location);
      return "";
  }
}

std::string Translator::ForeignKey(const pg::Constraint& constraint) {
  std::string text;
  const auto own = StringsOf(Items(constraint.n_fk_attrs, constraint.fk_attrs));
  const auto other = StringsOf(Items(constraint.n_pk_attrs, constraint.pk_attrs));
  if (!own.empty()) text = "FOREIGN KEY (" + List(own) + ") ";
  text += "REFERENCES " + TableName(*constraint.pktable);
  if (!other.empty()) text += " (" + List(other) + ")";
  const std::string update = ReferentialAction(constraint.fk_upd_action);
  const std::string remove = ReferentialAction(constraint.fk_del_action);
  if (constraint.fk_matchtype[0] == 'f') Unsupported("MATCH FULL", constraint.location);
  if (constraint.n_fk_del_set_cols > 0) Unsupported("SET NULL (columns)", constraint.location);
  if (!update.empty()) text += " ON UPDATE " + update;
  if (!remove.empty()) text += " ON DELETE " + remove;
  if (constraint.deferrable) text += " DEFERRABLE";
  if (constraint.initdeferred) text += " INITIALLY DEFERRED";
  return text;
}

std::string Translator::DefaultValue(const pg::Node* value, uint32_t type_oid) {
  Expression expression = ExprAs(value, type_oid);
  if (expression.sql == "now()") return "CURRENT_TIMESTAMP";
  if (expression.sql.starts_with("CURRENT_")) return expression.sql;
  return "(" + expression.sql + ")";
}

// ---- The other CREATEs ----

Translated Translator::CreateTableAs(const pg::CreateTableAsStmt& create) {
  Translated result = Simple(StatementKind::kUtility, "SELECT");
  if (create.query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
    Unsupported("CREATE TABLE AS EXECUTE");
    return result;
  }
  if (create.objtype == PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW) Unsupported("materialized views");
  const PgQuery__IntoClause& into = *create.into;
  if (into.n_col_names > 0) Unsupported("column names in CREATE TABLE AS");
  const QueryText query = Query(*create.query->select_stmt);
  const bool temporary = into.rel->relpersistence[0] == 't';
  result.sql = std::string("CREATE ") + (temporary ? "TEMP " : "") + "TABLE " +
               (create.if_not_exists ? "IF NOT EXISTS " : "") + TableName(*into.rel) + " AS " +
               query.sql;
  if (into.skip_data) result.sql = result.sql + " LIMIT 0";
  result.tag_word = into.skip_data ? "CREATE TABLE AS" : "SELECT";
  return result;
}

Translated Translator::CreateIndex(const pg::IndexStmt& create) {
  Translated result = Simple(StatementKind::kUtility, "CREATE INDEX");
  const std::string method = create.access_method;
  if (!method.empty() && method != "btree") {
    notices_.push_back("access method \"" + method + "\" is not known; btree is used");
  }
  if (create.nulls_not_distinct) Unsupported("NULLS NOT DISTINCT");
  Scope scope;
  scope.outer = scope_;
  scope_ = &scope;
  scope.unqualified = true;
  TableReference(*create.relation);
  for (ScopeRelation& relation : scope.relations) {
    for (ScopeColumn& column : relation.columns) column.sql = Quoted(column.name);
  }
  std::string columns;
  std::string generated_name = create.relation->relname;
  for (const pg::Node* node : Items(create.n_index_params, create.index_params)) {
    const PgQuery__IndexElem& element = *node->index_elem;
    columns += columns.empty() ? "" : ", ";
    columns += element.expr != nullptr ? Expr(element.expr).sql : Quoted(element.name);
    generated_name += std::string("_") + (element.expr != nullptr ? "expr" : element.name);
    if (element.ordering == PG_QUERY__SORT_BY_DIR__SORTBY_DESC) columns += " DESC";
  }
  std::string where;
  if (create.where_clause != nullptr) where = " WHERE " + BooleanExpr(create.where_clause).sql;
  scope_ = scope.outer;
  if (create.n_index_including_params > 0) {
    notices_.push_back("INCLUDE columns are not kept in the index");
  }
  const std::string name =
      create.idxname[0] != '\0' ? create.idxname : FreeIndexName(generated_name + "_idx");
  result.sql = std::string("CREATE ") + (create.unique ? "UNIQUE " : "") + "INDEX " +
               (create.if_not_exists ? "IF NOT EXISTS " : "") + Quoted(name) + " ON " +
               Quoted(create.relation->relname) + " (" + columns + ")" + where;
  return result;
}

std::string Translator::FreeIndexName(const std::string& wanted) const {
  std::string name = wanted;
  for (int i = 1; schema_.HasIndex(name); ++i) name = wanted + std::to_string(i);
  return name;
}

Translated Translator::CreateView(const pg::ViewStmt& create) {
  Translated result = Simple(StatementKind::kUtility, "CREATE VIEW");
  if (create.query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
    Unsupported("this kind of view");
    return result;
  }
  if (create.with_check_option > PG_QUERY__VIEW_CHECK_OPTION__NO_CHECK_OPTION) {
    Unsupported("WITH CHECK OPTION");
  }
  const QueryText query = Query(*create.query->select_stmt);
  const std::string name = TableName(*create.view);
  const auto aliases = StringsOf(Items(create.n_aliases, create.aliases));
  const bool temporary = create.view->relpersistence[0] == 't';
  if (create.replace) result.sql = "DROP VIEW IF EXISTS " + name + "; ";
  result.sql += std::string("CREATE ") + (temporary ? "TEMP " : "") + "VIEW " + name +
                (aliases.empty() ? "" : " (" + List(aliases) + ")") + " AS " + query.sql;
  return result;
}

// ---- DROP, RENAME ----

Translated Translator::Drop(const pg::DropStmt& drop) {
  const char* word = nullptr;
  switch (drop.remove_type) {
    case PG_QUERY__OBJECT_TYPE__OBJECT_TABLE:
      word = "TABLE";
      break;
    case PG_QUERY__OBJECT_TYPE__OBJECT_VIEW:
      word = "VIEW";
      break;
    case PG_QUERY__OBJECT_TYPE__OBJECT_INDEX:
      word = "INDEX";
      break;
    case PG_QUERY__OBJECT_TYPE__OBJECT_TRIGGER:
      word = "TRIGGER";
      break;
    default:
      Unsupported("DROP of this kind of object");
      return {};
  }
  const bool cascade = drop.behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
  std::vector<std::string> dropped;
  Translated result = Simple(StatementKind::kUtility, std::string("DROP ") + word);
  for (pg::Node* const node : Items(drop.n_objects, drop.objects)) {
    const auto names = StringsOf(std::span<pg::Node* const>(&node, 1));
    // A trigger's name stands behind that of its table.
    const std::string schema = names.size() > 1 && word != std::string("TRIGGER") ? names[0] : "";
    if (!schema.empty() && schema != "public" && schema != "pg_temp") {
      Fail("3F000", "schema \"" + schema + "\" does not exist");
    }
    dropped.push_back(names.back());
  }
  if (drop.remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_TABLE) OrderForDrop(cascade, &dropped);
  for (const std::string& name : dropped) {
    result.sql += (result.sql.empty() ? "DROP " : "; DROP ") + std::string(word) +
                  (drop.missing_ok ? " IF EXISTS " : " ") + Quoted(name);
  }
  return result;
}

// Tables before those that their foreign keys refer to, for SQLite deletes the rows of each first. A
// table that others refer to, which stay, cannot go.
void Translator::OrderForDrop(bool cascade, std::vector<std::string>* tables) {
  std::vector<std::string> waiting = std::move(*tables);
  tables->clear();
  const auto referencing = [&](const std::string& table) {
    const RelationInfo* info = schema_.Find(table);
    return info == nullptr ? std::vector<std::string>() : info->referencing;
  };
  const auto is_among = [](const std::vector<std::string>& names, const std::string& name) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& other) { return EqualIgnoringCase(other, name); });
  };
  for (const std::string& table : waiting) {
    for (const std::string& other : referencing(table)) {
      if (is_among(waiting, other)) continue;
      if (cascade) return Unsupported("CASCADE to the foreign key of table \"" + other + "\"");
      return Fail("2BP01", "cannot drop table " + table + " because table " + other +
                               " has a foreign key that depends on it");
    }
  }
  while (!waiting.empty()) {
    auto next = std::find_if(waiting.begin(), waiting.end(), [&](const std::string& table) {
      const auto others = referencing(table);
      return std::none_of(others.begin(), others.end(),
                          [&](const std::string& other) { return is_among(waiting, other); });
    });
    if (next == waiting.end()) next = waiting.begin();  // they refer to each other
    tables->push_back(std::move(*next));
    waiting.erase(next);
  }
}

Translated Translator::Rename(const pg::RenameStmt& rename) {
  Translated result = Simple(StatementKind::kUtility, "ALTER TABLE");
  if (rename.rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_TABLE) {
    result.sql = "ALTER TABLE " + TableName(*rename.relation) + " RENAME TO " +
                 Quoted(rename.newname);
  } else if (rename.rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN &&
             rename.relation_type == PG_QUERY__OBJECT_TYPE__OBJECT_TABLE) {
    result.sql = "ALTER TABLE " + TableName(*rename.relation) + " RENAME COLUMN " +
                 Quoted(rename.subname) + " TO " + Quoted(rename.newname);
  } else {
    Unsupported("RENAME of this kind of object");
  }
  return result;
}

}  // namespace sibyl::sql::server
