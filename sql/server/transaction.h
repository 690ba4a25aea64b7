// A session's transaction: PostgreSQL's rules on top of SQLite's connections.
//
// - A session borrows a pooled connection when a statement needs one, and gives it back at the end
//   of its transaction, or of the statement outside one. A connection with temporary objects stays
//   with its session.
// - READ COMMITTED, the default: until the first write every statement runs in SQLite's autocommit
//   mode and so on a fresh snapshot. The first write begins SQLite's transaction, on the newest
//   state, after waiting for the writer's turn: there is nothing it could conflict with.
// - REPEATABLE READ and SERIALIZABLE, which are the same here: SQLite's transaction begins with the
//   first statement. A write after somebody else's commit is refused with 40001.
// - Savepoints before SQLite's transaction has begun are remembered, and made when it begins.
// - The turn to write is given to the next session when the commit is in the log, before it is on
//   disk: commits that wait for the disk share a sync.

#ifndef SIBYL_SQL_SERVER_TRANSACTION_H_
#define SIBYL_SQL_SERVER_TRANSACTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/server/connection_pool.h"
#include "sql/server/dialect/translate.h"
#include "sql/server/interrupt.h"
#include "sql/server/log_syncer.h"
#include "sql/server/loop_choice.h"
#include "sql/server/net/task.h"
#include "sql/server/wire/backend.h"

namespace sibyl::sql::server {

// One session's at a time.
class Transaction {
 public:
  struct Limits {
    uint64_t lock_timeout_ms = 0;
  };

  Transaction(ConnectionPool* pool, TurnQueue* writers, LogSyncer* syncer,
              std::atomic<uint64_t>* schema_generation, EventLoop* loop, Interrupt* interrupt,
              const SessionFacts* facts);
  ~Transaction();  // rolls back
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Limits limits;
  IsolationLevel default_isolation = IsolationLevel::kReadCommitted;

  wire::TransactionStatus status() const;
  bool failed() const { return state_ == State::kFailed; }
  bool in_block() const { return state_ == State::kBlock || state_ == State::kFailed; }
  bool holds_writer_turn() const { return has_turn_; }

  // Since the last call; held_ns of a turn that has ended, measured if it was waited for or
  // `measures_turns` is set.
  TurnUse TakeTurnUse() { return std::exchange(turn_use_, {}); }
  bool measures_turns = false;

  // Whether the turn was given to another session of the same loop since the last call: that one
  // should go on first.
  bool TakeHandedOver() { return std::exchange(handed_over_, false); }

  // The session goes on in another loop.
  void MoveTo(EventLoop* loop) { loop_ = loop; }
  IsolationLevel isolation() const { return isolation_; }
  bool read_only() const { return read_only_; }

  // When it began, in microseconds since 1970; outside a block, when the current statement first
  // asked.
  int64_t start_us();

  // Whether a statement that reads now gets a new snapshot.
  bool takes_fresh_snapshots() const;

  // ---- Blocks: BEGIN ... COMMIT ----

  // Precondition of Begin: not in_block(). An implicit block, of several statements in one message,
  // becomes an explicit one.
  void Begin(IsolationLevel isolation, bool read_only);
  void BeginImplicit();  // unless in a block
  bool in_implicit_block() const { return state_ == State::kImplicit; }
  SqlStatus SetIsolation(IsolationLevel isolation, bool read_only);

  // Ends any block. Commit of a failed block rolls back; was_rolled_back tells.
  SqlStatus Commit(bool* was_rolled_back);
  void Rollback();

  // To be awaited before a client is told that something was committed: by Commit, or by a
  // statement outside a block. An error: it is committed, but may not be on disk.
  Task<SqlStatus> AwaitDurable();

  SqlStatus Savepoint(std::string_view name);
  SqlStatus Release(std::string_view name);
  SqlStatus RollbackTo(std::string_view name);

  // An error happened: a block is failed from now on. Outside a block, ends everything.
  void Fail();

  // ---- Statements ----

  // The connection for the next statement. Borrows one if there is none.
  Task<SqlResult<PooledConnection*>> Connection();

  // The one that Connection gave; null if there is none.
  PooledConnection* connection() const { return connection_.get(); }

  // To be called before a statement is first stepped: waits for the turn and begins what has to be
  // begun. In no block, SQLite commits the statement by itself.
  Task<SqlStatus> BeforeStatement(bool writes);

  // Whether a lookup may be answered past SQLite: in a new snapshot, or, if *writing is set, in the
  // write transaction of that connection.
  bool MayReadPast(sqlite3** writing) const;

  // After a statement has ended (been reset): outside a block gives back what was borrowed.
  void AfterStatement();

  // Gives up the connection with temporary objects, and those with it.
  void DropTemporaryObjects() { GiveConnectionBack(true); }

  // The schema was, or may have been, changed by this transaction.
  void NoteSchemaChange();

 private:
  enum class State : uint8_t { kNone, kImplicit, kBlock, kFailed };
  struct SavepointRecord {
    std::string name;
    bool made = false;  // in SQLite
  };

  Task<SqlStatus> TakeTurn();
  void GiveTurn();
  SqlStatus BeginInSqlite(const char* begin);
  SqlStatus MakeSavepoints();
  std::string InnerName(size_t index) const { return "s" + std::to_string(index); }
  SqlResult<size_t> FindSavepoint(std::string_view name) const;
  bool repeatable() const { return isolation_ >= IsolationLevel::kRepeatableRead; }
  void EndBlock();
  void GiveConnectionBack(bool session_ends = false);

  ConnectionPool* const pool_;
  TurnQueue* const writers_;
  LogSyncer* const syncer_;
  std::atomic<uint64_t>* const schema_generation_;
  EventLoop* loop_;
  Interrupt* const interrupt_;
  const SessionFacts* const facts_;
  std::unique_ptr<PooledConnection> connection_;
  State state_ = State::kNone;
  IsolationLevel isolation_ = IsolationLevel::kReadCommitted;
  bool read_only_ = false;
  int64_t start_us_ = 0;               // 0: nobody has asked yet
  std::atomic<bool> has_turn_{false};  // read by the server's watcher too
  TurnUse turn_use_;
  uint64_t turn_since_ns_ = 0;  // 0: not measured
  bool handed_over_ = false;
  bool changed_schema_ = false;
  std::shared_ptr<Database> unsynced_;  // has a commit of this session that may not be on disk
  std::vector<SavepointRecord> savepoints_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_TRANSACTION_H_
