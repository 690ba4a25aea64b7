#include "sql/server/pooled_connection.h"

#include <unistd.h>

#include "base/status_macros.h"
#include "sql/server/authorizer.h"
#include "sql/server/catalogue/catalogue.h"
#include "sql/server/error_map.h"
#include "sql/store_of_schema.h"

namespace sibyl::sql::server {
namespace {

constexpr int kInstructionsBetweenLooks = 2000;  // some tens of microseconds

// Sessions take turns to write (turn_queue.h), so this is for connections of other kinds in the
// same process.
constexpr int kNaps = 1'000;
constexpr int kNapUs = 1'000;

int WaitForWriter(void* interrupt_of_user, int naps) {
  auto* const user = static_cast<PooledConnection::User*>(interrupt_of_user);
  if (naps >= kNaps || (user->interrupt != nullptr && user->interrupt->IsDue())) return 0;
  usleep(kNapUs);
  return 1;
}

int IsInterrupted(void* user_of_connection) {
  auto* const user = static_cast<PooledConnection::User*>(user_of_connection);
  return user->interrupt != nullptr && user->interrupt->IsDue() ? 1 : 0;
}

void SetLimits(sqlite3* db) {
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 256 << 20);
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 64 << 20);
  sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, 65'535);
  sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 1000);
  sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 100);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
}

}  // namespace

SqlResult<std::unique_ptr<PooledConnection>> PooledConnection::Open(const Options& options) {
  std::unique_ptr<PooledConnection> connection(new PooledConnection);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(options.path.c_str(), &connection->db_, flags, nullptr);
  if (code != SQLITE_OK) return ErrorOf(connection->db_, code);
  SIBYL_RETURN_IF_ERROR(connection->SetUp(options));
  return connection;
}

SqlStatus PooledConnection::SetUp(const Options& options) {
  max_cached_ = options.cached_statements;
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_handler(db_, WaitForWriter, &user_);
  const std::string pragmas = "PRAGMA foreign_keys=ON; PRAGMA synchronous=" + options.synchronous;
  int code = sqlite3_exec(db_, pragmas.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) code = RegisterFunctions(db_, facts());
  if (code == SQLITE_OK) code = RegisterCatalogue(db_);
  if (code != SQLITE_OK) return ErrorOf(db_, code);
  SetLimits(db_);
  sqlite3_set_authorizer(db_, Authorize, this);
  sqlite3_progress_handler(db_, kInstructionsBetweenLooks, IsInterrupted, &user_);
  if (SibylStore* store = sibyl_store_of_schema(db_, "main"); store != nullptr) {
    store->OnWriterRelease([this] {
      if (user_.on_written) user_.on_written();
    });
    leaves_unsynced_ = options.synchronous == "full";
  }
  if (leaves_unsynced_) {
    runs_own_statement_ = true;
    code = sqlite3_exec(db_, "PRAGMA synchronous=normal", nullptr, nullptr, nullptr);
    runs_own_statement_ = false;
    if (code != SQLITE_OK) return ErrorOf(db_, code);
  }
  return SqlOk();
}

std::shared_ptr<Database> PooledConnection::unsynced_database() const {
  return leaves_unsynced_ ? sibyl_store_of_schema(db_, "main")->shared_database() : nullptr;
}

PooledConnection::~PooledConnection() {
  for (const PreparedStatement& statement : statements_) sqlite3_finalize(statement.handle);
  for (const auto& [sql, statement] : own_statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

SqlResult<PreparedStatement*> PooledConnection::Prepare(std::string_view sql) {
  const auto found = by_text_.find(sql);
  if (found != by_text_.end() && !found->second->in_use) {
    statements_.splice(statements_.begin(), statements_, found->second);
    found->second->in_use = true;
    ++open_statements_;
    return &*found->second;
  }
  statements_.emplace_front();
  PreparedStatement& statement = statements_.front();
  statement.sql = sql;
  const char* rest = nullptr;
  const int code =
      sqlite3_prepare_v3(db_, statement.sql.data(), static_cast<int>(statement.sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement.handle, &rest);
  if (code != SQLITE_OK || statement.handle == nullptr) {
    statements_.pop_front();
    if (code != SQLITE_OK) return LastError(code);
    return nullptr;
  }
  statement.rest = std::string_view(rest, statement.sql.data() + statement.sql.size() - rest);
  statement.in_use = true;
  ++open_statements_;
  statement.cached = found == by_text_.end();
  if (statement.cached) {
    by_text_.emplace(statement.sql, statements_.begin());
    MakeRoom();
  }
  return &statement;
}

void PooledConnection::Release(PreparedStatement* statement) {
  sqlite3_reset(statement->handle);
  sqlite3_clear_bindings(statement->handle);
  statement->in_use = false;
  --open_statements_;
  if (statement->cached) return;
  sqlite3_finalize(statement->handle);
  statements_.remove_if([&](const PreparedStatement& other) { return &other == statement; });
}

// Forgets what was not used for longest.
void PooledConnection::MakeRoom() {
  auto last = statements_.end();
  while (by_text_.size() > max_cached_ && last != statements_.begin()) {
    --last;
    if (last->in_use) continue;
    by_text_.erase(last->sql);
    sqlite3_finalize(last->handle);
    last = statements_.erase(last);
  }
}

SqlStatus PooledConnection::Run(const std::string& sql) {
  runs_own_statement_ = true;  // also while stepping, which may prepare again
  sqlite3_stmt*& statement = own_statements_[sql];
  int code = SQLITE_OK;
  if (statement == nullptr) {
    code = sqlite3_prepare_v3(db_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  }
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  SqlStatus status = SqlOk();
  if (code != SQLITE_DONE && code != SQLITE_ROW) status = LastError(code);
  sqlite3_reset(statement);
  runs_own_statement_ = false;
  return status;
}

SqlError PooledConnection::LastError(int code) const {
  SqlError error = ErrorOf(db_, code);
  if ((code & 0xff) == SQLITE_AUTH && !denied_.empty()) error.message = denied_;
  if ((code & 0xff) == SQLITE_INTERRUPT && user_.interrupt != nullptr) {
    return user_.interrupt->ToError();
  }
  return error;
}

int PooledConnection::Authorize(void* self, int action, const char* first, const char* second,
                                const char* /*database*/, const char* /*trigger*/) {
  return static_cast<PooledConnection*>(self)->DecideOn(action, first, second);
}

int PooledConnection::DecideOn(int action, const char* first, const char* second) {
  if (runs_own_statement_) return SQLITE_OK;
  if (action == SQLITE_CREATE_TEMP_TABLE || action == SQLITE_CREATE_TEMP_VIEW ||
      action == SQLITE_CREATE_TEMP_INDEX || action == SQLITE_CREATE_TEMP_TRIGGER) {
    has_temporary_objects_ = true;
  }
  auto why = WhyDenied(action, first, second);
  if (!why) return SQLITE_OK;
  denied_ = std::move(*why);
  return SQLITE_DENY;
}

}  // namespace sibyl::sql::server
