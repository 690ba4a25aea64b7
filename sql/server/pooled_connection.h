// One SQLite connection of the pool: its settings for serving strangers, its statements by text.

#ifndef SIBYL_SQL_SERVER_POOLED_CONNECTION_H_
#define SIBYL_SQL_SERVER_POOLED_CONNECTION_H_

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sibyl/database.h"
#include "sql/server/interrupt.h"
#include "sql/server/session_facts.h"
#include "sql/server/sql_error.h"
#include "sql/server/translations.h"

namespace sibyl::sql::server {

// A prepared statement in somebody's hands.
struct PreparedStatement {
  sqlite3_stmt* handle = nullptr;
  std::string sql;
  bool in_use = false;
  bool cached = false;
  std::string_view rest;  // of the text it was prepared from: what follows the first statement
};

// One thread at a time.
class PooledConnection {
 public:
  struct Options {
    std::string path;
    std::string synchronous = "normal";  // off, normal, full: see unsynced_database
    size_t cached_statements = 200;
  };

  static SqlResult<std::unique_ptr<PooledConnection>> Open(const Options& options);
  ~PooledConnection();
  PooledConnection(const PooledConnection&) = delete;
  PooledConnection& operator=(const PooledConnection&) = delete;

  sqlite3* db() const { return db_; }
  Translations& translations() { return translations_; }

  // For whom it works from now on; `on_written` is called when a transaction that wrote has given
  // SQLite's writer lock back: when it is in the log, and with synchronous=full not yet on disk.
  // (Not called for files of SQLite's own.) Null: for nobody.
  struct User {
    Interrupt* interrupt = nullptr;
    const SessionFacts* facts = nullptr;
    std::function<void()> on_written;
  };
  void ServeFor(User user) { user_ = std::move(user); }

  // The first statement of `sql`, ready to be bound. Null with no error where there is none but
  // spaces. Give it back with Release. The text must be the same one for as long as the cache may
  // know it: it is its key.
  SqlResult<PreparedStatement*> Prepare(std::string_view sql);
  void Release(PreparedStatement* statement);

  // Runs a statement of the server's own: BEGIN, SAVEPOINT s1. It is remembered forever.
  SqlStatus Run(const std::string& sql);

  // Why the last call failed.
  SqlError LastError(int code) const;

  // Where commits have to be synced by whoever uses the connection, so that he can wait as he
  // likes: with synchronous=full. Else null: they are as durable as they are to be.
  std::shared_ptr<Database> unsynced_database() const;

  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

  // Statements are in somebody's hands.
  bool has_open_statements() const { return open_statements_ > 0; }

  // Something was made that other users of the connection must not see.
  bool has_temporary_objects() const { return has_temporary_objects_; }

 private:
  PooledConnection() = default;

  SqlStatus SetUp(const Options& options);
  static int Authorize(void* self, int action, const char* first, const char* second,
                       const char* database, const char* trigger);
  int DecideOn(int action, const char* first, const char* second);
  void MakeRoom();

  sqlite3* db_ = nullptr;
  User user_;
  const SessionFacts* const* facts() const { return &user_.facts; }
  Translations translations_;
  bool leaves_unsynced_ = false;
  size_t max_cached_ = 0;
  size_t open_statements_ = 0;
  bool runs_own_statement_ = false;
  bool has_temporary_objects_ = false;
  std::string denied_;                       // what the authorizer refused last
  std::list<PreparedStatement> statements_;  // most recently used first
  std::unordered_map<std::string_view, std::list<PreparedStatement>::iterator> by_text_;
  std::unordered_map<std::string, sqlite3_stmt*> own_statements_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_POOLED_CONNECTION_H_
