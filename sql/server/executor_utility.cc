// Executor: what the session does itself: transactions, settings, cursors, prepared statements.

#include <algorithm>

#include "base/status_macros.h"
#include "sql/server/executor.h"
#include "sql/server/type_oids.h"
#include "sql/server/value_format.h"

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

const char* NameOf(IsolationLevel level) {
  switch (level) {
    case IsolationLevel::kRepeatableRead:
      return "repeatable read";
    case IsolationLevel::kSerializable:
      return "serializable";
    default:
      return "read committed";
  }
}

IsolationLevel IsolationOf(std::string_view name) {
  if (name == "repeatable read") return IsolationLevel::kRepeatableRead;
  if (name == "serializable") return IsolationLevel::kSerializable;
  return IsolationLevel::kReadCommitted;
}

wire::FieldDescription TextField(std::string name) {
  wire::FieldDescription field;
  field.name = std::move(name);
  field.type_oid = kTextOid;
  return field;
}

void WriteTextRow(std::string* out, std::initializer_list<std::string_view> values) {
  const size_t row = wire::BeginRow(out, values.size());
  for (const std::string_view value : values) {
    const size_t field = wire::BeginField(out);
    out->append(value);
    wire::EndField(out, field);
  }
  wire::EndRow(out, row);
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
      co_return Fetch(command, options.write_fields);
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
        SqlStatus kept =
            portal->rows->Keep(server_->options.max_cursor_bytes, &server_->cursor_memory);
        if (!kept) co_return kept;
      }
      portal->is_held = true;
    }
  }
  EndPortals();
  bool was_rolled_back = false;
  SqlStatus status = transaction_.Commit(&was_rolled_back);
  settings_.EndTransaction();
  co_return status;
}

// ---- Settings ----

SqlStatus Executor::RunSettingCommand(const Translated& command, bool write_fields) {
  switch (command.kind) {
    case StatementKind::kSet:
      SIBYL_RETURN_IF_ERROR(SetParameter(command));
      break;
    case StatementKind::kShow:
      SIBYL_RETURN_IF_ERROR(Show(command, write_fields));
      break;
    case StatementKind::kReset:
      if (command.name == "all") {
        settings_.ResetAll();
      } else {
        SIBYL_RETURN_IF_ERROR(settings_.Reset(command.name));
      }
      break;
    default:
      SIBYL_RETURN_IF_ERROR(DiscardAll());
      break;
  }
  transaction_.limits.lock_timeout_ms = settings_.TimeLimitMs(TimeLimit::kLock);
  WriteTag(command.tag_word);
  return SqlOk();
}

SqlStatus Executor::SetParameter(const Translated& command) {
  const bool is_isolation = command.name == "transaction_isolation";
  if (command.is_local) {
    if (!transaction_.in_block()) {
      wire::WriteNotice(channel_->out(), wire::Severity::kWarning,
                        {"25P01", "SET LOCAL can only be used in transaction blocks"});
      return SqlOk();
    }
    settings_.MakeLocal(command.name);
  }
  SIBYL_RETURN_IF_ERROR(settings_.Set(command.name, command.value));
  if (is_isolation && transaction_.in_block()) {
    return transaction_.SetIsolation(IsolationOf(command.value), transaction_.read_only());
  }
  return SqlOk();
}

SqlStatus Executor::Show(const Translated& command, bool write_fields) {
  std::string* const out = channel_->out();
  if (command.name == "all") {
    if (write_fields) {
      wire::WriteRowDescription(
          out, {TextField("name"), TextField("setting"), TextField("description")});
    }
    for (const Settings::Change& setting : settings_.All()) {
      WriteTextRow(out, {setting.name, setting.value, ""});
    }
    return SqlOk();
  }
  auto value = settings_.Get(command.name);
  if (!value) {
    return SqlError{"42704", "unrecognized configuration parameter \"" + command.name + "\""};
  }
  if (command.name == "transaction_isolation") {
    value = transaction_.in_block() ? NameOf(transaction_.isolation())
                                    : *settings_.Get("default_transaction_isolation");
  }
  if (write_fields) wire::WriteRowDescription(out, {TextField(command.name)});
  WriteTextRow(out, {*value});
  return SqlOk();
}

