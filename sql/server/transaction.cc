#include "sql/server/transaction.h"

#include "base/status_macros.h"
#include "sql/server/dialect/datetime.h"

namespace sibyl::sql::server {

Transaction::Transaction(ConnectionPool* pool, TurnQueue* writers, LogSyncer* syncer,
                         std::atomic<uint64_t>* schema_generation, EventLoop* loop,
                         Interrupt* interrupt, const SessionFacts* facts)
    : pool_(pool),
      writers_(writers),
      syncer_(syncer),
      schema_generation_(schema_generation),
      loop_(loop),
      interrupt_(interrupt),
      facts_(facts) {}

Transaction::~Transaction() {
  Rollback();
  GiveConnectionBack(true);
}

wire::TransactionStatus Transaction::status() const {
  if (state_ == State::kFailed) return wire::TransactionStatus::kFailed;
  return state_ == State::kBlock ? wire::TransactionStatus::kInTransaction
                                 : wire::TransactionStatus::kIdle;
}

bool Transaction::takes_fresh_snapshots() const {
  return connection_ == nullptr || !connection_->in_transaction();
}

// ---- Blocks ----

int64_t Transaction::start_us() {
  if (start_us_ == 0) start_us_ = NowMicros();
  return start_us_;
}

void Transaction::Begin(IsolationLevel isolation, bool read_only) {
  start_us();
  state_ = State::kBlock;
  isolation_ = isolation == IsolationLevel::kUnspecified ? default_isolation : isolation;
  read_only_ = read_only;
}

void Transaction::BeginImplicit() {
  if (state_ != State::kNone) return;
  state_ = State::kImplicit;
  start_us();
  isolation_ = default_isolation;
}

SqlStatus Transaction::SetIsolation(IsolationLevel isolation, bool read_only) {
  if (isolation != IsolationLevel::kUnspecified) {
    if (!takes_fresh_snapshots() && isolation != isolation_) {
      return SqlError{"25001", "SET TRANSACTION ISOLATION LEVEL must be called before any query"};
    }
    isolation_ = isolation;
  }
  read_only_ = read_only;
  return SqlOk();
}

SqlStatus Transaction::Commit(bool* was_rolled_back) {
  *was_rolled_back = state_ == State::kFailed;
  if (*was_rolled_back) {
    Rollback();
    return SqlOk();
  }
  if (connection_ != nullptr && connection_->in_transaction()) {
    const LongWork committing;
    if (changed_schema_) ++*schema_generation_;
    const bool has_written = has_turn_;
    if (auto committed = connection_->Run("COMMIT"); !committed) {
      Rollback();
      return committed;
    }
    if (has_written) unsynced_ = connection_->unsynced_database();
    if (changed_schema_) ++*schema_generation_;
  }
  EndBlock();
  return SqlOk();
}

void Transaction::Rollback() {
  unsynced_ = nullptr;
  if (connection_ != nullptr && connection_->in_transaction()) {
    const LongWork rolling_back;
    // Fails only where SQLite has rolled back already.
    [[maybe_unused]] const auto status = connection_->Run("ROLLBACK");
    if (changed_schema_) ++*schema_generation_;
  }
  EndBlock();
}

// Here and now, if nobody else writes: then nobody waits for this loop to go on either.
Task<SqlStatus> Transaction::AwaitDurable() {
  const std::shared_ptr<Database> unsynced = std::exchange(unsynced_, nullptr);
  if (unsynced == nullptr) co_return SqlOk();
  Status synced = Ok();
  if (writers_->is_free()) {
    const LongWork syncing;
    synced = unsynced->Sync();
  } else {
    synced = co_await syncer_->Sync(unsynced, loop_);
  }
  if (synced) co_return SqlOk();
  co_return SqlError{"58030", synced.error().message,
                     "It is committed, and may be lost if the machine fails."};
}

void Transaction::EndBlock() {
  state_ = State::kNone;
  start_us_ = 0;
  read_only_ = false;
  changed_schema_ = false;
  savepoints_.clear();
  GiveTurn();
  GiveConnectionBack();
}

SqlStatus Transaction::Savepoint(std::string_view name) {
  savepoints_.push_back({std::string(name)});
  if (!takes_fresh_snapshots()) return MakeSavepoints();
  return SqlOk();
}

SqlStatus Transaction::Release(std::string_view name) {
  SIBYL_ASSIGN_OR_RETURN(const size_t index, FindSavepoint(name));
  const bool made = savepoints_[index].made;
  savepoints_.resize(index);
  return made ? connection_->Run("RELEASE " + InnerName(index)) : SqlOk();
}

SqlStatus Transaction::RollbackTo(std::string_view name) {
  SIBYL_ASSIGN_OR_RETURN(const size_t index, FindSavepoint(name));
  const bool in_sqlite = connection_ != nullptr && connection_->in_transaction();
  savepoints_.resize(index + 1);
  if (savepoints_[index].made) {
    if (!in_sqlite) {
      return SqlError{"40000",
                      "the transaction was rolled back by an earlier error",
                      {},
                      "Only ROLLBACK can end it."};
    }
    SIBYL_RETURN_IF_ERROR(connection_->Run("ROLLBACK TO " + InnerName(index)));
    if (changed_schema_) ++*schema_generation_;
  }
  state_ = State::kBlock;
  return SqlOk();
}

SqlResult<size_t> Transaction::FindSavepoint(std::string_view name) const {
  for (size_t i = savepoints_.size(); i > 0; --i) {
    if (savepoints_[i - 1].name == name) return i - 1;
  }
  return SqlError{"3B001", "savepoint \"" + std::string(name) + "\" does not exist"};
}

void Transaction::Fail() {
  if (state_ != State::kBlock && state_ != State::kFailed) {
    Rollback();
    return;
  }
  state_ = State::kFailed;
  if (!savepoints_.empty()) return;
  // Nothing can be saved: others need not wait for the client to say ROLLBACK.
  if (connection_ != nullptr && connection_->in_transaction()) {
    [[maybe_unused]] const auto status = connection_->Run("ROLLBACK");
    if (changed_schema_) ++*schema_generation_;
  }
  GiveTurn();
  GiveConnectionBack();
}

// ---- Statements ----

Task<SqlResult<PooledConnection*>> Transaction::Connection() {
  if (connection_ == nullptr) {
    auto borrowed = co_await pool_->Borrow(loop_, interrupt_, limits.lock_timeout_ms);
    if (!borrowed) co_return std::move(borrowed).error();
    connection_ = std::move(borrowed).value();
    connection_->ServeFor({interrupt_, facts_, [this] { GiveTurn(); }});
  }
  co_return connection_.get();
}

Task<SqlStatus> Transaction::BeforeStatement(bool writes) {
  if (writes && read_only_) {
    co_return SqlError{"25006",
                       "cannot execute a statement that writes in a read-only transaction"};
  }
  const bool autocommit = state_ == State::kNone;
  if (!autocommit && repeatable() && !connection_->in_transaction()) {
    if (auto begun = BeginInSqlite("BEGIN"); !begun) co_return begun;
  }
  if (!writes || has_turn_) co_return SqlOk();
  if (auto turn = co_await TakeTurn(); !turn) co_return turn;
  if (autocommit && connection_ != nullptr) unsynced_ = connection_->unsynced_database();
  if (autocommit || connection_->in_transaction()) co_return SqlOk();
  auto begun = BeginInSqlite("BEGIN IMMEDIATE");
  if (!begun) GiveTurn();
  co_return begun;
}

bool Transaction::MayReadPast(sqlite3** writing) const {
  const bool in_sqlite = connection_ != nullptr && connection_->in_transaction();
  *writing = in_sqlite ? connection_->db() : nullptr;
  if (in_sqlite) return state_ != State::kFailed;
  return state_ == State::kNone || (state_ != State::kFailed && !repeatable());
}

void Transaction::AfterStatement() {
  if (connection_ != nullptr && connection_->has_open_statements()) return;
  if (state_ != State::kNone) {
    // A block that has only read so far needs no connection until its next statement.
    if (takes_fresh_snapshots() && !has_turn_) GiveConnectionBack();
    return;
  }
  if (changed_schema_) ++*schema_generation_;
  changed_schema_ = false;
  start_us_ = 0;
  GiveTurn();
  GiveConnectionBack();
}

void Transaction::NoteSchemaChange() {
  changed_schema_ = true;
  ++*schema_generation_;
}

Task<SqlStatus> Transaction::TakeTurn() {
  auto outcome = TurnQueue::Outcome::kGranted;
  if (!writers_->TryAcquire()) {
    turn_use_.waited = true;
    outcome = co_await writers_->Acquire(loop_, interrupt_, limits.lock_timeout_ms);
  }
  if (outcome == TurnQueue::Outcome::kInterrupted) co_return interrupt_->ToError();
  if (outcome == TurnQueue::Outcome::kTimedOut) {
    co_return SqlError{"55P03", "canceling statement due to lock timeout",
                       "Another transaction has been writing all the time."};
  }
  has_turn_ = true;
  if (turn_use_.waited || measures_turns) turn_since_ns_ = base::NowNs();
  co_return SqlOk();
}

void Transaction::GiveTurn() {
  if (!has_turn_) return;
  has_turn_ = false;
  if (turn_since_ns_ != 0) turn_use_.held_ns += base::NowNs() - turn_since_ns_;
  turn_since_ns_ = 0;
  handed_over_ = writers_->Release() == loop_;
}

SqlStatus Transaction::BeginInSqlite(const char* begin) {
  SIBYL_RETURN_IF_ERROR(connection_->Run(begin));
  return MakeSavepoints();
}

SqlStatus Transaction::MakeSavepoints() {
  for (size_t i = 0; i < savepoints_.size(); ++i) {
    if (savepoints_[i].made) continue;
    SIBYL_RETURN_IF_ERROR(connection_->Run("SAVEPOINT " + InnerName(i)));
    savepoints_[i].made = true;
  }
  return SqlOk();
}

void Transaction::GiveConnectionBack(bool session_ends) {
  if (connection_ == nullptr) return;
  if (connection_->has_temporary_objects() && !session_ends) return;
  pool_->GiveBack(std::move(connection_));
}

}  // namespace sibyl::sql::server
