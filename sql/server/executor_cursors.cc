// Executor: DECLARE, FETCH, MOVE, CLOSE.

#include <algorithm>

#include "base/status_macros.h"
#include "sql/server/executor.h"

namespace sibyl::sql::server {

// The query within DECLARE or COPY: the translation's SQL, as a SELECT.
StatementPtr Executor::QueryOf(const Statement& whole, const Translated& command) {
  auto query = std::make_shared<std::vector<Translated>>(1, command);
  query->front().kind = StatementKind::kSelect;
  auto statement = std::make_shared<Statement>();
  statement->translation = std::move(query);
  statement->schema_generation = whole.schema_generation;
  statement->parameter_oids = whole.parameter_oids;
  statement->is_part = true;
  return statement;
}

Task<SqlStatus> Executor::DeclareCursor(Portal* portal, const Translated& command) {
  const bool has_transaction = transaction_.in_block() || transaction_.in_implicit_block();
  if (!command.hold && !has_transaction) {
    co_return SqlError{"25P01", "DECLARE CURSOR can only be used in transaction blocks"};
  }
  if (portals_.contains(command.name)) {
    co_return SqlError{"42P03", "cursor \"" + command.name + "\" already exists"};
  }
  if (portals_.size() >= kMaxNamed) co_return SqlError{"53400", "too many cursors"};
  auto cursor = MakePortal(QueryOf(*portal->statement, command));
  cursor->parameters = portal->parameters;
  cursor->hold = command.hold;
  auto described = co_await Describe(cursor->statement.get());
  if (!described) co_return described;
  if (auto started = co_await Start(cursor.get()); !started) co_return started;
  if (auto known = KnowFields(cursor.get()); !known) co_return known;
  if (cursor->rows != nullptr && (command.scroll || !has_transaction)) {
    const LongWork keeping;
    auto kept = cursor->rows->Keep(server_->options.max_cursor_bytes, &server_->memory);
    if (!kept) co_return kept;
  }
  cursor->is_held = command.hold && !has_transaction;
  portals_.emplace(command.name, std::move(cursor));
  if (!has_transaction) transaction_.AfterStatement();
  WriteTag(command.tag_word);
  co_return SqlOk();
}

Task<SqlStatus> Executor::Fetch(const Translated& command, bool write_fields) {
  const auto cursor = FindPortal(command.name);
  if (!cursor) co_return cursor.error();
  const bool sends = command.kind == StatementKind::kFetch;
  if (sends && write_fields) wire::WriteRowDescription(channel_->out(), (*cursor)->fields);
  uint64_t count = 0;
  if ((*cursor)->rows != nullptr) {
    auto fetched = co_await FetchRows(*cursor, command, sends);
    if (!fetched) co_return std::move(fetched).error();
    count = *fetched;
  }
  WriteTag((sends ? "FETCH " : "MOVE ") + std::to_string(count));
  co_return SqlOk();
}

// How many rows were passed, all of them sent if `sends`.
Task<SqlResult<uint64_t>> Executor::FetchRows(Portal* cursor, const Translated& command,
                                              bool sends) {
  ResultRows& rows = *cursor->rows;
  const bool forward = command.fetch_direction == FetchDirection::kForward && command.count >= 0;
  if (!forward || command.count == 0) {
    if (!rows.is_live()) co_return co_await FetchElsewhere(cursor, command, sends);
    co_return SqlError{"55000",
                       "cursor can only scan forward",
                       {},
                       "Declare it with SCROLL option to enable backward scan."};
  }
  const auto wanted = static_cast<uint64_t>(command.count);
  uint64_t passed = 0;
  for (; passed < wanted; ++passed) {
    SqlResult<bool> has_row = false;
    {
      const LongWork stepping;
      has_row = rows.Next();
    }
    if (!has_row) co_return std::move(has_row).error();
    if (!*has_row) break;
    if (!sends) continue;
    if (auto sent = co_await FetchRow(cursor); !sent) co_return std::move(sent).error();
  }
  co_return passed;
}

// FETCH in any direction, of rows that are in memory.
Task<SqlResult<uint64_t>> Executor::FetchElsewhere(Portal* cursor, const Translated& command,
                                                   bool sends) {
  ResultRows& rows = *cursor->rows;
  const auto last = static_cast<int64_t>(rows.rows());
  const auto here = static_cast<int64_t>(rows.place());
  const bool is_step = command.fetch_direction == FetchDirection::kForward ||
                       command.fetch_direction == FetchDirection::kBackward;
  const bool backward = command.fetch_direction == FetchDirection::kBackward;
  uint64_t passed = 0;
  if (is_step && command.count != 0) {
    const bool up = backward == (command.count < 0);
    const uint64_t wanted = command.count < 0 ? 0 - static_cast<uint64_t>(command.count)
                                              : static_cast<uint64_t>(command.count);
    for (; passed < wanted; ++passed) {
      if (!up && rows.place() == 0) break;
      if (!rows.MoveTo(up ? rows.place() + 1 : rows.place() - 1)) break;
      if (!sends) continue;
      if (auto sent = co_await FetchRow(cursor); !sent) co_return std::move(sent).error();
    }
    co_return passed;
  }
  int64_t target = here;
  if (command.fetch_direction == FetchDirection::kRelative) {
    target = here + std::clamp(command.count, -last - 1, last + 1);
  } else if (command.fetch_direction == FetchDirection::kAbsolute) {
    target = command.count >= 0
                 ? std::min(command.count, last + 1)
                 : std::max<int64_t>(0, last + 1 + std::max(command.count, -last - 1));
  }
  if (!rows.MoveTo(static_cast<size_t>(std::max<int64_t>(0, target)))) co_return passed;
  if (sends) {
    if (auto sent = co_await FetchRow(cursor); !sent) co_return std::move(sent).error();
  }
  co_return passed + 1;
}

// Sends the row at which the cursor stands.
Task<SqlStatus> Executor::FetchRow(Portal* cursor) {
  if (auto written = SendRow(*cursor); !written) co_return written;
  if (channel_->out()->size() < kSendBytes) co_return SqlOk();
  co_return co_await SendOut();
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

}  // namespace sibyl::sql::server
