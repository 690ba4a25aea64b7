// Calls of functions: those that are written alike, those that are not, aggregates and windows.

#include <utility>

#include "sql/server/dialect/functions.h"
#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

bool IsSetReturning(const std::string& name) {
  return name == "unnest" || name == "generate_series" || name == "generate_subscripts" ||
         name == "_pg_expandarray";
}

uint32_t ResultType(const KnownFunction& function, const std::vector<Expression>& arguments) {
  const uint32_t first = arguments.empty() ? 0 : arguments[0].type_oid;
  const TypeInfo* type = FindType(first);
  switch (function.type_oid) {
    case kSameAsArgument:
      return first;
    case kSumOfArgument:
      if (first == kInt8Oid) return kNumericOid;
      return TypeClassOf(first) == TypeClass::kInteger ? kInt8Oid : first;
    case kBytesOrText:
      return first == kByteaOid ? kByteaOid : kTextOid;
    case kAverageOfArgument:
      return TypeClassOf(first) == TypeClass::kReal ? kFloat8Oid : kNumericOid;
    case kArrayOfArgument:
      return type != nullptr && type->array_oid != 0 ? type->array_oid : kTextArrayOid;
    case kElementOfArgument:
      return type != nullptr ? type->element_oid : 0;
    default:
      return function.type_oid;
  }
}

bool GivesNoNull(std::string_view name) {
  return name == "count" || name == "row_number" || name == "rank" || name == "now" ||
         name == "random" || name == "version" || name == "dense_rank";
}

}  // namespace

Expression Translator::Call(const pg::FuncCall& call) {
  const auto names = StringsOf(Items(call.n_funcname, call.funcname));
  const std::string name = names.back();
  if (names.size() > 1 && names[0] != "pg_catalog" && names[0] != "public" &&
      names[0] != "information_schema") {
    Fail("3F000", "schema \"" + names[0] + "\" does not exist", call.location);
  }
  if (call.func_variadic) Unsupported("VARIADIC", call.location);
  if (call.agg_within_group) Unsupported("WITHIN GROUP", call.location);
  std::vector<Expression> arguments;
  for (const pg::Node* node : Items(call.n_args, call.args)) {
    if (node->node_case == PG_QUERY__NODE__NODE_NAMED_ARG_EXPR) {
      Unsupported("a named argument", call.location);
    }
    arguments.push_back(Expr(node));
  }
  if (error_) return {};
  if (IsSetReturning(name)) return SetReturningColumn(name, std::move(arguments));
  if (auto special = SpecialCall(name, call, &arguments)) return *std::move(special);
  return KnownCall(name, call, std::move(arguments));
}

