// SELECT, VALUES, set operations, WITH.

#include <utility>

#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

ScopeColumn ScopeColumnOf(const Expression& column) {
  ScopeColumn result;
  result.name = column.name;
  result.sql = Quoted(column.name);
  result.type_oid = column.type_oid;
  result.typmod = column.typmod;
  result.not_null = column.not_null;
  return result;
}

std::optional<int32_t> IntegerConstant(const pg::Node* node) {
  if (node == nullptr || node->node_case != PG_QUERY__NODE__NODE_A_CONST ||
      node->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL) {
    return std::nullopt;
  }
  return node->a_const->ival->ival;
}

// The bare name that an item of ORDER BY or GROUP BY is; empty: it is something else.
std::string BareName(const pg::Node& node) {
  if (node.node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node.column_ref->n_fields != 1) return "";
  return StringOf(*node.column_ref->fields[0]);
}

}  // namespace

QueryText Translator::Query(const pg::SelectStmt& select, bool is_top) {
  if (++depth_ > 100) Fail("54001", "queries are nested too deeply");
  QueryText query;
  if (!error_) {
    const size_t common_tables = common_tables_.size();
    const std::string with = With(select.with_clause);
    query = QueryBody(select, is_top);
    query.sql = with + query.sql;
    common_tables_.resize(common_tables);
  }
  --depth_;
  return query;
}

QueryText Translator::QueryBody(const pg::SelectStmt& select, bool is_top) {
  if (select.into_clause != nullptr) Unsupported("SELECT INTO: CREATE TABLE AS does the same;");
  CheckLocking(select);
  if (select.op != PG_QUERY__SET_OPERATION__SETOP_NONE) return SetOperation(select);
  if (select.n_values_lists > 0) return Values(select);
  return SimpleSelect(select, is_top);
}

QueryText Translator::SimpleSelect(const pg::SelectStmt& select, bool is_top) {
  const auto* const assigned = std::exchange(assigned_columns_, nullptr);
  Scope scope;
  scope.outer = scope_;
  scope_ = &scope;
  QueryText query;
  const std::string from = From(Items(select.n_from_clause, select.from_clause));
  std::string head = "SELECT ";
  const auto distinct = Items(select.n_distinct_clause, select.distinct_clause);
  if (!distinct.empty()) {
    if (distinct[0] != nullptr && distinct[0]->node_case != PG_QUERY__NODE__NODE__NOT_SET) {
      Unsupported("DISTINCT ON");
    }
    head += "DISTINCT ";
  }
  assigned_columns_ = assigned;
  TargetList(Items(select.n_target_list, select.target_list), is_top, &query);
  query.sql = head + query.sql;
  std::string tables = from;
  for (const std::string& extra : scope.extra_from) tables += (tables.empty() ? "" : ", ") + extra;
  if (!tables.empty()) query.sql += " FROM " + tables;
  if (select.where_clause != nullptr) {
    query.sql += " WHERE " + BooleanExpr(select.where_clause).sql;
  }
  query.sql += GroupBy(select, query);
  if (select.having_clause != nullptr) {
    query.sql += " HAVING " + BooleanExpr(select.having_clause).sql;
  }
  std::string windows;
  for (const pg::Node* node : Items(select.n_window_clause, select.window_clause)) {
    windows += (windows.empty() ? " WINDOW " : ", ") + Quoted(node->window_def->name) + " AS (" +
               WindowBody(*node->window_def) + ")";
  }
  query.sql += windows;
  query.sql += OrderBy(Items(select.n_sort_clause, select.sort_clause), &query);
  query.sql += Limit(select);
  scope_ = scope.outer;
  return query;
}

