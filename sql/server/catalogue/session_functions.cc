// Functions that ask about the session, and the registration of all that need no schema.

#include <array>

#include "sql/server/catalogue/catalogue.h"
#include "sql/server/catalogue/function_support.h"
#include "sql/server/dialect/datetime.h"
#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

constexpr std::string_view kVersion =
    "PostgreSQL 15.0 (SibylDB, SQLite " SQLITE_VERSION ": PostgreSQL wire protocol, SQLite SQL)";

// The session that runs the function; nullptr: none.
const SessionFacts* SessionOf(sqlite3_context* context) {
  const auto* const* session = static_cast<const SessionFacts* const*>(sqlite3_user_data(context));
  return session != nullptr ? *session : nullptr;
}

void CurrentDatabase(sqlite3_context* context, int, sqlite3_value**) {
  const SessionFacts* session = SessionOf(context);
  ResultText(context, session != nullptr ? std::string_view(session->database()) : "sibyl");
}

void SessionUser(sqlite3_context* context, int, sqlite3_value**) {
  const SessionFacts* session = SessionOf(context);
  ResultText(context, session != nullptr ? std::string_view(session->user()) : "sibyl");
}

void BackendPid(sqlite3_context* context, int, sqlite3_value**) {
  const SessionFacts* session = SessionOf(context);
  sqlite3_result_int(context, session != nullptr ? session->backend_pid() : 0);
}

void ResultSequenceValue(sqlite3_context* context, std::optional<int64_t> value,
                         const std::string& what) {
  if (value) {
    sqlite3_result_int64(context, *value);
  } else {
    FailFunction(context, "55000", what + " is not yet defined in this session");
  }
}

// The oid of a sequence: what it gave the session last.
void SequenceValueOf(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  const SessionFacts* session = SessionOf(context);
  const auto oid = static_cast<uint32_t>(sqlite3_value_int64(values[0]));
  ResultSequenceValue(context, session == nullptr ? std::nullopt : session->sequences().LastOf(oid),
                      "currval of this sequence");
}

void LastSequenceValue(sqlite3_context* context, int, sqlite3_value**) {
  const SessionFacts* session = SessionOf(context);
  ResultSequenceValue(context, session == nullptr ? std::nullopt : session->sequences().last(),
                      "lastval");
}

std::optional<std::string> Setting(sqlite3_context* context, const std::string& name) {
  if (const SessionFacts* session = SessionOf(context)) {
    if (auto value = session->Setting(name)) return value;
  }
  // What is never set, and what there is without a session.
  struct Fixed {
    const char* name;
    const char* value;
  };
  constexpr std::array kFixed = {Fixed{"search_path", "\"$user\", public"},
                                 Fixed{"server_version", "15.0"},
                                 Fixed{"server_version_num", "150000"},
                                 Fixed{"server_encoding", "UTF8"},
                                 Fixed{"client_encoding", "UTF8"},
                                 Fixed{"standard_conforming_strings", "on"},
                                 Fixed{"integer_datetimes", "on"},
                                 Fixed{"max_index_keys", "32"},
                                 Fixed{"max_identifier_length", "63"},
                                 Fixed{"lc_collate", "C"},
                                 Fixed{"lc_ctype", "C"},
                                 Fixed{"timezone", "UTC"},
                                 Fixed{"datestyle", "ISO, MDY"},
                                 Fixed{"intervalstyle", "postgres"},
                                 Fixed{"bytea_output", "hex"},
                                 Fixed{"is_superuser", "off"}};
  for (const Fixed& fixed : kFixed) {
    if (Lower(name) == fixed.name) return fixed.value;
  }
  return std::nullopt;
}

// name [, whether an unknown one is NULL]
void CurrentSetting(sqlite3_context* context, int count, sqlite3_value** values) {
  const std::string name(TextArgument(values[0]));
  const auto value = Setting(context, name);
  const bool missing_ok = count > 1 && sqlite3_value_int(values[1]) != 0;
  if (!value && !missing_ok) {
    FailFunction(context, "42704", "unrecognized configuration parameter \"" + name + "\"");
    return;
  }
  ResultText(context, value);
}

// There is one schema, so a search path changes nothing; anything else is for SET.
void SetConfig(sqlite3_context* context, int, sqlite3_value** values) {
  if (Lower(TextArgument(values[0])) != "search_path") {
    FailFunction(context, "0A000", "set_config() is supported for search_path only: use SET");
    return;
  }
  sqlite3_result_value(context, values[1]);
}