// What the grammar has a syntax of its own for, and what depends on types.
std::optional<Expression> Translator::SpecialCall(const std::string& name, const pg::FuncCall& call,
                                                  std::vector<Expression>* arguments) {
  Expression value;
  value.name = name;
  const size_t count = arguments->size();
  if ((name == "extract" || name == "date_part") && count == 2) {
    return Extract(name, std::move((*arguments)[0]), std::move((*arguments)[1]));
  }
  if (name == "date_trunc" && count >= 2) {
    if ((*arguments)[1].type_class() == TypeClass::kInterval) {
      Unsupported("date_trunc of an interval", call.location);
    }
    Coerce(&(*arguments)[1], kTimestamptzOid, call.location);
    Expression result = KnownCall(name, call, *arguments);
    const bool is_date = (*arguments)[1].type_oid == kDateOid;
    result.type_oid = is_date ? kTimestamptzOid : (*arguments)[1].type_oid;
    return result;
  }
  if (name == "timezone" && count == 2) return AtTimeZone(std::move(*arguments), call.location);
  if (name == "to_timestamp" && count == 2) {
    Unsupported("to_timestamp with a format", call.location);
    return value;
  }
  if ((name == "to_char" || name == "age") && count >= 1) {
    const TypeClass c = (*arguments)[0].type_class();
    if (name == "to_char" && c != TypeClass::kTimestamp && c != TypeClass::kDate) {
      Unsupported("to_char of anything but a date or timestamp", call.location);
      return value;
    }
  }
  if (name == "overlay" || name == "normalize" || name == "nextval" || name == "setval" ||
      name == "to_date") {
    Unsupported("function " + name + "()", call.location);
    return value;
  }
  if (name == "currval" && count == 1) {
    value.sql = "pg_currval(pg_regclass_in(" + (*arguments)[0].sql + "))";
    value.type_oid = kInt8Oid;
    return value;
  }
  if (name == "pg_typeof" && count == 1) {
    value.sql = Literal(FormatType((*arguments)[0].type_oid, -1));
    value.type_oid = kTextOid;
    return value;
  }
  if (name == "substring" && count >= 2 &&
      ((*arguments)[1].is_untyped_literal || (*arguments)[1].type_class() == TypeClass::kText)) {
    return SubstringByPattern(std::move(*arguments), call.location);
  }
  if (name == "round" && count == 1 && (*arguments)[0].type_class() == TypeClass::kReal) {
    value.sql = "pg_round_real(" + (*arguments)[0].sql + ")";
    value.type_oid = kFloat8Oid;
    return value;
  }
  if (name == "abs" && count == 1 && (*arguments)[0].type_class() == TypeClass::kInteger) {
    value.sql = InRange("abs(" + (*arguments)[0].sql + ")", (*arguments)[0].type_oid);
    value.type_oid = (*arguments)[0].type_oid;
    return value;
  }
  if (name == "array_append" || name == "array_prepend" || name == "array_cat") {
    if (count == 2) return ArrayConcatenation((*arguments)[0], (*arguments)[1]);
  }
  if (name == "to_hex" && count == 1 && (*arguments)[0].type_oid == kInt4Oid) {
    value.sql = "pg_to_hex(" + (*arguments)[0].sql + " & 4294967295)";
    value.type_oid = kTextOid;
    return value;
  }
  return std::nullopt;
}

Expression Translator::SubstringByPattern(std::vector<Expression> arguments, int location) {
  if (arguments.size() > 2) Unsupported("substring by a pattern of SQL", location);
  Expression value;
  value.name = "substring";
  for (Expression& argument : arguments) Coerce(&argument, kTextOid);
  value.sql = "pg_substring_by_pattern(" + Joined(arguments) + ")";
  value.type_oid = kTextOid;
  return value;
}

Expression Translator::Extract(const std::string& name, Expression field, Expression source) {
  Coerce(&field, kTextOid);
  Coerce(&source, kTimestamptzOid);
  const TypeClass c = source.type_class();
  Expression value;
  value.name = name;
  const char* function = c == TypeClass::kInterval ? "pg_extract_interval(" : "pg_extract(";
  value.sql = function + field.sql + ", " + source.sql + ")";
  value.type_oid = name == "extract" ? kNumericOid : kFloat8Oid;
  return value;
}

// Times are kept in UTC, and that is the one zone there is.
Expression Translator::AtTimeZone(std::vector<Expression> arguments, int location) {
  const std::string zone = Lower(arguments[0].literal);
  if (zone != "utc" && zone != "gmt" && zone != "etc/utc" && zone != "zulu") {
    Unsupported("a time zone other than UTC", location);
  }
  Expression value = std::move(arguments[1]);
  Coerce(&value, kTimestamptzOid);
  value.type_oid = value.type_oid == kTimestamptzOid ? kTimestampOid : kTimestamptzOid;
  value.name = "timezone";
  return value;
}