// SQLite knows no parentheses around the parts of a set operation: a part that needs them becomes a
// query over itself.
QueryText Translator::SetOperation(const pg::SelectStmt& select) {
  const auto part = [&](const pg::SelectStmt& side, bool left) {
    QueryText query = Query(side);
    const bool compound = side.op != PG_QUERY__SET_OPERATION__SETOP_NONE;
    const bool chains = compound && left && side.n_sort_clause == 0 &&
                        side.limit_count == nullptr && side.limit_offset == nullptr &&
                        side.with_clause == nullptr;
    const bool plain = !compound && side.n_sort_clause == 0 && side.limit_count == nullptr &&
                       side.limit_offset == nullptr && side.with_clause == nullptr;
    if (!plain && !chains) query.sql = "SELECT * FROM (" + query.sql + ")";
    return query;
  };
  QueryText query = part(*select.larg, true);
  const QueryText right = part(*select.rarg, false);
  if (error_) return query;
  const char* word = " UNION ";
  if (select.op == PG_QUERY__SET_OPERATION__SETOP_INTERSECT) word = " INTERSECT ";
  if (select.op == PG_QUERY__SET_OPERATION__SETOP_EXCEPT) word = " EXCEPT ";
  if (select.all && select.op != PG_QUERY__SET_OPERATION__SETOP_UNION) {
    Unsupported("INTERSECT ALL or EXCEPT ALL");
  }
  query.sql += word + std::string(select.all ? "ALL " : "") + right.sql;
  query.is_known = query.is_known && right.is_known;
  for (size_t i = 0; query.is_known && i < query.columns.size() && i < right.columns.size(); ++i) {
    Expression pair[2] = {query.columns[i], right.columns[i]};
    for (Expression& side : pair) side.type_oid = side.is_null ? 0 : side.type_oid;
    query.columns[i].type_oid = CommonType(pair);
    query.columns[i].not_null &= right.columns[i].not_null;
    query.columns[i].typmod = -1;
  }
  query.sql += OrderBy(Items(select.n_sort_clause, select.sort_clause), &query);
  query.sql += Limit(select);
  return query;
}

QueryText Translator::Values(const pg::SelectStmt& select) {
  QueryText query;
  for (const pg::Node* row : Items(select.n_values_lists, select.values_lists)) {
    std::vector<Expression> values = Exprs(Items(row->list->n_items, row->list->items));
    std::string text;
    for (size_t i = 0; i < values.size(); ++i) {
      if (query.columns.size() <= i) {
        query.columns.push_back(values[i]);
      } else {
        CoerceEachOther(&query.columns[i], &values[i]);
        query.columns[i].not_null &= values[i].not_null;
      }
      text += (text.empty() ? "" : ", ") + values[i].sql;
    }
    query.sql += (query.sql.empty() ? "VALUES (" : ", (") + text + ")";
  }
  for (size_t i = 0; i < query.columns.size(); ++i) {
    Coerce(&query.columns[i], kTextOid);
    query.columns[i].name = "column" + std::to_string(i + 1);
  }
  const bool sorted = select.n_sort_clause > 0 || select.limit_count != nullptr ||
                      select.limit_offset != nullptr;
  if (sorted) {
    query.sql = "SELECT * FROM (" + query.sql + ")" +
                OrderBy(Items(select.n_sort_clause, select.sort_clause), &query) + Limit(select);
  }
  return query;
}

// ---- WITH ----

std::string Translator::With(const pg::WithClause* with) {
  if (with == nullptr) return "";
  std::string text;
  for (const pg::Node* node : Items(with->n_ctes, with->ctes)) {
    const PgQuery__CommonTableExpr& cte = *node->common_table_expr;
    if (cte.ctequery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
      Unsupported("a statement that changes data in WITH", cte.location);
      return "";
    }
    if (cte.search_clause != nullptr || cte.cycle_clause != nullptr) {
      Unsupported("SEARCH and CYCLE", cte.location);
    }
    const auto aliases = StringsOf(Items(cte.n_aliascolnames, cte.aliascolnames));
    const pg::SelectStmt& query_node = *cte.ctequery->select_stmt;
    CommonTable table{cte.ctename, {}, false};
    const size_t own = common_tables_.size();
    if (with->recursive && query_node.op == PG_QUERY__SET_OPERATION__SETOP_UNION) {
      // What refers to itself sees the columns of its first part.
      const int generated = generated_names_;
      const QueryText first = Query(*query_node.larg);
      generated_names_ = generated;
      for (const Expression& column : first.columns) table.columns.push_back(ScopeColumnOf(column));
      table.is_known = first.is_known;
      NameColumns(aliases, &table.columns);
      common_tables_.push_back(table);
    }
    const QueryText query = Query(query_node);
    common_tables_.resize(own);
    table.columns.clear();
    for (const Expression& column : query.columns) table.columns.push_back(ScopeColumnOf(column));
    table.is_known = query.is_known;
    NameColumns(aliases, &table.columns);
    common_tables_.push_back(table);
    text += (text.empty() ? (with->recursive ? "WITH RECURSIVE " : "WITH ") : ", ") +
            Quoted(cte.ctename) + ColumnList(table) + " AS ";
    if (cte.ctematerialized == PG_QUERY__CTEMATERIALIZE__CTEMaterializeAlways) {
      text += "MATERIALIZED ";
    } else if (cte.ctematerialized == PG_QUERY__CTEMATERIALIZE__CTEMaterializeNever) {
      text += "NOT MATERIALIZED ";
    }
    text += "(" + query.sql + ")";
  }
  return text + " ";
}