// One time for all statements of a transaction.
int64_t TransactionStartUs(sqlite3_context* context) {
  const SessionFacts* session = SessionOf(context);
  return session != nullptr ? session->transaction_start_us() : NowMicros();
}

void Now(sqlite3_context* context, int, sqlite3_value**) {
  ResultText(context, FormatTimestamp(TransactionStartUs(context)));
}
void CurrentDate(sqlite3_context* context, int, sqlite3_value**) {
  ResultText(context, FormatDate(TransactionStartUs(context) / kMicrosPerDay));
}
void CurrentTime(sqlite3_context* context, int, sqlite3_value**) {
  const std::string time = FormatTime(TransactionStartUs(context) % kMicrosPerDay);
  ResultText(context, std::string_view(time));
}

void Version(sqlite3_context* context, int, sqlite3_value**) { ResultText(context, kVersion); }
void CurrentSchema(sqlite3_context* context, int, sqlite3_value**) {
  ResultText(context, std::string_view("public"));
}
void CurrentSchemas(sqlite3_context* context, int, sqlite3_value** values) {
  const bool implicit = sqlite3_value_int(values[0]) != 0;
  ResultText(context, std::string_view(implicit ? "{pg_catalog,public}" : "{public}"));
}
void ClientEncoding(sqlite3_context* context, int, sqlite3_value**) {
  ResultText(context, std::string_view("UTF8"));
}

// Whoever is connected may do everything that the server allows at all.
void True(sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 1); }
void Zero(sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 0); }
void Null(sqlite3_context*, int, sqlite3_value**) {}
void Empty(sqlite3_context* context, int, sqlite3_value**) {
  ResultText(context, std::string_view());
}

void EncodingName(sqlite3_context* context, int, sqlite3_value** values) {
  constexpr int kUtf8 = 6;
  ResultText(context, std::string_view(sqlite3_value_int(values[0]) == kUtf8 ? "UTF8" : ""));
}

void EncodingNumber(sqlite3_context* context, int, sqlite3_value** values) {
  constexpr int kUtf8 = 6;
  sqlite3_result_int(context, Lower(TextArgument(values[0])) == "utf8" ? kUtf8 : -1);
}

// Those of time replace SQLite's, too, which defaults of columns call.
constexpr SqlFunction kSessionFunctions[] = {
    {"current_database", 0, CurrentDatabase},
    {"current_date", 0, CurrentDate},
    {"current_setting", 1, CurrentSetting},
    {"current_setting", 2, CurrentSetting},
    {"current_time", 0, CurrentTime},
    {"current_timestamp", 0, Now},
    {"now", 0, Now},
    {"pg_backend_pid", 0, BackendPid},
    {"pg_current_date", 0, CurrentDate},
    {"pg_currval", 1, SequenceValueOf},
    {"pg_lastval", 0, LastSequenceValue},
    {"pg_session_user", 0, SessionUser},
};

constexpr SqlFunction kOtherFunctions[] = {
    {"current_schema", 0, CurrentSchema},
    {"current_schemas", 1, CurrentSchemas},
    {"has_privilege", -1, True, false},
    {"pg_char_to_encoding", 1, EncodingNumber},
    {"pg_client_encoding", 0, ClientEncoding},
    {"pg_empty", -1, Empty, false},
    {"pg_encoding_to_char", 1, EncodingName},
    {"pg_false", -1, Zero, false},
    {"pg_is_visible", -1, True, false},
    {"pg_null", -1, Null, false},
    {"pg_zero", -1, Zero, false},
    {"set_config", 3, SetConfig},
    {"version", 0, Version},
};

}  // namespace

int RegisterFunctions(sqlite3* db, const SessionFacts* const* session) {
  int code = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  if (code != SQLITE_OK) return code;
  static const SessionFacts* const no_session = nullptr;
  const SessionFacts* const* asked = session != nullptr ? session : &no_session;
  code = RegisterAll(db, kSessionFunctions, const_cast<const SessionFacts**>(asked), false);
  if (code == SQLITE_OK) code = RegisterAll(db, kOtherFunctions, nullptr, false);
  for (const auto register_part :
       {RegisterCastFunctions, RegisterNumberFunctions, RegisterRealFunctions,
        RegisterTextFunctions, RegisterPatternFunctions, RegisterDateFunctions,
        RegisterArrayFunctions, RegisterJsonFunctions, RegisterAggregates,
        RegisterTableFunctions}) {
    if (code == SQLITE_OK) code = register_part(db);
  }
  return code;
}

}  // namespace sibyl::sql::server
