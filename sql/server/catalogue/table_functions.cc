// Functions that give rows: unnest, generate_series, EXPLAIN. Eponymous virtual tables with hidden
// columns for their arguments, and one, `ordinality`, that counts the rows from 1.

#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "base/text.h"
#include "sql/eponymous_table.h"
#include "sql/point_plan.h"
#include "sql/server/catalogue/function_support.h"
#include "sql/server/catalogue/query.h"
#include "sql/server/catalogue/relations.h"
#include "sql/server/catalogue/sqlite_values.h"
#include "sql/server/dialect/array_text.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {
namespace {

struct RowsOrError {
  std::vector<Row> rows;
  std::string error;  // with its SQLSTATE; empty: none
};

struct TableFunction {
  const char* name;
  std::array<const char*, 2> columns;  // nullptr: fewer
  int arguments;
  RowsOrError (*rows)(sqlite3* db, const std::vector<Value>& arguments);
};

// ---- Rows ----

const std::string* TextOf(const std::vector<Value>& arguments, size_t i) {
  return i < arguments.size() ? std::get_if<std::string>(&arguments[i]) : nullptr;
}

std::optional<int64_t> IntegerOf(const std::vector<Value>& arguments, size_t i) {
  if (i >= arguments.size()) return std::nullopt;
  if (const auto* number = std::get_if<int64_t>(&arguments[i])) return *number;
  if (const auto* real = std::get_if<double>(&arguments[i])) return std::llround(*real);
  return std::nullopt;
}

// An element as a value of its type.
Value ElementValue(const std::optional<std::string>& element, uint32_t type_oid) {
  if (!element) return {};
  const TypeClass c = TypeClassOf(type_oid);
  if (c == TypeClass::kBool) {
    return int64_t{!element->empty() && ((*element)[0] == 't' || *element == "1") ? 1 : 0};
  }
  if (!IsNumber(c)) return *element;
  if (const auto number = base::ParseNumber<int64_t>(*element)) return *number;
  const auto real = base::ParseNumber<double>(*element);
  return real ? Value(*real) : Value(*element);
}

RowsOrError Elements(const std::vector<Value>& arguments) {
  RowsOrError result;
  std::string text;
  if (const std::string* own = TextOf(arguments, 0)) text = *own;
  // A vector of one number may have come as that number.
  if (const auto number = IntegerOf(arguments, 0)) text = std::to_string(*number);
  const auto elements = ParseArray(text);
  if (!elements) {
    result.error = "22P02: malformed array literal: \"" + text + "\"";
    return result;
  }
  const auto type_oid = static_cast<uint32_t>(IntegerOf(arguments, 1).value_or(0));
  for (const auto& element : *elements) result.rows.push_back({ElementValue(element, type_oid)});
  return result;
}

bool IsNullArgument(const std::vector<Value>& arguments) {
  return arguments.empty() || std::holds_alternative<std::monostate>(arguments[0]);
}

RowsOrError Unnest(sqlite3*, const std::vector<Value>& arguments) {
  return IsNullArgument(arguments) ? RowsOrError{} : Elements(arguments);
}

// For ANY and ALL: to be in no array at all is not known, so a NULL stands for it.
RowsOrError ElementsForMembership(sqlite3*, const std::vector<Value>& arguments) {
  if (IsNullArgument(arguments)) return {{{Value()}}, ""};
  return Elements(arguments);
}

constexpr size_t kMostRows = 10'000'000;

RowsOrError GenerateSeries(sqlite3*, const std::vector<Value>& arguments) {
  const auto first = IntegerOf(arguments, 0);
  const auto last = IntegerOf(arguments, 1);
  const bool has_step =
      arguments.size() > 2 && !std::holds_alternative<std::monostate>(arguments[2]);
  const int64_t step = has_step ? IntegerOf(arguments, 2).value_or(1) : 1;
  RowsOrError result;
  if (!first || !last) return result;
  if (step == 0) return {{}, "22023: step size cannot equal zero"};
  int64_t value = *first;
  while (step > 0 ? value <= *last : value >= *last) {
    if (result.rows.size() == kMostRows) return {{}, "54000: generate_series gives too many rows"};
    result.rows.push_back({Value(value)});
    if (__builtin_add_overflow(value, step, &value)) break;
  }
  return result;
}

RowsOrError GenerateSubscripts(sqlite3*, const std::vector<Value>& arguments) {
  RowsOrError result = IsNullArgument(arguments) ? RowsOrError{} : Elements(arguments);
  const std::string* text = TextOf(arguments, 0);
  const int64_t lower = text != nullptr && text->starts_with('{') ? 1 : 0;
  int64_t number = lower;
  for (Row& row : result.rows) row = {Value(number++)};
  return result;
}

RowsOrError ExpandArray(sqlite3* db, const std::vector<Value>& arguments) {
  constexpr int64_t kInteger = 20;
  RowsOrError result =
      IsNullArgument(arguments) ? RowsOrError{} : Elements({arguments[0], Value(kInteger)});
  static_cast<void>(db);
  int64_t number = 0;
  for (Row& row : result.rows) row.push_back(Value(++number));
  return result;
}

// A plan as PostgreSQL prints one; the first line has numbers for clients that read estimates.
RowsOrError Explain(sqlite3* db, const std::vector<Value>& arguments) {
  RowsOrError result;
  const std::string* sql = TextOf(arguments, 0);
  if (sql == nullptr) return result;
  CatalogueQuery plan(db, "EXPLAIN QUERY PLAN " + *sql);
  if (!plan.is_prepared()) {
    return {{}, std::string("42601: ") + sqlite3_errmsg(db)};
  }
  while (plan.Step()) {
    std::string line = plan.Text(3);
    if (result.rows.empty()) {
      const bool one = line.find("rowid=?") != std::string::npos;
      line +=
          one ? "  (cost=0.00..8.17 rows=1 width=64)" : "  (cost=0.00..100.00 rows=1000 width=64)";
    } else {
      line.insert(0, "  ->  ");
    }
    result.rows.push_back({Value(line)});
  }
  if (result.rows.empty())
    result.rows.push_back({Value("Result  (cost=0.00..0.01 rows=1 width=4)")});
  return result;
}

// There are no partitions, nor options of foreign tables.
RowsOrError NoRows(sqlite3*, const std::vector<Value>&) { return {}; }

// SQLite's keywords: what must be quoted.
RowsOrError Keywords(sqlite3*, const std::vector<Value>&) {
  RowsOrError result;
  for (int i = 0; i < sqlite3_keyword_count(); ++i) {
    const char* word = nullptr;
    int length = 0;
    if (sqlite3_keyword_name(i, &word, &length) != SQLITE_OK) continue;
    std::string lower(word, static_cast<size_t>(length));
    for (char& c : lower) c = static_cast<char>(c | 0x20);
    result.rows.push_back({Value(lower), Value(std::string("R"))});
  }
  return result;
}

constexpr std::array kFunctions = {
    TableFunction{SIBYL_ELEMENTS_FUNCTION, {"value", nullptr}, 2, ElementsForMembership},
    TableFunction{"pg_expandarray", {"x", "n"}, 1, ExpandArray},
    TableFunction{"pg_explain", {"line", nullptr}, 1, Explain},
    TableFunction{"pg_generate_series", {"value", nullptr}, 3, GenerateSeries},
    TableFunction{"pg_generate_subscripts", {"value", nullptr}, 2, GenerateSubscripts},
    TableFunction{"pg_get_keywords", {"word", "catcode"}, 0, Keywords},
    TableFunction{"pg_options_to_table", {"option_name", "option_value"}, 1, NoRows},
    TableFunction{"pg_partition_ancestors", {"relid", nullptr}, 1, NoRows},
    TableFunction{"pg_unnest", {"value", nullptr}, 2, Unnest},
};

// ---- As virtual tables ----

struct FunctionTable : sqlite3_vtab {
  const TableFunction* function;
  sqlite3* db;

