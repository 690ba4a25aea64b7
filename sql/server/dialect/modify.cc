// INSERT, UPDATE, DELETE and RETURNING.

#include <algorithm>
#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

bool IsDefault(const pg::Node* node) {
  return node != nullptr && node->node_case == PG_QUERY__NODE__NODE_SET_TO_DEFAULT;
}

std::string List(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

std::string DefaultOf(const ColumnInfo* column) {
  // NULL for a rowid alias is the next number.
  return column == nullptr || column->default_sql.empty() ? "NULL"
                                                          : "(" + column->default_sql + ")";
}

}  // namespace

Translated Translator::Insert(const pg::InsertStmt& insert) {
  Translated result = Simple(StatementKind::kInsert, "INSERT");
  const size_t common_tables = common_tables_.size();
  const std::string with = With(insert.with_clause);
  const pg::RangeVar& target = *insert.relation;
  const RelationInfo* table = FindTable(target);
  const std::string alias = target.alias != nullptr ? target.alias->aliasname : "";
  std::string sql = with + "INSERT INTO " + TableName(target);
  if (!alias.empty()) sql += " AS " + Quoted(alias);
  std::vector<std::string> names;
  for (const pg::Node* node : Items(insert.n_cols, insert.cols)) {
    if (node->res_target->n_indirection > 0) Unsupported("a part of a column");
    names.push_back(node->res_target->name);
  }
  std::vector<const ColumnInfo*> columns;
  if (table != nullptr) {
    for (const std::string& name : names) {
      columns.push_back(table->FindColumn(name));
      if (columns.back() == nullptr && name != "rowid") {
        Fail("42703", "column \"" + name + "\" of relation \"" + table->name + "\" does not exist");
      }
    }
    if (names.empty()) {
      for (const ColumnInfo& column : table->columns) {
        if (!column.generated) columns.push_back(&column);
      }
    }
  }
  const std::string source = InsertSource(insert, columns, &names);
  result.sequence_oid = NumberingSequence(insert, table, names);
  if (!names.empty()) {
    std::vector<std::string> quoted;
    for (const std::string& name : names) quoted.push_back(Quoted(name));
    sql += " (" + List(quoted) + ")";
  }
  sql += " " + source;
  Scope scope;
  scope.outer = scope_;
  scope_ = &scope;
  ScopeRelation relation;
  relation.alias = alias.empty() ? target.relname : alias;
  if (table != nullptr) relation = RelationOf(*table, relation.alias);
  scope.relations.push_back(relation);
  if (insert.on_conflict_clause != nullptr) {
    relation.alias = "excluded";
    for (ScopeColumn& column : relation.columns) {
      column.sql = "excluded." + Quoted(column.name);
    }
    relation.is_excluded = true;
    scope.relations.push_back(std::move(relation));
    sql += OnConflict(*insert.on_conflict_clause, table);
    scope.relations.pop_back();
  }
  scope.unqualified = true;
  sql += Returning(Items(insert.n_returning_list, insert.returning_list), &result);
  scope_ = scope.outer;
  common_tables_.resize(common_tables);
  result.sql = std::move(sql);
  result.parameter_type_oids = parameter_type_oids_;
  return result;
}

// The sequence that gives the rows their keys, if it is certain that it does: `names`, the columns
// that get a value, are without the key, and no row that was there before is what is changed.
uint32_t Translator::NumberingSequence(const pg::InsertStmt& insert, const RelationInfo* table,
                                       const std::vector<std::string>& names) {
  const ColumnInfo* const key = table == nullptr ? nullptr : table->Identity();
  if (key == nullptr) return 0;
  const auto is_key = [key](const std::string& name) {
    return name == "rowid" || EqualIgnoringCase(name, key->name);
  };
  const bool only_defaults = insert.select_stmt == nullptr ||
                             (names.empty() && insert.select_stmt->select_stmt->n_values_lists > 0);
  const bool numbered =
      only_defaults || (!names.empty() && std::none_of(names.begin(), names.end(), is_key));
  const bool may_update =
      insert.on_conflict_clause != nullptr &&
      insert.on_conflict_clause->action != PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_NOTHING;
  return numbered && !may_update ? server::DerivedOid(table->oid, kFirstSequenceOid) : 0;
}

Expression Translator::AssignedValue(const pg::Node* node, const ColumnInfo* column) {
  if (IsDefault(node)) {
    Expression value;
    value.sql = DefaultOf(column);
    return value;
  }
  Expression value = Expr(node);
  if (column == nullptr) {
    Coerce(&value, kTextOid);
    return value;
  }
  return Assigned(std::move(value), *column);
}

