#include "sql/server/users.h"

#include "base/status_macros.h"

namespace sibyl::sql::server {
namespace {

constexpr char kCreate[] =
    "CREATE TABLE IF NOT EXISTS sibyl_users("
    "name TEXT PRIMARY KEY NOT NULL, verifier TEXT NOT NULL) WITHOUT ROWID";
constexpr char kExists[] = "SELECT 1 FROM sqlite_schema WHERE name='sibyl_users'";
constexpr int kBusyTimeoutMs = 10'000;

}  // namespace

Users::Users(std::string database_path) : path_(std::move(database_path)) {}
Users::~Users() { Close(); }

void Users::Close() {
  const std::lock_guard lock(mutex_);
  sqlite3_close(db_);
  db_ = nullptr;
}

// Precondition: mutex_ is held.
Status Users::OpenIfClosed() {
  if (db_ != nullptr) return Ok();
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path_.c_str(), &db_, flags, nullptr);
  if (code == SQLITE_OK) {
    sqlite3_busy_timeout(db_, kBusyTimeoutMs);
    return Ok();
  }
  Error error{ErrorCode::kIo, "cannot open " + path_ + ": " + sqlite3_errmsg(db_)};
  sqlite3_close(db_);
  db_ = nullptr;
  return error;
}

Result<std::vector<Users::Row>> Users::Run(const char* sql,
                                           const std::vector<std::string_view>& values) {
  const std::lock_guard lock(mutex_);
  SIBYL_RETURN_IF_ERROR(OpenIfClosed());
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr);
  for (size_t i = 0; code == SQLITE_OK && i < values.size(); ++i) {
    code = sqlite3_bind_text64(statement, static_cast<int>(i + 1), values[i].data(),
                               values[i].size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  std::vector<Row> rows;
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(statement);
    if (code != SQLITE_ROW) break;
    Row& row = rows.emplace_back();
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      row.emplace_back(text == nullptr ? "" : text);
    }
  }
  sqlite3_finalize(statement);
  if (code == SQLITE_DONE) return rows;
  const ErrorCode kind = (code & 0xff) == SQLITE_BUSY ? ErrorCode::kBusy : ErrorCode::kIo;
  return Error{kind, "table of users in " + path_ + ": " + sqlite3_errmsg(db_)};
}

Status Users::Set(std::string_view name, std::string_view password) {
  if (name.empty() || name.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::kInvalidArgument, "a user's name has at least one character"};
  }
  if (password.empty()) {
    return Error{ErrorCode::kInvalidArgument, "an empty password lets everybody in"};
  }
  SIBYL_RETURN_IF_ERROR(Run(kCreate, {}));
  const std::string verifier =
      ScramVerifierFromText(password) ? std::string(password) : ToText(MakeScramVerifier(password));
  SIBYL_RETURN_IF_ERROR(
      Run("INSERT INTO sibyl_users VALUES(?1,?2) "
          "ON CONFLICT(name) DO UPDATE SET verifier=excluded.verifier",
          {name, verifier}));
  return Ok();
}

Result<bool> Users::Delete(std::string_view name) {
  SIBYL_ASSIGN_OR_RETURN(const auto exists, Run(kExists, {}));
  if (exists.empty()) return false;
  SIBYL_ASSIGN_OR_RETURN(const auto deleted,
                         Run("DELETE FROM sibyl_users WHERE name=?1 RETURNING name", {name}));
  return !deleted.empty();
}

Result<std::optional<ScramVerifier>> Users::Find(std::string_view name) {
  SIBYL_ASSIGN_OR_RETURN(const auto exists, Run(kExists, {}));
  if (exists.empty()) return std::optional<ScramVerifier>();
  SIBYL_ASSIGN_OR_RETURN(const auto rows,
                         Run("SELECT verifier FROM sibyl_users WHERE name=?1", {name}));
  if (rows.empty()) return std::optional<ScramVerifier>();
  auto verifier = ScramVerifierFromText(rows[0][0]);
  if (!verifier) {
    return Error{ErrorCode::kCorruption,
                 "the verifier of user " + std::string(name) + " in " + path_ + " is damaged"};
  }
  return verifier;
}

}  // namespace sibyl::sql::server
