// Executor: what the session does itself; here: transactions, and who does the rest.

#include "base/status_macros.h"
#include "sql/server/executor.h"
#include "sql/server/isolation.h"

namespace sibyl::sql::server {
namespace {

bool MayRunWhenFailed(StatementKind kind) {
  return kind == StatementKind::kCommit || kind == StatementKind::kRollback ||
         kind == StatementKind::kRollbackTo;
}

SqlError AbortedTransaction() {
  return {"25P02",
          "current transaction is aborted, commands ignored until end of transaction block"};
}

}  // namespace

Task<SqlResult<RunOutcome>> Executor::Run(Portal* portal, RunOptions options) {
  const Translated* translated = portal->statement->translated();
  if (translated == nullptr) {
    wire::WriteSignal(channel_->out(), wire::Signal::kEmptyQueryResponse);
    co_return RunOutcome::kComplete;
  }
  if (transaction_.failed() && !MayRunWhenFailed(translated->kind)) co_return AbortedTransaction();
  Metrics::Add(&server_->metrics.statements);
  if (translated->kind <= StatementKind::kUtility) co_return co_await RunSql(portal, options);
  const Translation kept_alive = portal->statement->translation;
  auto status = co_await RunUtility(portal, *translated, options);
  if (!status) co_return std::move(status).error();
  co_return RunOutcome::kComplete;
}

Task<SqlStatus> Executor::RunUtility(Portal* portal, const Translated& command,
                                     RunOptions options) {
  WriteNotices(command);
  switch (command.kind) {
    case StatementKind::kBegin:
    case StatementKind::kCommit:
    case StatementKind::kRollback:
    case StatementKind::kSavepoint:
    case StatementKind::kRelease:
    case StatementKind::kRollbackTo:
    case StatementKind::kSetTransaction:
      co_return co_await RunTransactionCommand(command);
    case StatementKind::kSet:
    case StatementKind::kShow:
    case StatementKind::kReset:
    case StatementKind::kDiscardAll:
      co_return RunSettingCommand(command, options.write_fields);
    case StatementKind::kDeclareCursor:
      co_return co_await DeclareCursor(portal, command);
    case StatementKind::kFetch:
    case StatementKind::kMove:
      co_return co_await Fetch(command, options.write_fields);
    case StatementKind::kCloseCursor:
      co_return CloseCursor(command);
    case StatementKind::kPrepare:
      co_return co_await PrepareNamed(command);
    case StatementKind::kExecute:
      co_return co_await ExecutePrepared(command, options);
    case StatementKind::kDeallocate:
      co_return Deallocate(command);
    case StatementKind::kCopyIn:
      co_return co_await CopyIn(command);
    case StatementKind::kCopyOut:
      co_return co_await CopyOut(portal, command);
    case StatementKind::kCreateUser:
    case StatementKind::kAlterUser:
    case StatementKind::kDropUser:
      co_return co_await ManageUsers(command);
    default:
      WriteTag(command.tag_word);
      co_return SqlOk();
  }
}

// ---- Transactions ----

Task<SqlStatus> Executor::RunTransactionCommand(const Translated& command) {
  const auto warn = [this](const char* sqlstate, const char* message) {
    wire::WriteNotice(channel_->out(), wire::Severity::kWarning, {sqlstate, message});
  };
  SqlStatus status = SqlOk();
  std::string tag = command.tag_word;
  const bool needs_block = command.kind == StatementKind::kSavepoint ||
                           command.kind == StatementKind::kRelease ||
                           command.kind == StatementKind::kRollbackTo;
  if (needs_block && !transaction_.in_block()) {
    co_return SqlError{"25P01", tag + " can only be used in transaction blocks"};
  }
  switch (command.kind) {
    case StatementKind::kBegin:
      if (transaction_.in_block()) {
        warn("25001", "there is already a transaction in progress");
      } else {
        const bool read_only =
            command.read_only || settings_.Get("default_transaction_read_only") == "on";
        transaction_.default_isolation =
            IsolationOf(*settings_.Get("default_transaction_isolation"));
        transaction_.Begin(command.isolation, read_only);
        settings_.Force("transaction_isolation", NameOf(transaction_.isolation()));
      }
      break;
    case StatementKind::kCommit: {
      if (!transaction_.in_block()) warn("25P01", "there is no transaction in progress");
      const bool was_failed = transaction_.failed();
      status = co_await Commit();
      if (was_failed) tag = "ROLLBACK";
      break;
    }
    case StatementKind::kRollback:
      if (!transaction_.in_block()) warn("25P01", "there is no transaction in progress");
      EndPortals();
      transaction_.Rollback();
      settings_.EndTransaction();
      break;
    case StatementKind::kSavepoint:
      status = transaction_.Savepoint(command.name);
      break;
    case StatementKind::kRelease:
      status = transaction_.Release(command.name);
      break;
    case StatementKind::kRollbackTo:
      if (auto kept = KeepOpenRows(nullptr); !kept) co_return kept;
      status = transaction_.RollbackTo(command.name);
      break;
    default:
      status = transaction_.SetIsolation(command.isolation, command.read_only);
      break;
  }
  transaction_.AfterStatement();
  if (status) WriteTag(tag);
  co_return status;
}

// Cursors WITH HOLD take their rows with them.
Task<SqlStatus> Executor::Commit() {
  if (!transaction_.failed()) {
    for (const auto& [name, portal] : portals_) {
      if (!portal->hold || portal->is_held) continue;
      const LongWork keeping;
      if (portal->rows != nullptr) {
        SqlStatus kept = portal->rows->Keep(server_->options.max_cursor_bytes, &server_->memory);
        if (!kept) co_return kept;
      }
      portal->is_held = true;
    }
  }
  EndPortals();
  bool was_rolled_back = false;
  SqlStatus status = transaction_.Commit(&was_rolled_back);
  if (status) status = co_await transaction_.AwaitDurable();
  settings_.EndTransaction();
  co_return status;
}

}  // namespace sibyl::sql::server