namespace {

// A type of integers that has numbers which the other one has not.
bool IsWider(uint32_t type_oid, uint32_t other_oid) {
  const auto bytes = [](uint32_t oid) { return oid == kInt2Oid ? 2 : oid == kInt8Oid ? 8 : 4; };
  return bytes(type_oid) > bytes(other_oid);
}

}  // namespace

Expression Translator::Assigned(Expression value, const ColumnInfo& column) {
  const bool open = value.type_oid == 0;
  Coerce(&value, column.type_oid);
  const TypeClass to = column.type_oid != 0 ? TypeClassOf(column.type_oid) : TypeClass::kUnknown;
  const TypeClass from = value.type_class();
  // Assignment converts where the value kept would be another one.
  const bool converts =
      !open && value.type_oid != column.type_oid &&
      ((to == TypeClass::kInteger && (from == TypeClass::kReal || from == TypeClass::kNumeric)) ||
       (to == TypeClass::kInteger && from == to && IsWider(value.type_oid, column.type_oid)) ||
       (to == TypeClass::kNumeric && from == TypeClass::kReal) ||
       (to == TypeClass::kTimestamp && from == TypeClass::kDate) ||
       (to == TypeClass::kDate && from == TypeClass::kTimestamp) ||
       (to == TypeClass::kText && (from == TypeClass::kBool || IsNumber(from))));
  if (converts) value = CastTo(std::move(value), column.type_oid, -1, -1);
  if (to == TypeClass::kNumeric && column.typmod >= 4) {
    value.sql = NumericSql(value.sql, column.typmod);
  }
  if (const auto most = MostCharacters(column.type_oid, column.typmod)) {
    value.sql = "pg_fit_text(" + value.sql + ", " + std::to_string(*most) + ", " +
                Literal(FormatType(column.type_oid, column.typmod)) + ")";
  }
  return value;
}

// VALUES, a query, or DEFAULT VALUES. Columns of which every row asks for the default are left out.
std::string Translator::InsertSource(const pg::InsertStmt& insert,
                                     const std::vector<const ColumnInfo*>& columns,
                                     std::vector<std::string>* column_names) {
  if (insert.select_stmt == nullptr) return "DEFAULT VALUES";
  const pg::SelectStmt& select = *insert.select_stmt->select_stmt;
  const auto rows = Items(select.n_values_lists, select.values_lists);
  const bool plain_values = !rows.empty() && select.n_sort_clause == 0 &&
                            select.limit_count == nullptr && select.limit_offset == nullptr &&
                            select.with_clause == nullptr;
  if (!plain_values) return InsertedQuery(select, columns, insert.on_conflict_clause != nullptr);
  const size_t width = rows[0]->list->n_items;
  std::vector<bool> left_out(width, true);
  for (const pg::Node* row : rows) {
    if (row->list->n_items != width) Fail("42601", "VALUES lists must all be the same length");
    if (error_) return "";
    for (size_t i = 0; i < width; ++i) left_out[i] = left_out[i] && IsDefault(row->list->items[i]);
  }
  if (!column_names->empty() && width != column_names->size()) {
    Fail("42601", width > column_names->size() ? "INSERT has more expressions than target columns"
                                               : "INSERT has more target columns than expressions");
    return "";
  }
  if (column_names->empty()) {
    // All columns in their order, or the first ones: the others get their defaults.
    if (!columns.empty() && width > columns.size()) {
      Fail("42601", "INSERT has more expressions than target columns");
      return "";
    }
    for (size_t i = 0; i < width && i < columns.size(); ++i) {
      column_names->push_back(columns[i]->name);
    }
  }
  std::string text;
  for (const pg::Node* row : rows) {
    std::vector<std::string> values;
    for (size_t i = 0; i < width; ++i) {
      const ColumnInfo* column = i < columns.size() ? columns[i] : nullptr;
      if (left_out[i] && !column_names->empty()) continue;
      values.push_back(AssignedValue(row->list->items[i], column).sql);
    }
    if (values.empty()) {
      if (rows.size() > 1) Unsupported("several rows of nothing but DEFAULT");
      column_names->clear();
      return "DEFAULT VALUES";
    }
    text += (text.empty() ? "VALUES (" : ", (") + List(values) + ")";
  }
  std::vector<std::string> kept;
  for (size_t i = 0; i < column_names->size(); ++i) {
    if (!left_out[i]) kept.push_back((*column_names)[i]);
  }
  *column_names = std::move(kept);
  return text;
}

