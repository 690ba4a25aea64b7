// FROM: tables, sub-queries, functions, joins, and the names they bring.

#include <utility>

#include "sql/server/dialect/functions.h"
#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

std::string AliasOf(const pg::Alias* alias, const std::string& otherwise) {
  return alias != nullptr ? alias->aliasname : otherwise;
}

std::vector<std::string> AliasColumns(const pg::Alias* alias) {
  if (alias == nullptr) return {};
  return StringsOf(Items(alias->n_colnames, alias->colnames));
}

}  // namespace

std::string Translator::From(std::span<pg::Node* const> items) {
  std::string text;
  for (const pg::Node* item : items) {
    const std::string one = FromItem(*item);
    if (!one.empty()) text += (text.empty() ? "" : ", ") + one;
  }
  return text;
}

std::string Translator::FromItem(const pg::Node& item) {
  switch (item.node_case) {
    case PG_QUERY__NODE__NODE_RANGE_VAR:
      return TableReference(*item.range_var);
    case PG_QUERY__NODE__NODE_RANGE_SUBSELECT:
      return Subselect(*item.range_subselect);
    case PG_QUERY__NODE__NODE_RANGE_FUNCTION:
      return TableFunction(*item.range_function);
    case PG_QUERY__NODE__NODE_JOIN_EXPR:
      return Join(*item.join_expr);
    default:
      Unsupported("this kind of item in FROM");
      return "";
  }
}

// ---- Tables ----

// As SQLite knows it: one schema for tables, and names of their own for those of information_schema.
std::string Translator::TableName(const pg::RangeVar& table) {
  const std::string schema = table.schemaname;
  if (schema.empty() || schema == "public" || schema == "pg_catalog") {
    return Quoted(table.relname);  // a temporary table hides one of the same name, for both
  }
  if (schema == "information_schema") {
    return Quoted("information_schema_" + std::string(table.relname));
  }
  if (schema == "pg_temp") return "temp." + Quoted(table.relname);
  Fail("3F000", "schema \"" + schema + "\" does not exist", table.location);
  return "";
}

const RelationInfo* Translator::FindTable(const pg::RangeVar& table) {
  std::string name = table.relname;
  const std::string schema = table.schemaname;
  if (schema == "information_schema") name = "information_schema_" + name;
  const RelationInfo* info = schema_.Find(name);
  if (info == nullptr && schema_.is_known() && !error_) {
    const std::string shown = (schema.empty() ? "" : schema + ".") + table.relname;
    Fail("42P01", "relation \"" + shown + "\" does not exist", table.location);
  }
  return info;
}

ScopeRelation Translator::RelationOf(const RelationInfo& table, const std::string& alias) const {
  ScopeRelation relation;
  relation.alias = alias;
  relation.is_known = true;
  relation.table = &table;
  for (const ColumnInfo& column : table.columns) {
    relation.columns.push_back({column.name, Quoted(alias) + "." + Quoted(column.name),
                                column.type_oid, column.typmod, column.not_null});
  }
  return relation;
}

std::string Translator::TableReference(const pg::RangeVar& table) {
  const std::string alias = AliasOf(table.alias, table.relname);
  const auto renamed = AliasColumns(table.alias);
  const bool qualified = table.schemaname[0] != '\0';
  for (auto cte = common_tables_.rbegin(); !qualified && cte != common_tables_.rend(); ++cte) {
    if (!EqualIgnoringCase(cte->name, table.relname)) continue;
    ScopeRelation relation;
    relation.alias = alias;
    relation.is_known = cte->is_known;
    relation.columns = cte->columns;
    AddRelation(std::move(relation), renamed);
    return Quoted(table.relname) + (alias != table.relname ? " AS " + Quoted(alias) : "");
  }
  const std::string name = TableName(table);
  const RelationInfo* info = FindTable(table);
  ScopeRelation relation;
  relation.alias = alias;
  if (info != nullptr) relation = RelationOf(*info, alias);
  AddRelation(std::move(relation), renamed);
  const bool same = name == Quoted(alias);
  return same ? name : name + " AS " + Quoted(alias);
}