SqlStatus Executor::DiscardAll() {
  if (transaction_.in_block()) {
    return SqlError{"25001", "DISCARD ALL cannot run inside a transaction block"};
  }
  portals_.clear();
  ClosePortal("");
  statements_.clear();
  settings_.ResetAll();
  transaction_.DropTemporaryObjects();
  return SqlOk();
}

// ---- Cursors ----

Task<SqlStatus> Executor::DeclareCursor(Portal* portal, const Translated& command) {
  const bool has_transaction = transaction_.in_block() || transaction_.in_implicit_block();
  if (!command.hold && !has_transaction) {
    co_return SqlError{"25P01", "DECLARE CURSOR can only be used in transaction blocks"};
  }
  if (portals_.contains(command.name)) {
    co_return SqlError{"42P03", "cursor \"" + command.name + "\" already exists"};
  }
  if (portals_.size() >= kMaxNamed) co_return SqlError{"53400", "too many cursors"};
  // The cursor's query is the translation's SQL, under a statement that is a SELECT.
  auto query = std::make_shared<std::vector<Translated>>(1, command);
  query->front().kind = StatementKind::kSelect;
  auto statement = std::make_shared<Statement>(*portal->statement);
  statement->translation = std::move(query);
  statement->index = 0;
  statement->fields_known = false;
  statement->is_part = true;
  auto cursor = MakePortal(std::move(statement));
  cursor->parameters = portal->parameters;
  cursor->hold = command.hold;
  auto described = co_await Describe(cursor->statement.get());
  if (!described) co_return described;
  if (auto started = co_await Start(cursor.get()); !started) co_return started;
  if (auto known = KnowFields(cursor.get()); !known) co_return known;
  if (cursor->rows != nullptr && (command.scroll || !has_transaction)) {
    const LongWork keeping;
    auto kept = cursor->rows->Keep(server_->options.max_cursor_bytes, &server_->cursor_memory);
    if (!kept) co_return kept;
  }
  cursor->is_held = command.hold && !has_transaction;
  portals_.emplace(command.name, std::move(cursor));
  if (!has_transaction) transaction_.AfterStatement();
  WriteTag(command.tag_word);
  co_return SqlOk();
}

SqlStatus Executor::Fetch(const Translated& command, bool write_fields) {
  SIBYL_ASSIGN_OR_RETURN(Portal* const cursor, FindPortal(command.name));
  const bool sends = command.kind == StatementKind::kFetch;
  if (sends && write_fields) wire::WriteRowDescription(channel_->out(), cursor->fields);
  uint64_t count = 0;
  if (cursor->rows != nullptr) {
    const LongWork fetching;
    SIBYL_ASSIGN_OR_RETURN(count, FetchRows(cursor, command, sends));
  }
  WriteTag((sends ? "FETCH " : "MOVE ") + std::to_string(count));
  return SqlOk();
}

// How many rows were passed, all of them sent if `sends`.
SqlResult<uint64_t> Executor::FetchRows(Portal* cursor, const Translated& command, bool sends) {
  ResultRows& rows = *cursor->rows;
  const bool forward = command.fetch_direction == FetchDirection::kForward && command.count >= 0;
  if (forward && command.count > 0) {
    auto left = static_cast<uint64_t>(command.count);
    for (; left > 0; --left) {
      SIBYL_ASSIGN_OR_RETURN(const bool has_row, rows.Next());
      if (!has_row) break;
      if (sends) SIBYL_RETURN_IF_ERROR(SendRow(*cursor));
    }
    return static_cast<uint64_t>(command.count) - left;
  }
  if (rows.is_live()) {
    return SqlError{"55000",
                    "cursor can only scan forward",
                    {},
                    "Declare it with SCROLL option to enable backward scan."};
  }
  return FetchElsewhere(cursor, command, sends);
}