// The rows of VALUES, UNION and the like, each value as the column keeps it.
std::string Translator::AssignedRows(const QueryText& query,
                                     const std::vector<const ColumnInfo*>& columns) {
  if (!query.is_known || query.columns.size() > columns.size()) return query.sql;
  std::string names;
  std::string values;
  for (size_t i = 0; i < query.columns.size(); ++i) {
    Expression value = query.columns[i];
    value.sql = "column_" + std::to_string(++generated_names_);
    value.is_untyped_literal = value.is_null = false;
    value.parameter = 0;
    names += (i == 0 ? "" : ", ") + value.sql;
    values += (i == 0 ? "" : ", ") + Assigned(std::move(value), *columns[i]).sql;
  }
  return "WITH rows(" + names + ") AS (" + query.sql + ") SELECT " + values + " FROM rows";
}

std::string Translator::InsertedQuery(const pg::SelectStmt& select,
                                      const std::vector<const ColumnInfo*>& columns,
                                      bool conflict_follows) {
  const bool simple =
      select.op == PG_QUERY__SET_OPERATION__SETOP_NONE && select.n_values_lists == 0;
  assigned_columns_ = simple ? &columns : nullptr;
  QueryText query = Query(select);
  assigned_columns_ = nullptr;
  if (!simple) query.sql = AssignedRows(query, columns);
  // Else the ON of ON CONFLICT would be read as that of a join.
  if (conflict_follows) query.sql = "SELECT * FROM (" + query.sql + ") WHERE true";
  return query.sql;
}

// ---- ON CONFLICT ----

std::string Translator::OnConflict(const pg::OnConflictClause& conflict,
                                   const RelationInfo* table) {
  std::string text = " ON CONFLICT";
  if (conflict.infer != nullptr) text += ConflictTarget(*conflict.infer, table);
  if (conflict.action == PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_NOTHING) {
    return text + " DO NOTHING";
  }
  text +=
      " DO UPDATE SET " + Assignments(Items(conflict.n_target_list, conflict.target_list), table);
  if (conflict.where_clause != nullptr) {
    text += " WHERE " + BooleanExpr(conflict.where_clause).sql;
  }
  return text;
}

std::string Translator::ConflictTarget(const pg::InferClause& infer, const RelationInfo* table) {
  std::vector<std::string> columns;
  const std::string constraint = infer.conname;
  if (!constraint.empty()) {
    if (table != nullptr && constraint == table->name + "_pkey") {
      for (int place = 1; place <= static_cast<int>(table->columns.size()); ++place) {
        for (const ColumnInfo& column : table->columns) {
          if (column.primary_key == place) columns.push_back(Quoted(column.name));
        }
      }
    }
    if (columns.empty()) Unsupported("ON CONFLICT ON CONSTRAINT but with the primary key's");
  }
  Scope* const scope = scope_;
  const bool unqualified = scope->unqualified;
  scope->unqualified = true;
  for (const pg::Node* node : Items(infer.n_index_elems, infer.index_elems)) {
    const PgQuery__IndexElem& element = *node->index_elem;
    columns.push_back(element.expr != nullptr ? Expr(element.expr).sql : Quoted(element.name));
  }
  std::string text = " (" + List(columns) + ")";
  if (infer.where_clause != nullptr) text += " WHERE " + BooleanExpr(infer.where_clause).sql;
  scope->unqualified = unqualified;
  return text;
}

// ---- UPDATE ----

std::string Translator::Assignments(std::span<pg::Node* const> targets, const RelationInfo* table) {
  std::vector<std::string> assignments;
  for (size_t i = 0; i < targets.size(); ++i) {
    const pg::ResTarget& target = *targets[i]->res_target;
    if (target.n_indirection > 0) Unsupported("a part of a column", target.location);
    if (target.val != nullptr && target.val->node_case == PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF) {
      assignments.push_back(MultipleAssignment(targets, &i, table));
      continue;
    }
    const ColumnInfo* column = ColumnOf(table, target);
    assignments.push_back(Quoted(target.name) + " = " + AssignedValue(target.val, column).sql);
  }
  return List(assignments);
}

const ColumnInfo* Translator::ColumnOf(const RelationInfo* table, const pg::ResTarget& target) {
  if (table == nullptr) return nullptr;
  const ColumnInfo* column = table->FindColumn(target.name);
  if (column == nullptr) {
    Fail("42703",
         std::string("column \"") + target.name + "\" of relation \"" + table->name +
             "\" does not exist",
         target.location);
  }
  return column;
}

