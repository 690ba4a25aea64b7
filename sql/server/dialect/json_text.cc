#include "sql/server/dialect/json_text.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace sibyl::sql::server {
namespace {

constexpr int64_t kMostExponent = 1000;

// A number with an exponent as one without: numeric prints none. nullopt: it would be too long.
std::optional<std::string> WithoutExponent(const std::string& number) {
  const size_t mark = number.find_first_of("eE");
  if (mark == std::string::npos) return number;
  std::string_view exponent_text = std::string_view(number).substr(mark + 1);
  if (exponent_text.starts_with('+')) exponent_text.remove_prefix(1);
  const auto exponent = base::ParseNumber<int64_t>(exponent_text);
  if (!exponent || *exponent > kMostExponent || *exponent < -kMostExponent) return std::nullopt;
  const bool negative = number[0] == '-';
  std::string digits = number.substr(negative ? 1 : 0, mark - (negative ? 1 : 0));
  size_t point = digits.find('.');
  if (point == std::string::npos) {
    point = digits.size();
  } else {
    digits.erase(point, 1);
  }
  const int64_t place = static_cast<int64_t>(point) + *exponent;
  if (place <= 0) digits.insert(0, static_cast<size_t>(1 - place), '0');
  const auto whole = static_cast<size_t>(place <= 0 ? 1 : place);
  if (whole > digits.size()) digits.append(whole - digits.size(), '0');
  if (whole < digits.size()) digits.insert(whole, 1, '.');
  const size_t first = std::min(digits.find_first_not_of('0'), whole - 1);
  digits.erase(0, first);
  return (negative ? "-" : "") + digits;
}

bool IsZero(std::string_view number) {
  return number.find_first_of("123456789") == std::string_view::npos;
}

// Builds a value from what nlohmann's parser meets, with numbers as they were written.
class JsonbBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::optional<JsonbValue> Take() { return std::move(result_); }

  bool null() override { return AddScalar("null"); }
  bool boolean(bool value) override { return AddScalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return AddScalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return AddScalar(std::to_string(value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    auto number = WithoutExponent(text);
    if (!number) return false;
    if (IsZero(*number) && number->starts_with('-')) number->erase(0, 1);
    return AddScalar(*std::move(number));
  }
  bool string(string_t& text) override {
    if (text.find('\0') != std::string::npos) return false;
    std::string json;
    AppendJsonString(text, &json);
    return AddScalar(std::move(json));
  }
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override { return Open(JsonbValue::Kind::kObject); }
  bool key(string_t& name) override {
    open_.back().name = name;
    return name.find('\0') == std::string::npos;
  }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(JsonbValue::Kind::kArray); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  struct OpenValue {
    JsonbValue value;
    std::string name;  // of the member that comes next
  };

  bool AddScalar(std::string text) {
    JsonbValue value;
    value.text = std::move(text);
    return Add(std::move(value));
  }

  bool Open(JsonbValue::Kind kind) {
    if (open_.size() == kMostJsonDepth) return false;
    open_.emplace_back();
    open_.back().value.kind = kind;
    return true;
  }

  bool Close() {
    JsonbValue value = std::move(open_.back().value);
    open_.pop_back();
    return Add(std::move(value));
  }

  bool Add(JsonbValue value) {
    if (open_.empty()) {
      result_ = std::move(value);
    } else if (open_.back().value.kind == JsonbValue::Kind::kArray) {
      open_.back().value.elements.push_back(std::move(value));
    } else {
      open_.back().value.members.insert_or_assign(open_.back().name, std::move(value));
    }
    return true;
  }

  std::vector<OpenValue> open_;
  std::optional<JsonbValue> result_;
};

void Append(const JsonbValue& value, std::string* json) {
  bool first = true;
  const auto separate = [&] {
    if (!std::exchange(first, false)) *json += ", ";
  };
  switch (value.kind) {
    case JsonbValue::Kind::kScalar:
      *json += value.text;
      return;
    case JsonbValue::Kind::kArray:
      *json += '[';
      for (const JsonbValue& element : value.elements) {
        separate();
        Append(element, json);
      }
      *json += ']';
      return;
    case JsonbValue::Kind::kObject:
      *json += '{';
      for (const auto& [name, member] : value.members) {
        separate();
        AppendJsonString(name, json);
        *json += ": ";
        Append(member, json);
      }
      *json += '}';
  }
}

}  // namespace

bool IsJson(std::string_view text) { return nlohmann::json::accept(text.begin(), text.end()); }

std::optional<JsonbValue> ParseJsonb(std::string_view text) {
  JsonbBuilder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return std::nullopt;
  return builder.Take();
}

std::string FormatJsonb(const JsonbValue& value) {
  std::string json;
  Append(value, &json);
  return json;
}

std::optional<std::string> NormalizeJsonb(std::string_view text) {
  const auto value = ParseJsonb(text);
  if (!value) return std::nullopt;
  return FormatJsonb(*value);
}

void AppendJsonString(std::string_view text, std::string* json) {
  *json += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        *json += "\\\"";
        break;
      case '\\':
        *json += "\\\\";
        break;
      case '\b':
        *json += "\\b";
        break;
      case '\f':
        *json += "\\f";
        break;
      case '\n':
        *json += "\\n";
        break;
      case '\r':
        *json += "\\r";
        break;
      case '\t':
        *json += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          *json += c < 0x10 ? "\\u000" : "\\u001";
          *json += "0123456789abcdef"[c & 15];
        } else {
          *json += c;
        }
    }
  }
  *json += '"';
}

}  // namespace sibyl::sql::server