// Puts `relation` into the scope, its first columns under the names `renamed`.
void Translator::AddRelation(ScopeRelation relation, const std::vector<std::string>& renamed) {
  for (ScopeColumn& column : relation.columns) {
    if (column.sql.empty() || !relation.is_rewritten) {
      column.sql = Quoted(relation.alias) + "." + Quoted(column.name);
    }
  }
  for (size_t i = 0; i < renamed.size(); ++i) {
    if (i < relation.columns.size()) {
      relation.columns[i].name = renamed[i];
      relation.is_rewritten = true;
    } else if (!relation.is_known) {
      Unsupported("a list of columns for a table that is not known");
    }
  }
  for (const ScopeRelation& other : scope_->relations) {
    if (!EqualIgnoringCase(other.alias, relation.alias) || relation.alias.empty()) continue;
    Fail("42712", "table name \"" + relation.alias + "\" specified more than once");
  }
  scope_->relations.push_back(std::move(relation));
}

// ---- Sub-queries ----

std::string Translator::Subselect(const pg::RangeSubselect& subselect) {
  if (subselect.subquery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
    Unsupported("this kind of sub-query");
    return "";
  }
  if (subselect.lateral && InlineLateral(subselect)) return "";
  if (subselect.lateral) Unsupported("LATERAL");
  // The other items of FROM are no names for it.
  Scope* const siblings = scope_;
  scope_ = siblings->outer;
  const QueryText query = Query(*subselect.subquery->select_stmt);
  scope_ = siblings;
  const std::string generated = "subquery_" + std::to_string(++generated_names_);
  const std::string alias = AliasOf(subselect.alias, generated);
  ScopeRelation relation;
  relation.alias = alias;
  relation.is_known = query.is_known;
  for (const Expression& column : query.columns) {
    relation.columns.push_back(
        {column.name, "", column.type_oid, column.typmod, column.not_null});
  }
  AddRelation(std::move(relation), AliasColumns(subselect.alias));
  return "(" + query.sql + ") AS " + Quoted(alias);
}

// LATERAL (SELECT expressions): one row for each, so the columns stand for the expressions themselves.
bool Translator::InlineLateral(const pg::RangeSubselect& subselect) {
  const pg::SelectStmt& select = *subselect.subquery->select_stmt;
  const bool one_row = select.op == PG_QUERY__SET_OPERATION__SETOP_NONE &&
                       select.n_from_clause == 0 && select.where_clause == nullptr &&
                       select.n_values_lists == 0 && select.n_group_clause == 0 &&
                       select.having_clause == nullptr && select.limit_count == nullptr &&
                       select.limit_offset == nullptr && select.with_clause == nullptr &&
                       select.n_target_list > 0;
  if (!one_row) return false;
  ScopeRelation relation;
  relation.alias = AliasOf(subselect.alias, "");
  relation.is_known = relation.is_rewritten = true;
  for (const pg::Node* node : Items(select.n_target_list, select.target_list)) {
    const pg::ResTarget& target = *node->res_target;
    Expression value = Expr(target.val);
    const bool named = target.name[0] != '\0';
    relation.columns.push_back({named ? target.name : value.name, "(" + value.sql + ")",
                                value.type_oid, value.typmod, value.not_null});
  }
  AddRelation(std::move(relation), AliasColumns(subselect.alias));
  return true;
}

// ---- Functions ----

std::string Translator::TableFunction(const pg::RangeFunction& function) {
  const pg::Node* item = function.functions[0]->list->items[0];
  if (function.n_functions != 1 || item->node_case != PG_QUERY__NODE__NODE_FUNC_CALL ||
      function.n_coldeflist > 0) {
    Unsupported("this kind of function in FROM");
    return "";
  }
  const pg::FuncCall& call = *item->func_call;
  const std::string name = StringsOf(Items(call.n_funcname, call.funcname)).back();
  std::vector<Expression> arguments = Exprs(Items(call.n_args, call.args));
  const std::string alias = AliasOf(function.alias, name);
  auto renamed = AliasColumns(function.alias);
  ScopeRelation relation;
  relation.alias = alias;
  const std::string sql = TableFunctionSql(name, &arguments, &relation);
  if (sql.empty()) {
    Unsupported("function " + name + "() in FROM", call.location);
    return "";
  }
  // A function of one column lends it the name of its alias.
  if (relation.is_known && relation.columns.size() == 1 && renamed.empty() &&
      function.alias != nullptr) {
    renamed.push_back(alias);
  }
  if (function.ordinality) relation.columns.push_back({"ordinality", "", kInt8Oid, -1, true});
  AddRelation(std::move(relation), renamed);
  return sql + " AS " + Quoted(alias);
}