// FETCH in any direction, of rows that are in memory.
SqlResult<uint64_t> Executor::FetchElsewhere(Portal* cursor, const Translated& command,
                                             bool sends) {
  ResultRows& rows = *cursor->rows;
  const auto last = static_cast<int64_t>(rows.rows());
  const auto here = static_cast<int64_t>(rows.place());
  const bool is_step = command.fetch_direction == FetchDirection::kForward ||
                       command.fetch_direction == FetchDirection::kBackward;
  const bool backward = command.fetch_direction == FetchDirection::kBackward;
  if (is_step && command.count != 0) {
    const bool up = backward == (command.count < 0);
    const uint64_t wanted = command.count < 0 ? 0 - static_cast<uint64_t>(command.count)
                                              : static_cast<uint64_t>(command.count);
    uint64_t passed = 0;
    for (; passed < wanted; ++passed) {
      if (!up && rows.place() == 0) break;
      if (!rows.MoveTo(up ? rows.place() + 1 : rows.place() - 1)) break;
      if (sends) SIBYL_RETURN_IF_ERROR(SendRow(*cursor));
    }
    return passed;
  }
  int64_t target = here;
  if (command.fetch_direction == FetchDirection::kRelative) {
    target = here + std::clamp(command.count, -last - 1, last + 1);
  } else if (command.fetch_direction == FetchDirection::kAbsolute) {
    target = command.count >= 0
                 ? std::min(command.count, last + 1)
                 : std::max<int64_t>(0, last + 1 + std::max(command.count, -last - 1));
  }
  if (!rows.MoveTo(static_cast<size_t>(std::max<int64_t>(0, target)))) return uint64_t{0};
  if (sends) SIBYL_RETURN_IF_ERROR(SendRow(*cursor));
  return uint64_t{1};
}

SqlStatus Executor::CloseCursor(const Translated& command) {
  if (command.name.empty()) {
    portals_.clear();
  } else {
    SIBYL_RETURN_IF_ERROR(FindPortal(command.name));
    ClosePortal(command.name);
  }
  transaction_.AfterStatement();
  WriteTag(command.tag_word);
  return SqlOk();
}

// ---- Prepared statements, in SQL ----

Task<SqlStatus> Executor::PrepareNamed(const Translated& command) {
  auto statements = co_await Translate(command.inner_text, command.parameter_type_oids);
  if (!statements) co_return std::move(statements).error();
  StatementPtr statement = std::move(statements->front());
  auto described = co_await Describe(statement.get());
  if (described) described = NameStatement(command.name, std::move(statement));
  transaction_.AfterStatement();
  if (described) WriteTag(command.tag_word);
  co_return described;
}

Task<SqlStatus> Executor::ExecutePrepared(const Translated& command, RunOptions options) {
  auto statement = FindStatement(command.name);
  if (!statement) co_return std::move(statement).error();
  const size_t wanted = (*statement)->parameter_oids.size();
  if (command.arguments.size() != wanted) {
    co_return SqlError{"42601",
                       "wrong number of parameters for prepared statement \"" + command.name + "\"",
                       "Expected " + std::to_string(wanted) + " parameters but got " +
                           std::to_string(command.arguments.size()) + "."};
  }
  auto portal = MakePortal(std::move(statement).value());
  auto values = co_await Evaluate(command.arguments);
  if (!values) co_return std::move(values).error();
  portal->parameters = std::move(values).value();
  auto outcome = co_await Run(portal.get(), options);
  if (!outcome) co_return std::move(outcome).error();
  co_return SqlOk();
}

Task<SqlResult<std::vector<OwnedValue>>> Executor::Evaluate(
    const std::vector<std::string>& expressions) {
  std::vector<OwnedValue> values;
  if (expressions.empty()) co_return values;
  std::string sql = "SELECT ";
  for (const std::string& expression : expressions) {
    sql += (sql.size() > 7 ? ", " : "") + expression;
  }
  auto connection = co_await transaction_.Connection();
  if (!connection) co_return std::move(connection).error();
  auto prepared = (*connection)->Prepare(sql);
  if (!prepared) co_return std::move(prepared).error();
  ResultRows rows(*connection, *prepared);
  auto has_row = rows.Next();
  if (!has_row) co_return std::move(has_row).error();
  for (size_t i = 0; i < rows.columns(); ++i) {
    const SqlValue value = rows.Value(i);
    values.push_back({value, std::string(value.bytes)});
  }
  co_return values;
}

SqlStatus Executor::Deallocate(const Translated& command) {
  if (command.name.empty()) {
    statements_.clear();
  } else {
    SIBYL_RETURN_IF_ERROR(FindStatement(command.name));
    CloseStatement(command.name);
  }
  WriteTag(command.tag_word);
  return SqlOk();
}

}  // namespace sibyl::sql::server