  int columns() const { return function->columns[1] != nullptr ? 2 : 1; }
  int first_argument() const { return columns(); }
  // The last: SQLite gives arguments to the first hidden columns.
  int ordinality() const { return columns() + function->arguments; }
};

struct FunctionCursor : sqlite3_vtab_cursor {
  std::vector<Row> rows;
  std::vector<Value> arguments;
  size_t at = 0;

  size_t count() const { return rows.size(); }
  sqlite3_int64 rowid() const { return static_cast<sqlite3_int64>(at); }
};

int Connect(sqlite3* db, void* aux, int, const char* const*, sqlite3_vtab** result, char**) {
  const auto* function = static_cast<const TableFunction*>(aux);
  std::string sql = "CREATE TABLE x (";
  for (const char* column : function->columns) {
    if (column != nullptr) sql += std::string(column) + ", ";
  }
  for (int i = 0; i < function->arguments; ++i) sql += "argument" + std::to_string(i) + " HIDDEN, ";
  sql += "ordinality bigint HIDDEN)";
  int code = SQLITE_OK;
  auto* table = ConnectTable<FunctionTable>(db, sql.c_str(), result, &code);
  if (table == nullptr) return code;
  table->function = function;
  table->db = db;
  return SQLITE_OK;
}

int BestIndex(sqlite3_vtab* base, sqlite3_index_info* info) {
  const auto* table = static_cast<FunctionTable*>(base);
  info->estimatedCost = 10;
  info->estimatedRows = 10;
  return AskForArguments(info, table->first_argument(), table->function->arguments);
}

int Filter(sqlite3_vtab_cursor* base, int bits, const char*, int, sqlite3_value** values) {
  auto* cursor = static_cast<FunctionCursor*>(base);
  auto* table = static_cast<FunctionTable*>(base->pVtab);
  cursor->at = 0;
  cursor->arguments.clear();
  for (sqlite3_value* given : GivenArguments(bits, table->function->arguments, values)) {
    cursor->arguments.push_back(given != nullptr ? ValueOf(given) : Value());
  }
  RowsOrError made = table->function->rows(table->db, cursor->arguments);
  cursor->rows = std::move(made.rows);
  return made.error.empty() ? SQLITE_OK : FailQuery(table, SQLITE_ERROR, made.error);
}

int Column(sqlite3_vtab_cursor* base, sqlite3_context* context, int number) {
  const auto* cursor = static_cast<FunctionCursor*>(base);
  const auto* table = static_cast<FunctionTable*>(base->pVtab);
  if (number == table->ordinality()) {
    sqlite3_result_int64(context, static_cast<int64_t>(cursor->at) + 1);
  } else if (number < table->columns()) {
    const Row& row = cursor->rows[cursor->at];
    if (static_cast<size_t>(number) < row.size())
      ResultValue(context, row[static_cast<size_t>(number)]);
  } else {
    ResultValue(context, cursor->arguments[static_cast<size_t>(number - table->first_argument())]);
  }
  return SQLITE_OK;
}

}  // namespace

int RegisterTableFunctions(sqlite3* db) {
  static const sqlite3_module module =
      EponymousModule<FunctionTable, FunctionCursor>(Connect, BestIndex, Filter, Column);
  for (const TableFunction& function : kFunctions) {
    const int code = sqlite3_create_module_v2(db, function.name, &module,
                                              const_cast<TableFunction*>(&function), nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace sibyl::sql::server