Expression Translator::KnownCall(const std::string& name, const pg::FuncCall& call,
                                 std::vector<Expression> arguments) {
  const KnownFunction* function = FindFunction(name);
  Expression value;
  value.name = name;
  for (Expression& argument : arguments) {
    if (function != nullptr && argument.type_oid == 0) Coerce(&argument, function->argument_oid);
    // Literals and parameters among what takes anything.
    if (function == nullptr) Coerce(&argument, kTextOid);
  }
  if (function != nullptr) {
    value.type_oid = ResultType(*function, arguments);
    value.not_null = GivesNoNull(name);
  }
  const bool makes_jsonb = function != nullptr && function->type_oid == kJsonbOid;
  if (makes_jsonb || (function != nullptr && function->type_oid == kJsonOid)) {
    for (Expression& argument : arguments) argument = JsonArgument(std::move(argument));
  }
  const bool text_of = name == "string_agg" || name == "concat" || name == "concat_ws";
  for (Expression& argument : arguments) {
    if (text_of && argument.type_class() == TypeClass::kBool) {  // 't', not 'true' as a cast gives
      argument.sql = "CASE " + argument.sql + " WHEN 0 THEN 'f' WHEN 1 THEN 't' END";
    } else if (text_of && argument.type_class() != TypeClass::kText && argument.type_oid != 0) {
      argument = CastTo(std::move(argument), kTextOid, -1, call.location);
    }
  }
  if (call.n_agg_order > 0) return OrderedAggregate(name, call, std::move(arguments));
  const std::string sql_name = function != nullptr ? function->sql_name : Quoted(name);
  if (name == "avg" || (name == "sum" && arguments.size() == 1)) {
    const TypeClass c = arguments.empty() ? TypeClass::kUnknown : arguments[0].type_class();
    if (c == TypeClass::kInterval || c == TypeClass::kText) {
      Unsupported(name + " of this type", call.location);
    }
  }
  std::string list = call.agg_star ? "*" : Joined(arguments);
  if (call.agg_distinct) {
    if (arguments.size() > 1) Unsupported("DISTINCT with several arguments", call.location);
    list = "DISTINCT " + list;
  }
  value.sql = sql_name + "(" + list + ")";
  if (call.agg_filter != nullptr) {
    value.sql += " FILTER (WHERE " + BooleanExpr(call.agg_filter).sql + ")";
  }
  if (call.over != nullptr) value.sql += " OVER " + Window(*call.over);
  if (makes_jsonb) value.sql = "pg_jsonb(" + value.sql + ")";
  const bool adds = name == "sum" || name == "avg";
  if (adds && value.type_oid == kNumericOid) value.sql = ExactNumeric(value.sql);
  return value;
}

// Truth and JSON within JSON are not numbers and texts.
Expression Translator::JsonArgument(Expression value) {
  if (value.type_class() == TypeClass::kReal || value.type_class() == TypeClass::kNumeric) {
    value.sql = "json(pg_to_text(" + value.sql + "))";  // 1, not 1.0
  } else if (value.type_class() == TypeClass::kBool) {
    value.sql = "json(CASE " + value.sql + " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)";
  } else if (value.type_oid == kJsonOid || value.type_oid == kJsonbOid) {
    value.sql = "json(" + value.sql + ")";
  } else if (value.type_class() == TypeClass::kArray) {
    const TypeInfo* type = FindType(value.type_oid);
    const uint32_t element = type != nullptr ? type->element_oid : 0;
    const TypeClass c = TypeClassOf(element);
    const bool as_is = IsNumber(c) || element == kJsonOid || element == kJsonbOid;
    value.sql = "pg_json_of_array(" + value.sql + ", " +
                (as_is                   ? "'j'"
                 : c == TypeClass::kBool ? "'b'"
                                         : "'s'") +
                ")";
  } else if (value.type_class() == TypeClass::kText) {
    value.sql = "(" + value.sql + " || '')";  // text that is JSON is text
  }
  return value;
}

// array_agg(x ORDER BY y), string_agg: our own aggregates sort what they were given at the end.
Expression Translator::OrderedAggregate(const std::string& name, const pg::FuncCall& call,
                                        std::vector<Expression> arguments) {
  Expression value;
  value.name = name;
  const bool is_array = name == "array_agg";
  if ((!is_array && name != "string_agg") || call.agg_distinct || call.over != nullptr) {
    Unsupported("ORDER BY in this aggregate", call.location);
    return value;
  }
  const TypeInfo* type = FindType(arguments.empty() ? 0 : arguments[0].type_oid);
  value.type_oid = !is_array                                 ? kTextOid
                   : type != nullptr && type->array_oid != 0 ? type->array_oid
                                                             : kTextArrayOid;
  std::string directions;
  std::string keys;
  for (const pg::Node* node : Items(call.n_agg_order, call.agg_order)) {
    const pg::SortBy& item = *node->sort_by;
    const bool descending = item.sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
    if (item.sortby_nulls != PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_DEFAULT) {
      Unsupported("NULLS FIRST or LAST in an aggregate", call.location);
    }
    directions += descending ? 'd' : 'a';
    keys += ", " + Expr(item.node).sql;
  }
  value.sql = std::string(is_array ? "pg_ordered_array_agg(" : "pg_ordered_string_agg(") +
              Literal(directions) + ", " + Joined(arguments) + keys + ")";
  if (call.agg_filter != nullptr) {
    value.sql += " FILTER (WHERE " + BooleanExpr(call.agg_filter).sql + ")";
  }
  return value;
}