// (a, b) = (1, 2) or (a, b) = (SELECT ...): one reference for each column, all to the same source.
std::string Translator::MultipleAssignment(std::span<pg::Node* const> targets, size_t* at,
                                           const RelationInfo* table) {
  const PgQuery__MultiAssignRef& first = *targets[*at]->res_target->val->multi_assign_ref;
  const size_t count = static_cast<size_t>(first.ncolumns);
  if (*at + count > targets.size()) return "";
  std::vector<std::string> names;
  std::vector<const ColumnInfo*> columns;
  for (size_t i = 0; i < count; ++i) {
    const pg::ResTarget& target = *targets[*at + i]->res_target;
    names.push_back(Quoted(target.name));
    columns.push_back(ColumnOf(table, target));
  }
  *at += count - 1;
  std::string source;
  if (first.source->node_case == PG_QUERY__NODE__NODE_ROW_EXPR) {
    std::vector<std::string> values;
    const pg::RowExpr& row = *first.source->row_expr;
    for (size_t i = 0; i < row.n_args && i < count; ++i) {
      values.push_back(AssignedValue(row.args[i], columns[i]).sql);
    }
    source = "(" + List(values) + ")";
  } else if (first.source->node_case == PG_QUERY__NODE__NODE_SUB_LINK) {
    const pg::Node* query = first.source->sub_link->subselect;
    source = "(" + Query(*query->select_stmt).sql + ")";
  } else {
    Unsupported("this source of several columns");
  }
  return "(" + List(names) + ") = " + source;
}

Translated Translator::Update(const pg::UpdateStmt& update) {
  Translated result = Simple(StatementKind::kUpdate, "UPDATE");
  const size_t common_tables = common_tables_.size();
  std::string sql = With(update.with_clause) + "UPDATE ";
  Scope scope;
  scope.outer = scope_;
  scope_ = &scope;
  sql += TableReference(*update.relation);
  const RelationInfo* table = scope.relations.empty() ? nullptr : scope.relations[0].table;
  const std::string from = From(Items(update.n_from_clause, update.from_clause));
  sql += " SET " + Assignments(Items(update.n_target_list, update.target_list), table);
  if (!from.empty()) sql += " FROM " + from;
  if (update.where_clause != nullptr) sql += " WHERE " + BooleanExpr(update.where_clause).sql;
  scope.relations.resize(std::min<size_t>(scope.relations.size(), 1));
  scope.unqualified = true;
  sql += Returning(Items(update.n_returning_list, update.returning_list), &result);
  scope_ = scope.outer;
  common_tables_.resize(common_tables);
  result.sql = std::move(sql);
  result.parameter_type_oids = parameter_type_oids_;
  return result;
}

// USING has no counterpart: the rows to go are found by a query over their rowids.
Translated Translator::Delete(const pg::DeleteStmt& statement) {
  Translated result = Simple(StatementKind::kDelete, "DELETE");
  const size_t common_tables = common_tables_.size();
  const std::string with = With(statement.with_clause);
  Scope scope;
  scope.outer = scope_;
  scope_ = &scope;
  const std::string reference = TableReference(*statement.relation);
  const std::string from = From(Items(statement.n_using_clause, statement.using_clause));
  std::string where;
  if (statement.where_clause != nullptr) {
    where = " WHERE " + BooleanExpr(statement.where_clause).sql;
  }
  std::string sql = with + "DELETE FROM " + reference;
  if (!from.empty()) {
    const RelationInfo* table = scope.relations[0].table;
    if (table != nullptr && !table->has_rowid)
      Unsupported("DELETE USING of a table without rowids");
    sql = with + "DELETE FROM " + TableName(*statement.relation) + " WHERE rowid IN (SELECT " +
          Quoted(scope.relations[0].alias) + ".rowid FROM " + reference + ", " + from + where + ")";
  } else {
    sql += where;
  }
  scope.relations.resize(std::min<size_t>(scope.relations.size(), 1));
  scope.unqualified = true;
  sql += Returning(Items(statement.n_returning_list, statement.returning_list), &result);
  scope_ = scope.outer;
  common_tables_.resize(common_tables);
  result.sql = std::move(sql);
  result.parameter_type_oids = parameter_type_oids_;
  return result;
}

std::string Translator::Returning(std::span<pg::Node* const> targets, Translated* result) {
  if (targets.empty()) return "";
  for (ScopeRelation& relation : scope_->relations) {
    for (ScopeColumn& column : relation.columns) column.sql = Quoted(column.name);
  }
  QueryText query;
  TargetList(targets, true, &query);
  if (query.is_known) {
    for (const Expression& column : query.columns) {
      result->result_columns.push_back({column.name, column.type_oid, column.typmod});
    }
  }
  return " RETURNING " + query.sql;
}

}  // namespace sibyl::sql::server
