// Expressions: columns, constants, conditions, sub-queries. Operators are in operators.cc.

#include <utility>

#include "base/text.h"
#include "sql/server/dialect/array_text.h"
#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {

// SQLite refuses expressions deeper than 1000.
constexpr int kMaximumDepth = 900;

class Translator::DepthGuard {
 public:
  explicit DepthGuard(Translator* translator) : translator_(translator) {
    if (++translator_->depth_ > kMaximumDepth) {
      translator_->Fail("54001", "statement is nested too deeply");
    }
  }
  ~DepthGuard() { --translator_->depth_; }
  bool is_too_deep() const { return translator_->depth_ > kMaximumDepth; }

 private:
  Translator* translator_;
};

Expression Translator::Expr(const pg::Node* node) {
  const DepthGuard guard(this);
  if (guard.is_too_deep() || node == nullptr || error_) return {};
  switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST:
      return Constant(*node->a_const);
    case PG_QUERY__NODE__NODE_PARAM_REF:
      return Parameter(*node->param_ref);
    case PG_QUERY__NODE__NODE_COLUMN_REF:
      return Column(*node->column_ref);
    case PG_QUERY__NODE__NODE_A_EXPR:
      return Operator(*node->a_expr);
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
      return Logic(*node->bool_expr);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
      return Cast(*node->type_cast);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
      return Call(*node->func_call);
    case PG_QUERY__NODE__NODE_SUB_LINK:
      return Sublink(*node->sub_link);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
      return Case(*node->case_expr);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
      return Coalesce(*node->coalesce_expr);
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
      return MinMax(*node->min_max_expr);
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
      return ValueFunction(*node->sqlvalue_function);
    case PG_QUERY__NODE__NODE_NULL_TEST:
      return NullTest(*node->null_test);
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
      return BooleanTest(*node->boolean_test);
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
      return ArrayLiteral(*node->a_array_expr);
    case PG_QUERY__NODE__NODE_A_INDIRECTION:
      return Indirection(*node->a_indirection);
    case PG_QUERY__NODE__NODE_ROW_EXPR:
      return Row(*node->row_expr);
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
      return Collate(*node->collate_clause);
    default:
      Unsupported("this kind of expression");
      return {};
  }
}

std::vector<Expression> Translator::Exprs(std::span<pg::Node* const> nodes) {
  std::vector<Expression> expressions;
  for (const pg::Node* node : nodes) expressions.push_back(Expr(node));
  return expressions;
}

Expression Translator::ExprAs(const pg::Node* node, uint32_t type_oid) {
  Expression value = Expr(node);
  Coerce(&value, type_oid);
  return value;
}

Expression Translator::BooleanExpr(const pg::Node* node) { return ExprAs(node, kBoolOid); }

Expression Translator::Constant(const pg::AConst& constant) {
  Expression value;
  value.name = "?column?";
  value.not_null = true;
  if (constant.isnull) {
    value.sql = "NULL";
    value.is_untyped_literal = value.is_null = true;
    value.not_null = false;
    return value;
  }
  switch (constant.val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
      value.sql = std::to_string(constant.ival->ival);
      value.type_oid = kInt4Oid;
      break;
    case PG_QUERY__A__CONST__VAL_FVAL: {
      value.sql = NumberText(constant.fval->fval);
      const auto whole = base::ParseNumber<int64_t>(constant.fval->fval);
      const bool is_short = whole && *whole == static_cast<int32_t>(*whole);  // -2147483648 alone
      value.type_oid = is_short ? kInt4Oid : whole ? kInt8Oid : kNumericOid;
      break;
    }
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
      value.sql = constant.boolval->boolval ? "1" : "0";
      value.type_oid = kBoolOid;
      value.name = "bool";
      break;
    case PG_QUERY__A__CONST__VAL_SVAL:
      value.literal = constant.sval->sval;
      value.sql = Literal(value.literal);
      value.is_untyped_literal = true;
      break;
    default:
      Unsupported("a bit string", constant.location);
  }
  return value;
}