void Translator::NameColumns(const std::vector<std::string>& names,
                             std::vector<ScopeColumn>* columns) {
  for (size_t i = 0; i < names.size() && i < columns->size(); ++i) {
    (*columns)[i].name = names[i];
    (*columns)[i].sql = Quoted(names[i]);
  }
}

std::string Translator::ColumnList(const CommonTable& table) {
  if (!table.is_known || table.columns.empty()) return "";
  std::string list;
  for (const ScopeColumn& column : table.columns) {
    list += (list.empty() ? "(" : ", ") + Quoted(column.name);
  }
  return list + ")";
}

// ---- The list of columns ----

void Translator::TargetList(std::span<pg::Node* const> targets, bool is_top, QueryText* query) {
  const auto* const assigned = std::exchange(assigned_columns_, nullptr);
  for (size_t i = 0; i < targets.size(); ++i) {
    const pg::ResTarget& target = *targets[i]->res_target;
    const pg::Node* value = target.val;
    const bool star = value->node_case == PG_QUERY__NODE__NODE_COLUMN_REF &&
                      value->column_ref->n_fields > 0 &&
                      value->column_ref->fields[value->column_ref->n_fields - 1]->node_case ==
                          PG_QUERY__NODE__NODE_A_STAR;
    if (star) {
      Star(*value->column_ref, is_top, query);
    } else if (assigned != nullptr && i < assigned->size()) {
      AddColumn(AssignedValue(value, (*assigned)[i]), target.name, is_top, query);
    } else {
      AddColumn(Expr(value), target.name, is_top, query);
    }
  }
  if (targets.empty()) query->sql = "NULL WHERE 0";
}

// The columns one by one where they are known, so that nothing hidden gets in.
void Translator::Star(const pg::ColumnRef& star, bool is_top, QueryText* query) {
  const auto names = StringsOf(Items(star.n_fields - 1, star.fields));
  const auto add = [&](const ScopeRelation& relation) {
    const bool merged_columns = names.empty() && scope_->has_using;
    if (!relation.is_known || merged_columns) {
      query->sql += query->sql.empty() ? "" : ", ";
      query->sql += names.empty() ? "*" : Quoted(relation.alias) + ".*";
      query->is_known = false;
      return false;
    }
    for (const ScopeColumn& column : relation.columns) {
      AddColumn(ExpressionOf(column), "", is_top, query);
    }
    return true;
  };
  if (!names.empty()) {
    const ScopeRelation* relation = FindRelation(names.back());
    if (relation == nullptr) {
      Fail("42P01", "missing FROM-clause entry for table \"" + names.back() + "\"", star.location);
      return;
    }
    add(*relation);
    return;
  }
  if (scope_->relations.empty()) Fail("42601", "SELECT * with no tables specified is not valid",
                                      star.location);
  // One that is not known makes all of them SQLite's "*".
  bool all_known = !scope_->has_using;
  for (const ScopeRelation& relation : scope_->relations) all_known &= relation.is_known;
  for (const ScopeRelation& relation : scope_->relations) {
    if (!all_known) {
      query->sql += query->sql.empty() ? "*" : ", *";
      query->is_known = false;
      return;
    }
    add(relation);
  }
}

void Translator::AddColumn(Expression column, const std::string& alias, bool is_top,
                           QueryText* query) {
  Coerce(&column, kTextOid);  // what is still untyped is text
  if (!alias.empty()) column.name = alias;
  if (column.name.empty()) column.name = "?column?";
  if (is_top) column = RegisteredName(std::move(column), column.type_oid);
  if (!query->sql.empty()) query->sql += ", ";
  query->sql += column.sql;
  const std::string name = Quoted(column.name);
  if (column.sql != name) query->sql += " AS " + name;
  query->columns.push_back(std::move(column));
}

// ---- GROUP BY, ORDER BY, LIMIT ----

