// Aggregates that SQLite lacks: arrays, those with an order of their own, bits, deviations.

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <variant>
#include <vector>

#include "sql/server/catalogue/function_support.h"
#include "sql/server/dialect/array_text.h"

namespace sibyl::sql::server {
namespace {

// The state of an aggregate, made by the first row and ended by the last call.
template <typename State>
State* StateOf(sqlite3_context* context) {
  auto** slot = static_cast<State**>(sqlite3_aggregate_context(context, sizeof(State*)));
  if (slot == nullptr) return nullptr;
  if (*slot == nullptr) *slot = new State();
  return *slot;
}

// The state at the end, now the caller's; nullptr: there were no rows.
template <typename State>
std::unique_ptr<State> TakeState(sqlite3_context* context) {
  auto** slot = static_cast<State**>(sqlite3_aggregate_context(context, 0));
  if (slot == nullptr) return nullptr;
  std::unique_ptr<State> state(*slot);
  *slot = nullptr;
  return state;
}

using Element = std::optional<std::string>;
using Elements = std::vector<Element>;

Element ElementOf(sqlite3_value* value) {
  return IsNull(value) ? std::nullopt : Element(std::string(TextArgument(value)));
}

// ---- array_agg ----

void ArrayStep(sqlite3_context* context, int, sqlite3_value** values) {
  if (auto* state = StateOf<Elements>(context)) state->push_back(ElementOf(values[0]));
}
void ArrayFinal(sqlite3_context* context) {
  const auto state = TakeState<Elements>(context);
  if (state != nullptr) ResultText(context, std::string_view(FormatArray(*state)));
}
void ArrayOrEmptyFinal(sqlite3_context* context) {
  const auto state = TakeState<Elements>(context);
  ResultText(context, std::string_view(FormatArray(state != nullptr ? *state : Elements())));
}

// ---- With ORDER BY: directions ("ad..."), value [, separator], keys... ----

using Key = std::variant<std::monostate, double, std::string>;

struct OrderedRow {
  Element value;
  std::string separator;
  std::vector<Key> keys;
};

struct OrderedRows {
  std::string directions;
  std::vector<OrderedRow> rows;
};

Key KeyOf(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    default:
      return std::string(TextArgument(value));
  }
}

// NULL is the largest.
int CompareKeys(const Key& left, const Key& right) {
  const bool left_null = std::holds_alternative<std::monostate>(left);
  const bool right_null = std::holds_alternative<std::monostate>(right);
  if (left_null || right_null) return static_cast<int>(left_null) - static_cast<int>(right_null);
  if (left == right) return 0;
  return left < right ? -1 : 1;
}

void OrderedStep(sqlite3_context* context, int count, sqlite3_value** values, int first_key) {
  auto* state = StateOf<OrderedRows>(context);
  if (state == nullptr) return;
  if (state->rows.empty()) state->directions = TextArgument(values[0]);
  OrderedRow row;
  row.value = ElementOf(values[1]);
  if (first_key == 3) row.separator = TextArgument(values[2]);
  for (int i = first_key; i < count; ++i) row.keys.push_back(KeyOf(values[i]));
  state->rows.push_back(std::move(row));
}

void Sort(OrderedRows* state) {
  const auto before = [&](const OrderedRow& left, const OrderedRow& right) {
    for (size_t i = 0; i < left.keys.size() && i < state->directions.size(); ++i) {
      const int order = CompareKeys(left.keys[i], right.keys[i]);
      if (order != 0) return (state->directions[i] == 'd') == (order > 0);
    }
    return false;
  };
  std::stable_sort(state->rows.begin(), state->rows.end(), before);
}

void OrderedArrayStep(sqlite3_context* context, int count, sqlite3_value** values) {
  OrderedStep(context, count, values, 2);
}
void OrderedArrayFinal(sqlite3_context* context) {
  const auto state = TakeState<OrderedRows>(context);
  if (state == nullptr) return;
  Sort(state.get());
  Elements elements;
  for (const OrderedRow& row : state->rows) elements.push_back(row.value);
  ResultText(context, std::string_view(FormatArray(elements)));
}

void OrderedStringStep(sqlite3_context* context, int count, sqlite3_value** values) {
  if (!IsNull(values[1])) OrderedStep(context, count, values, 3);
}
void OrderedStringFinal(sqlite3_context* context) {
  const auto state = TakeState<OrderedRows>(context);
  if (state == nullptr) return;
  Sort(state.get());
  std::string text;
  for (size_t i = 0; i < state->rows.size(); ++i) {
    if (i > 0) text += state->rows[i].separator;
    text += *state->rows[i].value;
  }
  ResultText(context, std::string_view(text));
}

// ---- Numbers ----

struct Bits {
  int64_t value = 0;
};

void BitAndStep(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  const bool first = sqlite3_aggregate_context(context, 0) == nullptr;
  auto* state = StateOf<Bits>(context);
  if (state == nullptr) return;
  const int64_t value = sqlite3_value_int64(values[0]);
  state->value = first ? value : state->value & value;
}
void BitOrStep(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  if (auto* state = StateOf<Bits>(context)) state->value |= sqlite3_value_int64(values[0]);
}
void BitFinal(sqlite3_context* context) {
  const auto state = TakeState<Bits>(context);
  if (state != nullptr) sqlite3_result_int64(context, state->value);
}

// Welford's method: no difference of large sums.
struct Deviation {
  double count = 0;
  double mean = 0;
  double squares = 0;
};

void DeviationStep(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  auto* state = StateOf<Deviation>(context);
  if (state == nullptr) return;
  const double value = sqlite3_value_double(values[0]);
  state->count += 1;
  const double delta = value - state->mean;
  state->mean += delta / state->count;
  state->squares += delta * (value - state->mean);
}

void DeviationResult(sqlite3_context* context, double fewer, bool root) {
  const auto state = TakeState<Deviation>(context);
  if (state == nullptr || state->count <= fewer) return;
  const double variance = state->squares / (state->count - fewer);
  sqlite3_result_double(context, root ? std::sqrt(variance) : variance);
}
void StddevSampleFinal(sqlite3_context* context) { DeviationResult(context, 1, true); }
void StddevPopulationFinal(sqlite3_context* context) { DeviationResult(context, 0, true); }
void VarianceSampleFinal(sqlite3_context* context) { DeviationResult(context, 1, false); }
void VariancePopulationFinal(sqlite3_context* context) { DeviationResult(context, 0, false); }

struct Aggregate {
  const char* name;
  int arguments;
  FunctionBody step;
  void (*final)(sqlite3_context*);
};

constexpr std::array kAggregates = {
    Aggregate{"pg_array_agg", 1, ArrayStep, ArrayFinal},
    Aggregate{"pg_array_agg_or_empty", 1, ArrayStep, ArrayOrEmptyFinal},
    Aggregate{"pg_bit_and", 1, BitAndStep, BitFinal},
    Aggregate{"pg_bit_or", 1, BitOrStep, BitFinal},
    Aggregate{"pg_ordered_array_agg", -1, OrderedArrayStep, OrderedArrayFinal},
    Aggregate{"pg_ordered_string_agg", -1, OrderedStringStep, OrderedStringFinal},
    Aggregate{"pg_stddev_pop", 1, DeviationStep, StddevPopulationFinal},
    Aggregate{"pg_stddev_samp", 1, DeviationStep, StddevSampleFinal},
    Aggregate{"pg_var_pop", 1, DeviationStep, VariancePopulationFinal},
    Aggregate{"pg_var_samp", 1, DeviationStep, VarianceSampleFinal},
};

}  // namespace

int RegisterAggregates(sqlite3* db) {
  for (const Aggregate& aggregate : kAggregates) {
    const int code =
        sqlite3_create_function_v2(db, aggregate.name, aggregate.arguments, SQLITE_UTF8, nullptr,
                                   nullptr, aggregate.step, aggregate.final, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace sibyl::sql::server