Expression Translator::Parameter(const pg::ParamRef& parameter) {
  constexpr int kMostParameters = 32766;  // SQLite's limit
  Expression value;
  value.name = "?column?";
  if (parameter.number < 1 || parameter.number > kMostParameters) {
    Fail("42P02", "there is no parameter $" + std::to_string(parameter.number), parameter.location);
    return value;
  }
  SetParameterType(parameter.number, 0);
  value.sql = "?" + std::to_string(parameter.number);
  value.parameter = parameter.number;
  value.type_oid = ParameterType(parameter.number);
  return value;
}

// ---- Columns ----

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

namespace {

const ScopeColumn* FindColumn(const ScopeRelation& relation, const std::string& name) {
  for (const ScopeColumn& column : relation.columns) {
    if (EqualIgnoringCase(column.name, name)) return &column;
  }
  return nullptr;
}

Expression ExpressionOf(const ScopeColumn& column) {
  Expression value;
  value.sql = column.sql;
  value.type_oid = column.type_oid;
  value.typmod = column.typmod;
  value.not_null = column.not_null;
  value.name = column.name;
  return value;
}

bool IsRowid(const std::string& name) { return name == "rowid" || name == "_rowid_"; }

}  // namespace

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

// ---- Conditions ----

Expression Translator::Logic(const pg::BoolExpr& expr) {
  Expression value;
  value.type_oid = kBoolOid;
  value.name = "?column?";
  const auto arguments = Items(expr.n_args, expr.args);
  if (expr.boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
    value.sql = "(NOT " + BooleanExpr(arguments[0]).sql + ")";
    return value;
  }
  const char* word = expr.boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR ? " AND " : " OR ";
  for (const pg::Node* argument : arguments) {
    if (!value.sql.empty()) value.sql += word;
    value.sql += BooleanExpr(argument).sql;
  }
  value.sql = "(" + value.sql + ")";
  return value;
}

Expression Translator::NullTest(const PgQuery__NullTest& test) {
  if (test.arg != nullptr && test.arg->node_case == PG_QUERY__NODE__NODE_ROW_EXPR) {
    Unsupported("IS NULL of a row", test.location);
  }
  Expression value;
  const bool is_null = test.nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL;
  value.sql = "(" + Expr(test.arg).sql + (is_null ? " IS NULL)" : " IS NOT NULL)");
  value.type_oid = kBoolOid;
  value.name = "?column?";
  value.not_null = true;
  return value;
}

Expression Translator::BooleanTest(const pg::BooleanTest& test) {
  Expression value;
  const std::string argument = BooleanExpr(test.arg).sql;
  const char* words = "";
  switch (test.booltesttype) {
    case PG_QUERY__BOOL_TEST_TYPE__IS_TRUE:
      words = " IS TRUE)";
      break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE:
      words = " IS NOT TRUE)";
      break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_FALSE:
      words = " IS FALSE)";
      break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE:
      words = " IS NOT FALSE)";
      break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN:
      words = " IS NULL)";
      break;
    default:
      words = " IS NOT NULL)";
  }
  value.sql = "(" + argument + words;
  value.type_oid = kBoolOid;
  value.name = "?column?";
  value.not_null = true;
  return value;
}

namespace {

// Whether a column of a query is called after the expression: a column, a function, or what is
// around one. (parse_target.c of PostgreSQL, FigureColname)
bool NamesColumn(const pg::Node* node) {
  switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
    case PG_QUERY__NODE__NODE_FUNC_CALL:
    case PG_QUERY__NODE__NODE_SUB_LINK:
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
    case PG_QUERY__NODE__NODE_ROW_EXPR:
      return true;
    case PG_QUERY__NODE__NODE_A_EXPR:
      return node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
      return NamesColumn(node->type_cast->arg);
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
      return NamesColumn(node->collate_clause->arg);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
      return node->case_expr->defresult != nullptr && NamesColumn(node->case_expr->defresult);
    default:
      return false;
  }
}

}  // namespace

