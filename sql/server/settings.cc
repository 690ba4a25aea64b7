#include "sql/server/settings.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"
#include "sibyl/version.h"

namespace sibyl::sql::server {
namespace {

enum class Kind : uint8_t {
  kFixed,  // cannot be set, or only to what it is
  kFree,   // any text; makes no difference to us but to who asks
  kBoolean,
  kInteger,
  kTime,  // milliseconds, or a number with a unit
  kEncoding,
  kIsolation,
};

struct Parameter {
  const char* name;
  const char* value;
  Kind kind;
  bool is_reported;
};

constexpr Parameter kParameters[] = {
    {"application_name", "", Kind::kFree, true},
    {"bytea_output", "hex", Kind::kFixed, false},
    {"client_encoding", "UTF8", Kind::kEncoding, true},
    {"client_min_messages", "notice", Kind::kFree, false},
    {"constraint_exclusion", "partition", Kind::kFree, false},
    {"DateStyle", "ISO, MDY", Kind::kFree, true},
    {"default_table_access_method", "heap", Kind::kFree, false},
    {"default_tablespace", "", Kind::kFree, false},
    {"default_transaction_isolation", "read committed", Kind::kIsolation, false},
    {"default_transaction_read_only", "off", Kind::kBoolean, true},
    {"default_transaction_deferrable", "off", Kind::kBoolean, false},
    {"extra_float_digits", "1", Kind::kInteger, false},
    {"idle_in_transaction_session_timeout", "0", Kind::kTime, false},
    {"idle_session_timeout", "0", Kind::kTime, false},
    {"in_hot_standby", "off", Kind::kFixed, true},
    {"integer_datetimes", "on", Kind::kFixed, true},
    {"IntervalStyle", "postgres", Kind::kFree, true},
    {"is_superuser", "off", Kind::kFixed, true},
    {"lc_collate", "C", Kind::kFixed, false},
    {"lc_ctype", "C.UTF-8", Kind::kFixed, false},
    {"lc_messages", "C", Kind::kFree, false},
    {"lc_monetary", "C", Kind::kFree, false},
    {"lc_numeric", "C", Kind::kFree, false},
    {"lc_time", "C", Kind::kFree, false},
    {"lock_timeout", "0", Kind::kTime, false},
    {"maintenance_work_mem", "64MB", Kind::kFree, false},
    {"max_identifier_length", "63", Kind::kFixed, false},
    {"max_index_keys", "32", Kind::kFixed, false},
    {"row_security", "on", Kind::kFree, false},
    {"search_path", "\"$user\", public", Kind::kFree, false},
    {"server_encoding", "UTF8", Kind::kFixed, true},
    {"server_version", "15.0 (SibylDB)", Kind::kFixed, true},
    {"server_version_num", "150000", Kind::kFixed, false},
    {"session_authorization", "", Kind::kFixed, true},
    {"standard_conforming_strings", "on", Kind::kFixed, true},
    {"statement_timeout", "0", Kind::kTime, false},
    {"synchronous_commit", "on", Kind::kFree, false},
    {"TimeZone", "UTC", Kind::kFree, true},
    {"transaction_isolation", "read committed", Kind::kIsolation, false},
    {"transaction_read_only", "off", Kind::kBoolean, false},
    {"work_mem", "4MB", Kind::kFree, false},
};

// Switches of PostgreSQL's planner and of its dumps: accepted, for there is nothing they could
// switch.
constexpr std::string_view kIgnoredPrefixes[] = {"enable_",     "geqo",
                                                 "jit",         "check_function_bodies",
                                                 "xmloption",   "escape_string_warning",
                                                 "gin_",        "force_parallel",
                                                 "max_parallel"};

const Parameter* Find(std::string_view name) {
  const auto* found = std::find_if(
      std::begin(kParameters), std::end(kParameters), [name](const Parameter& parameter) {
        return name.size() == std::strlen(parameter.name) &&
               strncasecmp(name.data(), parameter.name, name.size()) == 0;
      });
  return found == std::end(kParameters) ? nullptr : found;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

SqlError InvalidValue(const Parameter& parameter, std::string_view value) {
  return {"22023", "invalid value for parameter \"" + std::string(parameter.name) + "\": \"" +
                       std::string(value) + "\""};
}

std::optional<std::string> Boolean(const std::string& value) {
  for (const char* word : {"on", "true", "yes", "1", "t", "y"}) {
    if (value == word) return "on";
  }
  for (const char* word : {"off", "false", "no", "0", "f", "n"}) {
    if (value == word) return "off";
  }
  return std::nullopt;
}

// "250", "250ms", "2s", "1min", "1h", "1d": in milliseconds.
std::optional<uint64_t> Milliseconds(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || number > 1'000'000'000) return std::nullopt;
  std::string_view unit(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty() || unit == "ms") return number;
  if (unit == "s") return number * 1000;
  if (unit == "min") return number * 60'000;
  if (unit == "h") return number * 3'600'000;
  if (unit == "d") return number * 86'400'000;
  return std::nullopt;
}

bool IsIsolation(const std::string& value) {
  return value == "read committed" || value == "read uncommitted" || value == "repeatable read" ||
         value == "serializable";
}

// UTF8 in all the ways that it is written; SQL_ASCII, which means: bytes as they are.
std::optional<std::string> Encoding(const std::string& value) {
  std::string plain;
  for (const char c : value) {
    if (c != '-' && c != '_' && c != '\'' && c != '"') plain += c;
  }
  if (plain == "utf8" || plain == "unicode") return "UTF8";
  if (plain == "sqlascii") return "SQL_ASCII";
  return std::nullopt;
}

SqlResult<std::string> Checked(const Parameter& parameter, std::string_view value) {
  const std::string lower = Lower(value);
  switch (parameter.kind) {
    case Kind::kFixed:
      if (lower == Lower(parameter.value)) return std::string(parameter.value);
      return SqlError{"55P02",
                      "parameter \"" + std::string(parameter.name) + "\" cannot be changed"};
    case Kind::kFree:
      return std::string(value);
    case Kind::kBoolean:
      if (auto boolean = Boolean(lower)) return *boolean;
      return InvalidValue(parameter, value);
    case Kind::kInteger: {
      if (!base::ParseNumber<int>(value)) return InvalidValue(parameter, value);
      return std::string(value);
    }
    case Kind::kTime:
      if (const auto ms = Milliseconds(lower)) return std::to_string(*ms);
      return InvalidValue(parameter, value);
    case Kind::kEncoding:
      if (auto encoding = Encoding(lower)) return *encoding;
      return SqlError{"0A000",
                      "client_encoding \"" + std::string(value) + "\" is not supported",
                      {},
                      "Text is UTF-8."};
    case Kind::kIsolation:
      break;
  }
  if (!IsIsolation(lower)) return InvalidValue(parameter, value);
  return lower;
}

}  // namespace

bool Settings::NoCase::operator()(std::string_view a, std::string_view b) const {
  const int order = strncasecmp(a.data(), b.data(), std::min(a.size(), b.size()));
  return order != 0 ? order < 0 : a.size() < b.size();
}

Settings::Settings() {
  for (const Parameter& parameter : kParameters) values_[parameter.name] = parameter.value;
  values_["server_version"] = std::string("15.0 (SibylDB ") + kVersion + ")";
  defaults_ = values_;
  ReadTimeLimits();
}

std::optional<std::string> Settings::Get(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

SqlStatus Settings::Set(std::string_view name, std::string_view value) {
  if (const Parameter* parameter = Find(name)) {
    auto checked = Checked(*parameter, value);
    if (!checked) return std::move(checked).error();
    Store(parameter->name, std::move(checked).value());
    return SqlOk();
  }
  const std::string lower = Lower(name);
  const bool is_ignored =
      std::any_of(std::begin(kIgnoredPrefixes), std::end(kIgnoredPrefixes),
                  [&](std::string_view prefix) { return lower.starts_with(prefix); });
  if (!is_ignored && lower.find('.') == std::string::npos) {
    return SqlError{"42704", "unrecognized configuration parameter \"" + std::string(name) + "\""};
  }
  Store(name, std::string(value));
  return SqlOk();
}

void Settings::Force(std::string_view name, std::string_view value) {
  const Parameter* parameter = Find(name);
  Store(parameter == nullptr ? name : parameter->name, std::string(value));
}

void Settings::Store(std::string_view name, std::string value) {
  std::string& stored = values_[std::string(name)];
  if (stored == value) return;
  stored = std::move(value);
  ReadTimeLimits();
  const Parameter* parameter = Find(name);
  if (parameter != nullptr && parameter->is_reported) changes_.push_back({parameter->name, stored});
}

SqlStatus Settings::Reset(std::string_view name) {
  const auto found = defaults_.find(name);
  if (found != defaults_.end()) {
    Store(found->first, found->second);
  } else if (values_.erase(std::string(name)) == 0) {
    return SqlError{"42704", "unrecognized configuration parameter \"" + std::string(name) + "\""};
  }
  return SqlOk();
}

void Settings::ResetAll() {
  for (const auto& [name, value] : defaults_) {
    const bool is_of_session = name == "session_authorization" || name == "transaction_isolation";
    if (!is_of_session) Store(name, value);
  }
}

void Settings::MakeLocal(std::string_view name) {
  if (const auto value = Get(name)) local_.emplace(name, *value);  // the first one stays
}

void Settings::EndTransaction() {
  if (local_.empty()) return;
  for (const auto& [name, value] : local_) Store(name, value);
  local_.clear();
}

void Settings::ReadTimeLimits() {
  static constexpr std::string_view kNames[] = {
      // in TimeLimit's order
      "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
      "idle_session_timeout"};
  for (size_t i = 0; i < time_limits_ms_.size(); ++i) {
    const auto found = values_.find(kNames[i]);
    time_limits_ms_[i] = found == values_.end() ? 0 : Milliseconds(found->second).value_or(0);
  }
}

std::vector<Settings::Change> Settings::All() const {
  std::vector<Change> all;
  for (const auto& [name, value] : values_) all.push_back({name, value});
  return all;
}

std::vector<Settings::Change> Settings::Reported() const {
  std::vector<Change> reported;
  for (const Parameter& parameter : kParameters) {
    if (parameter.is_reported) {
      reported.push_back({parameter.name, values_.find(std::string_view(parameter.name))->second});
    }
  }
  return reported;
}

std::vector<Settings::Change> Settings::TakeChanges() { return std::exchange(changes_, {}); }

}  // namespace sibyl::sql::server