// unnest() and others in the list of columns: a join with the function, in step with one another.
Expression Translator::SetReturningColumn(const std::string& name,
                                          std::vector<Expression> arguments) {
  Expression value;
  value.name = name;
  if (scope_ == nullptr) {
    Unsupported("function " + name + "() here");
    return value;
  }
  const std::string alias = "rows_" + std::to_string(++generated_names_);
  ScopeRelation relation;
  std::string sql = TableFunctionSql(name, &arguments, &relation);
  sql += " AS " + Quoted(alias);
  if (!scope_->extra_from.empty()) {
    sql = " JOIN " + sql + " ON " + Quoted(alias) + ".ordinality = " + Quoted(scope_->first_extra) +
          ".ordinality";
    scope_->extra_from.back() += sql;
  } else {
    scope_->first_extra = alias;
    scope_->extra_from.push_back(sql);
  }
  if (name == "_pg_expandarray") {
    value.sql = "json_object('x', " + Quoted(alias) + ".x, 'n', " + Quoted(alias) + ".n)";
    value.type_oid = kRecordOid;
  } else {
    value.sql = Quoted(alias) + ".value";
    value.type_oid = relation.columns.empty() ? 0 : relation.columns[0].type_oid;
  }
  return value;
}

// ---- Windows ----

std::string Translator::Window(const pg::WindowDef& window) {
  if (window.name[0] != '\0') return Quoted(window.name);
  return "(" + WindowBody(window) + ")";
}

namespace {

// FRAMEOPTION_* of PostgreSQL's parsenodes.h.
constexpr int kNonDefault = 0x1;
constexpr int kRange = 0x2;
constexpr int kRows = 0x4;
constexpr int kStartUnboundedPreceding = 0x20;
constexpr int kEndUnboundedFollowing = 0x100;
constexpr int kStartCurrentRow = 0x200;
constexpr int kEndCurrentRow = 0x400;
constexpr int kStartOffsetPreceding = 0x800;
constexpr int kEndOffsetPreceding = 0x1000;
constexpr int kExcludeCurrentRow = 0x8000;
constexpr int kExcludeGroup = 0x10000;
constexpr int kExcludeTies = 0x20000;

}  // namespace

std::string Translator::WindowBody(const pg::WindowDef& window) {
  std::string text = window.refname[0] != '\0' ? Quoted(window.refname) : "";
  std::string partition;
  for (const pg::Node* node : Items(window.n_partition_clause, window.partition_clause)) {
    partition += (partition.empty() ? "PARTITION BY " : ", ") + Expr(node).sql;
  }
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : " ") + part;
  };
  add(partition);
  const std::string order = OrderBy(Items(window.n_order_clause, window.order_clause), nullptr);
  add(order.empty() ? "" : order.substr(1));
  const int options = window.frame_options;
  if ((options & kNonDefault) == 0) return text;
  const auto bound = [&](int unbounded, const char* unbounded_words, int current, int preceding,
                         const pg::Node* offset) -> std::string {
    if (options & unbounded) return unbounded_words;
    if (options & current) return "CURRENT ROW";
    const Expression distance = ExprAs(offset, kInt8Oid);
    return distance.sql + ((options & preceding) != 0 ? " PRECEDING" : " FOLLOWING");
  };
  add((options & kRows) != 0 ? "ROWS" : (options & kRange) != 0 ? "RANGE" : "GROUPS");
  add("BETWEEN " +
      bound(kStartUnboundedPreceding, "UNBOUNDED PRECEDING", kStartCurrentRow,
            kStartOffsetPreceding, window.start_offset) +
      " AND " +
      bound(kEndUnboundedFollowing, "UNBOUNDED FOLLOWING", kEndCurrentRow, kEndOffsetPreceding,
            window.end_offset));
  if (options & kExcludeCurrentRow) add("EXCLUDE CURRENT ROW");
  if (options & kExcludeGroup) add("EXCLUDE GROUP");
  if (options & kExcludeTies) add("EXCLUDE TIES");
  return text;
}

}  // namespace sibyl::sql::server