Expression Translator::Case(const pg::CaseExpr& expr) {
  Expression value;
  value.name = "case";
  std::string head = "CASE";
  Expression argument;
  if (expr.arg != nullptr) argument = Expr(expr.arg);
  std::vector<std::string> conditions;
  std::vector<Expression> results;
  for (const pg::Node* node : Items(expr.n_args, expr.args)) {
    const PgQuery__CaseWhen& when = *node->case_when;
    if (expr.arg != nullptr) {
      Expression candidate = Expr(when.expr);
      CoerceEachOther(&argument, &candidate, when.location);
      conditions.push_back(candidate.sql);
    } else {
      conditions.push_back(BooleanExpr(when.expr).sql);
    }
    results.push_back(Expr(when.result));
  }
  if (expr.defresult != nullptr) results.push_back(Expr(expr.defresult));
  value.type_oid = CommonType(results, expr.location);
  if (expr.arg != nullptr) head += " " + argument.sql;
  for (size_t i = 0; i < conditions.size(); ++i) {
    head += " WHEN " + conditions[i] + " THEN " + results[i].sql;
  }
  if (expr.defresult != nullptr) {
    head += " ELSE " + results.back().sql;
    if (NamesColumn(expr.defresult)) value.name = results.back().name;
  }
  value.sql = head + " END";
  return value;
}

namespace {

std::string Joined(const std::vector<Expression>& values) {
  std::string joined;
  for (const Expression& value : values) {
    if (!joined.empty()) joined += ", ";
    joined += value.sql;
  }
  return joined;
}

}  // namespace

Expression Translator::Coalesce(const pg::CoalesceExpr& expr) {
  std::vector<Expression> arguments = Exprs(Items(expr.n_args, expr.args));
  Expression value;
  value.name = "coalesce";
  value.type_oid = CommonType(arguments, expr.location);
  for (const Expression& argument : arguments) value.not_null |= argument.not_null;
  value.sql =
      arguments.size() == 1 ? "(" + arguments[0].sql + ")" : "coalesce(" + Joined(arguments) + ")";
  return value;
}

Expression Translator::MinMax(const pg::MinMaxExpr& expr) {
  std::vector<Expression> arguments = Exprs(Items(expr.n_args, expr.args));
  const bool greatest = expr.op == PG_QUERY__MIN_MAX_OP__IS_GREATEST;
  Expression value;
  value.name = greatest ? "greatest" : "least";
  value.type_oid = CommonType(arguments, expr.location);
  value.sql = (greatest ? "pg_greatest(" : "pg_least(") + Joined(arguments) + ")";
  return value;
}

Expression Translator::Row(const pg::RowExpr& row) {
  Expression value;
  value.name = "row";
  value.type_oid = kRecordOid;
  value.sql = "(" + Joined(Exprs(Items(row.n_args, row.args))) + ")";
  return value;
}

Expression Translator::Collate(const PgQuery__CollateClause& collate) {
  Expression value = Expr(collate.arg);
  if (value.is_untyped_literal) Coerce(&value, kTextOid);
  const std::string name = Lower(StringsOf(Items(collate.n_collname, collate.collname)).back());
  if (name == "default" || name == "c" || name == "posix" || name == "ucs_basic") return value;
  if (name != "nocase" && name != "rtrim" && name != "binary") {
    Fail("42704", "collation \"" + name + "\" does not exist", collate.location);
  }
  value.sql = "(" + value.sql + " COLLATE " + name + ")";
  return value;
}