// An output column's name stands for its expression, unless a column of FROM has it.
std::string Translator::GroupBy(const pg::SelectStmt& select, const QueryText& query) {
  std::string list;
  for (const pg::Node* node : Items(select.n_group_clause, select.group_clause)) {
    if (node->node_case == PG_QUERY__NODE__NODE_GROUPING_SET) {
      Unsupported("GROUPING SETS, ROLLUP and CUBE");
      return "";
    }
    std::string item;
    if (const auto ordinal = IntegerConstant(node)) {
      item = std::to_string(*ordinal);
    } else {
      const std::string name = BareName(*node);
      if (!name.empty() && !IsColumnOfScope(name)) {
        for (const Expression& column : query.columns) {
          if (column.name == name) item = column.sql;
        }
      }
      if (item.empty()) item = Expr(node).sql;
    }
    list += (list.empty() ? " GROUP BY " : ", ") + item;
  }
  return list;
}

bool Translator::IsColumnOfScope(const std::string& name) const {
  if (scope_ == nullptr) return false;
  for (const ScopeRelation& relation : scope_->relations) {
    for (const ScopeColumn& column : relation.columns) {
      if (EqualIgnoringCase(column.name, name)) return true;
    }
  }
  return false;
}

// NULL is the largest value for PostgreSQL and the smallest for SQLite.
std::string Translator::OrderBy(std::span<pg::Node* const> sort, const QueryText* query) {
  std::string list;
  for (const pg::Node* node : sort) {
    const pg::SortBy& item = *node->sort_by;
    if (item.sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_USING) Unsupported("ORDER BY USING");
    const bool descending = item.sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
    bool nulls_first = descending;
    if (item.sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST) nulls_first = true;
    if (item.sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST) nulls_first = false;
    const Expression value = SortKey(*item.node, query);
    list += (list.empty() ? " ORDER BY " : ", ") + value.sql + (descending ? " DESC" : "");
    if (nulls_first == descending && !value.not_null) {
      list += nulls_first ? " NULLS FIRST" : " NULLS LAST";
    }
  }
  return list;
}

Expression Translator::SortKey(const pg::Node& node, const QueryText* query) {
  Expression value;
  if (const auto ordinal = IntegerConstant(&node)) {
    value.sql = std::to_string(*ordinal);
    if (query != nullptr && query->is_known && *ordinal >= 1 &&
        static_cast<size_t>(*ordinal) <= query->columns.size()) {
      value.not_null = query->columns[*ordinal - 1].not_null;
    }
    return value;
  }
  const std::string name = BareName(node);
  if (!name.empty() && query != nullptr) {
    for (size_t i = 0; i < query->columns.size(); ++i) {
      if (query->columns[i].name != name) continue;
      value.sql = query->is_known ? std::to_string(i + 1) : Quoted(name);
      value.not_null = query->columns[i].not_null;
      return value;
    }
  }
  return Expr(&node);
}

std::string Translator::Limit(const pg::SelectStmt& select) {
  std::string text;
  if (select.limit_option == PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES) {
    Unsupported("FETCH FIRST WITH TIES");
  }
  const auto is_null = [](const pg::Node* node) {  // LIMIT ALL is LIMIT NULL
    return node == nullptr ||
           (node->node_case == PG_QUERY__NODE__NODE_A_CONST && node->a_const->isnull);
  };
  const auto amount = [&](const pg::Node* node, const char* what) {
    const Expression value = ExprAs(node, kInt8Oid);
    // To SQLite a negative limit is none, and NULL is no number.
    if (value.sql.find_first_not_of("0123456789") == std::string::npos) return value.sql;
    return std::string("pg_limit(") + value.sql + ", '" + what + "')";
  };
  if (!is_null(select.limit_count)) text += " LIMIT " + amount(select.limit_count, "LIMIT");
  if (!is_null(select.limit_offset)) {
    if (text.empty()) text += " LIMIT -1";
    text += " OFFSET " + amount(select.limit_offset, "OFFSET");
  }
  return text;
}

// One writer at a time: who may write has locked every row. For those who only read, FOR UPDATE says
// what will come, and changes nothing in what they see.
void Translator::CheckLocking(const pg::SelectStmt& select) {
  if (select.n_locking_clause > 0) locks_rows_ = true;
}

}  // namespace sibyl::sql::server