std::string Translator::TableFunctionSql(const std::string& name,
                                         std::vector<Expression>* arguments,
                                         ScopeRelation* relation) {
  std::string list;
  relation->is_known = true;
  if (name == "unnest" && arguments->size() == 1) {
    Expression& array = (*arguments)[0];
    Coerce(&array, kTextArrayOid);
    const TypeInfo* type = FindType(array.type_oid);
    const uint32_t element_oid =
        type != nullptr && type->element_oid != 0 ? type->element_oid : kTextOid;
    relation->columns.push_back({"value", "", element_oid, -1, false});
    return "pg_unnest(" + array.sql + ", " + std::to_string(element_oid) + ")";
  }
  for (Expression& argument : *arguments) {
    if (name == "generate_series" || name == "generate_subscripts") Coerce(&argument, kInt8Oid);
    Coerce(&argument, kTextOid);
    list += (list.empty() ? "" : ", ") + argument.sql;
  }
  if (name == "generate_series" || name == "generate_subscripts") {
    if ((*arguments)[0].type_class() == TypeClass::kTimestamp ||
        (*arguments)[0].type_class() == TypeClass::kDate) {
      Unsupported("generate_series of timestamps");
    }
    relation->columns.push_back({"value", "", kInt4Oid, -1, true});
    return (name == "generate_series" ? "pg_generate_series(" : "pg_generate_subscripts(") + list +
           ")";
  }
  for (const CatalogueFunction& known : CatalogueFunctions()) {
    if (name != known.name) continue;
    for (const auto& [column, type_oid] : known.columns) {
      relation->columns.push_back({column, "", type_oid, -1, false});
    }
    return std::string(known.module) + "(" + list + ")";
  }
  // SQLite's own table-valued functions: json_each, sibyl_models, ....
  relation->is_known = false;
  return Quoted(name) + "(" + list + ")";
}

// ---- Joins ----

std::string Translator::Join(const pg::JoinExpr& join) {
  const std::string left = FromItem(*join.larg);
  const std::string right = FromItem(*join.rarg);
  if (join.alias != nullptr) Unsupported("an alias for a join");
  const bool inner = join.jointype == PG_QUERY__JOIN_TYPE__JOIN_INNER;
  if (right.empty()) {  // inlined: it has one row for each of the left
    const bool plain = join.quals == nullptr || IsTrue(*join.quals);
    if (!plain || join.jointype == PG_QUERY__JOIN_TYPE__JOIN_FULL) Unsupported("this LATERAL join");
    return left;
  }
  std::string words = " JOIN ";
  if (join.jointype == PG_QUERY__JOIN_TYPE__JOIN_LEFT) words = " LEFT JOIN ";
  if (join.jointype == PG_QUERY__JOIN_TYPE__JOIN_RIGHT) words = " RIGHT JOIN ";
  if (join.jointype == PG_QUERY__JOIN_TYPE__JOIN_FULL) words = " FULL JOIN ";
  if (join.is_natural) words = " NATURAL" + words;
  if (inner && join.quals == nullptr && !join.is_natural && join.n_using_clause == 0) {
    words = " CROSS JOIN ";
  }
  const bool nested = join.rarg->node_case == PG_QUERY__NODE__NODE_JOIN_EXPR;
  std::string text = left.empty() ? right : left + words + (nested ? "(" + right + ")" : right);
  if (join.is_natural || join.n_using_clause > 0) scope_->has_using = true;
  if (join.n_using_clause > 0) {
    std::string columns;
    for (const std::string& name : StringsOf(Items(join.n_using_clause, join.using_clause))) {
      columns += (columns.empty() ? "" : ", ") + Quoted(name);
    }
    text += " USING (" + columns + ")";
  }
  if (join.quals != nullptr) text += " ON " + BooleanExpr(join.quals).sql;
  if (!inner) MakeNullable();
  return text;
}

// What an outer join brings may be NULL whatever its table says.
void Translator::MakeNullable() {
  for (ScopeRelation& relation : scope_->relations) {
    for (ScopeColumn& column : relation.columns) column.not_null = false;
  }
}

bool Translator::IsTrue(const pg::Node& node) {
  return node.node_case == PG_QUERY__NODE__NODE_A_CONST &&
         node.a_const->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL &&
         node.a_const->boolval->boolval != 0;
}

}  // namespace sibyl::sql::server