Expression Translator::ValueFunction(const pg::SQLValueFunction& function) {
  Expression value;
  value.not_null = true;
  const auto set = [&](const char* name, const char* sql, uint32_t type_oid) {
    value.name = name;
    value.sql = sql;
    value.type_oid = type_oid;
  };
  switch (function.op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE:
      set("current_date", in_definition_ ? "CURRENT_DATE" : "pg_current_date()", kDateOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME_N:
      set("current_time", in_definition_ ? "CURRENT_TIME" : "substr(now(), 12)", kTimetzOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME_N:
      set("localtime", in_definition_ ? "CURRENT_TIME" : "substr(now(), 12)", kTimeOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N:
      set("current_timestamp", in_definition_ ? "CURRENT_TIMESTAMP" : "now()", kTimestamptzOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N:
      set("localtimestamp", in_definition_ ? "CURRENT_TIMESTAMP" : "now()", kTimestampOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_CATALOG:
      set("current_catalog", "current_database()", kNameOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_SCHEMA:
      set("current_schema", "current_schema()", kNameOid);
      break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_SESSION_USER:
      set("session_user", "pg_session_user()", kNameOid);
      break;
    default:
      set("current_user", "pg_session_user()", kNameOid);
  }
  return value;
}

// ---- Sub-queries and arrays ----

namespace {

// Three-valued ANY and ALL over the column `c` of `rows`.
std::string Quantified(const std::string& rows, bool all) {
  const char* decided = all ? "WHEN count(c) > total(c) THEN 0" : "WHEN total(c) > 0 THEN 1";
  const char* otherwise = all ? "1" : "0";
  return std::string("(SELECT CASE ") + decided + " WHEN count(*) > count(c) THEN NULL ELSE " +
         otherwise + " END FROM (" + rows + "))";
}

}  // namespace

Expression Translator::Sublink(const pg::SubLink& link) {
  if (link.subselect->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
    Unsupported("a statement that is no query here", link.location);
    return {};
  }
  QueryText query = Query(*link.subselect->select_stmt);
  Expression value;
  value.name = "?column?";
  if (error_) return value;
  const bool has_column = query.is_known && query.columns.size() == 1;
  switch (link.sub_link_type) {
    case PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK:
      value.sql = "EXISTS (" + query.sql + ")";
      value.type_oid = kBoolOid;
      value.name = "exists";
      value.not_null = true;
      return value;
    case PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK:
      value.sql = "(" + query.sql + ")";
      if (has_column) {
        value.type_oid = query.columns[0].type_oid;
        value.typmod = query.columns[0].typmod;
        value.name = query.columns[0].name;
      }
      return value;
    case PG_QUERY__SUB_LINK_TYPE__ARRAY_SUBLINK:
      return ArrayOfQuery(query, link.location);
    case PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK:
    case PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK:
      return QuantifiedSublink(link, std::move(query));
    default:
      Unsupported("this kind of sub-query", link.location);
      return value;
  }
}

Expression Translator::ArrayOfQuery(const QueryText& query, int location) {
  Expression value;
  value.name = "array";
  if (!query.is_known || query.columns.size() != 1) {
    Fail("42601", "subquery must return only one column", location);
    return value;
  }
  const Expression& column = query.columns[0];
  value.sql =
      "(SELECT pg_array_agg_or_empty(" + Quoted(column.name) + ") FROM (" + query.sql + "))";
  const TypeInfo* type = FindType(column.type_oid);
  value.type_oid = type != nullptr && type->array_oid != 0 ? type->array_oid : kTextArrayOid;
  value.not_null = true;
  return value;
}

Expression Translator::QuantifiedSublink(const pg::SubLink& link, QueryText query) {
  const bool all = link.sub_link_type == PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK;
  const auto names = StringsOf(Items(link.n_oper_name, link.oper_name));
  const std::string op = names.empty() ? "=" : names.back();
  Expression left = Expr(link.testexpr);
  if (query.is_known && query.columns.size() == 1) {
    Coerce(&left, query.columns[0].type_oid != 0 ? query.columns[0].type_oid : kTextOid);
  }
  Expression value;
  value.type_oid = kBoolOid;
  value.name = "?column?";
  if (!all && op == "=") {
    value.sql = "(" + left.sql + " IN (" + query.sql + "))";
  } else if (all && op == "<>") {
    value.sql = "(" + left.sql + " NOT IN (" + query.sql + "))";
  } else if (query.is_known && query.columns.size() == 1) {
    // A name of its own: what the left side means must not be a column of the query's.
    Expression element = query.columns[0];
    element.sql = "element_" + std::to_string(++generated_names_);
    element.is_untyped_literal = false;
    const Expression compared = BinaryOperator(op, left, element, link.location);
    value.sql = Quantified("WITH elements(" + element.sql + ") AS (" + query.sql + ") SELECT " +
                               compared.sql + " AS c FROM elements",
                           all);
  } else {
    Unsupported("this comparison with a sub-query", link.location);
  }
  return value;
}

Expression Translator::AnyOrAll(const pg::AExpr& expr) {
  const bool all = expr.kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL;
  const std::string op = StringsOf(Items(expr.n_name, expr.name)).back();
  return Membership(op, Expr(expr.lexpr), expr.rexpr, all, expr.location);
}

Expression Translator::Membership(const std::string& op, Expression left, const pg::Node* array,
                                  bool all, int location) {
  Expression right = Expr(array);
  Expression value;
  value.type_oid = kBoolOid;
  value.name = "?column?";
  if (right.type_oid == 0) {  // '{1,2}' or $1: an array of what it is compared with
    const TypeInfo* type = FindType(left.type_oid);
    Coerce(&right, type != nullptr && type->array_oid != 0 ? type->array_oid : kTextArrayOid);
  }
  const TypeInfo* type = FindType(right.type_oid);
  if (type == nullptr || type->element_oid == 0) {
    if (right.type_oid != kAnyArrayOid) {
      Fail("42809", "op ANY/ALL (array) requires array on right side", location);
      return value;
    }
  }
  const uint32_t element_oid = type->element_oid != 0 ? type->element_oid : kTextOid;
  Coerce(&left, element_oid, location);
  const bool is_in = !all && op == "=";
  if (is_in || (all && (op == "<>" || op == "!="))) {
    value.sql = "(" + left.sql + (is_in ? " IN (" : " NOT IN (") +
                ElementsOf(right, element_oid, location) + "))";
    return value;
  }
  Expression element;
  element.sql = "element_" + std::to_string(++generated_names_);
  element.type_oid = element_oid;
  const Expression compared = BinaryOperator(op, left, element, location);
  value.sql =
      Quantified("SELECT " + compared.sql + " AS c FROM (SELECT value AS " + element.sql +
                     " FROM pg_elements(" + right.sql + ", " + std::to_string(element_oid) + "))",
                 all);
  return value;
}

// What stands between the parentheses of IN: the elements of a literal, or a query over them.
std::string Translator::ElementsOf(const Expression& array, uint32_t element_oid, int location) {
  if (array.is_array_list) return array.literal;
  if (array.is_array_literal) {
    std::string list;
    const auto elements = ParseArray(array.literal);
    if (!elements) {
      Fail("22P02", "malformed array literal: \"" + array.literal + "\"", location);
      return list;
    }
    for (const auto& element : *elements) {
      if (!list.empty()) list += ", ";
      list += element ? TypedLiteral(*element, element_oid, location).sql : "NULL";
    }
    return list;
  }
  return "SELECT value FROM pg_elements(" + array.sql + ", " + std::to_string(element_oid) + ")";
}

Expression Translator::ArrayLiteral(const pg::AArrayExpr& array) {
  std::vector<Expression> elements = Exprs(Items(array.n_elements, array.elements));
  const uint32_t element_oid = CommonType(elements, array.location);
  const TypeInfo* type = FindType(element_oid);
  Expression value;
  value.name = "array";
  value.not_null = true;
  value.type_oid = type != nullptr && type->array_oid != 0 ? type->array_oid : kTextArrayOid;
  value.literal = Joined(elements);
  value.is_array_list = true;
  value.sql = "pg_array(" + value.literal + ")";
  return value;
}

// array[i], and (composite).field where the composite is one of ours.
// Arrays are kept as text, and so are their elements: numbers and truth are made of them.
Expression Translator::ArrayElement(Expression array, const Expression& place) {
  const TypeInfo* type = FindType(array.type_oid);
  const uint32_t element_oid = type != nullptr ? type->element_oid : 0;
  Expression element;
  element.name = array.name;
  element.sql = "pg_array_element(" + array.sql + ", " + place.sql + ")";
  element.type_oid = kTextOid;
  const TypeClass c = TypeClassOf(element_oid);
  if (IsNumber(c) || c == TypeClass::kBool) return CastTo(std::move(element), element_oid, -1, -1);
  element.type_oid = element_oid;
  return element;
}

Expression Translator::Indirection(const pg::AIndirection& indirection) {
  Expression value = Expr(indirection.arg);
  for (const pg::Node* step : Items(indirection.n_indirection, indirection.indirection)) {
    if (step->node_case == PG_QUERY__NODE__NODE_STRING) {
      value.sql = "json_extract(" + value.sql + ", " +
                  Literal("$." + std::string(step->string->sval)) + ")";
      value.type_oid = kInt4Oid;
      value.name = step->string->sval;
    } else if (step->node_case == PG_QUERY__NODE__NODE_A_INDICES && !step->a_indices->is_slice) {
      value = ArrayElement(std::move(value), Expr(step->a_indices->uidx));
    } else {
      Unsupported("this kind of subscript");
    }
    value.is_array_list = value.is_array_literal = value.is_untyped_literal = false;
  }
  return value;
}

}  // namespace sibyl::sql::server
