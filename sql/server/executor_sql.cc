// Executor: statements that SQLite runs.

#include <algorithm>

#include "base/status_macros.h"
#include "sql/server/executor.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"
#include "sql/server/value_format.h"

namespace sibyl::sql::server {
namespace {

bool IsSpace(std::string_view sql) {
  return sql.find_first_not_of(" \t\r\n\f;") == std::string_view::npos;
}

// Appends a row, of which value_of(i) is column i.
template <typename ValueOf>
SqlStatus WriteRow(const std::vector<wire::FieldDescription>& fields, const ValueOf& value_of,
                   std::string* out) {
  const size_t row = wire::BeginRow(out, fields.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    const SqlValue value = value_of(i);
    if (value.type == ValueType::kNull) {
      wire::NullField(out);
      continue;
    }
    const size_t field = wire::BeginField(out);
    if (fields[i].format == 0) {
      EncodeText(fields[i].type_oid, value, out, fields[i].type_modifier);
    } else if (auto encoded = EncodeBinary(fields[i].type_oid, value, out, fields[i].type_modifier);
               !encoded) {
      out->resize(row);
      return encoded;
    }
    wire::EndField(out, field);
  }
  wire::EndRow(out, row);
  return SqlOk();
}

}  // namespace

// Runs all but the last of several statements: what one statement of PostgreSQL's became.
Task<SqlResult<PreparedStatement*>> Executor::RunLeadingStatements(PooledConnection* connection,
                                                                   const Translated& translated) {
  std::string_view sql = translated.sql;
  for (;;) {
    auto prepared = connection->Prepare(sql);
    if (!prepared) co_return prepared;
    if (*prepared == nullptr) co_return prepared;
    PreparedStatement* const statement = *prepared;
    if (IsSpace(statement->rest)) co_return statement;
    sql = sql.substr(sql.size() - statement->rest.size());
    transaction_.BeginImplicit();
    const bool writes = sqlite3_stmt_readonly(statement->handle) == 0;
    auto ready = co_await transaction_.BeforeStatement(writes);
    SqlStatus status = std::move(ready);
    if (status) {
      const LongWork running;
      int code = SQLITE_ROW;
      while (code == SQLITE_ROW) code = sqlite3_step(statement->handle);
      if (code != SQLITE_DONE) status = connection->LastError(code);
    }
    connection->Release(statement);
    if (!status) co_return std::move(status).error();
    if (writes && translated.kind == StatementKind::kUtility) transaction_.NoteSchemaChange();
  }
}

SqlStatus Executor::BindParameters(PooledConnection* connection, PreparedStatement* prepared,
                                   const Portal& portal) {
  const int wanted = sqlite3_bind_parameter_count(prepared->handle);
  for (int i = 0; i < wanted && i < static_cast<int>(portal.parameters.size()); ++i) {
    const int code = BindValue(prepared->handle, i + 1, portal.parameters[i].view());
    if (code != SQLITE_OK) return connection->LastError(code);
  }
  return SqlOk();
}

// Prepares the portal's statement, binds it and begins what its transaction needs.
Task<SqlStatus> Executor::Start(Portal* portal) {
  auto borrowed = co_await transaction_.Connection();
  if (!borrowed) co_return std::move(borrowed).error();
  PooledConnection* const connection = *borrowed;
  if (auto fresh = Refresh(portal->statement.get()); !fresh) co_return fresh;
  const Translated& translated = *portal->statement->translated();
  auto leading = co_await RunLeadingStatements(connection, translated);
  if (!leading) {
    co_return translated.syntax_error ? *translated.syntax_error : std::move(leading).error();
  }
  if (*leading == nullptr) co_return SqlOk();
  PreparedStatement* const prepared = *leading;
  auto rows = std::make_unique<ResultRows>(connection, prepared);  // releases it in every case
  const bool writes = sqlite3_stmt_readonly(prepared->handle) == 0 || translated.locks_rows;
  if (writes || transaction_.takes_fresh_snapshots()) {
    if (auto kept = KeepOpenRows(portal); !kept) co_return kept;
  }
  if (auto bound = BindParameters(connection, prepared, *portal); !bound) co_return bound;
  if (auto ready = co_await transaction_.BeforeStatement(writes); !ready) co_return ready;
  if (writes && translated.kind == StatementKind::kUtility) transaction_.NoteSchemaChange();
  portal->rows = std::move(rows);
  co_return SqlOk();
}

// Decides on the fields: those of the statement, with the first row's types where the statement
// does not know, in the formats that the client wants.
SqlStatus Executor::KnowFields(Portal* portal) {
  if (!portal->fields.empty()) return SqlOk();
  Statement& statement = *portal->statement;
  portal->fields = statement.fields;
  const size_t formats = portal->result_formats.size();
  if (formats > 1 && formats != portal->fields.size()) {
    return SqlError{"08P01", "bind message has " + std::to_string(formats) +
                                 " result formats but query has " +
                                 std::to_string(portal->fields.size()) + " columns"};
  }
  for (size_t i = 0; i < portal->fields.size(); ++i) {
    wire::FieldDescription& field = portal->fields[i];
    field.format = wire::FormatOf(portal->result_formats, i);
    if (field.type_oid != kUnspecifiedOid) continue;
    field.type_oid = kTextOid;
    if (statement.fields_told || portal->rows == nullptr) continue;
    const LongWork stepping;
    SIBYL_ASSIGN_OR_RETURN(const bool has_row, portal->rows->Peek());
    if (has_row) field.type_oid = TypeOidOfValue(portal->rows->Value(i));
    field.type_size_bytes = TypeSizeBytes(field.type_oid);
  }
  return SqlOk();
}

// Takes the further rows of all open portals but one into memory: before a write, which they must
// not see, and before a statement that is to have a new snapshot.
SqlStatus Executor::KeepOpenRows(const Portal* except) {
  const LongWork keeping;
  const auto keep = [&](Portal* portal) -> SqlStatus {
    if (portal == except || portal->rows == nullptr || !portal->rows->is_live()) return SqlOk();
    return portal->rows->Keep(server_->options.max_cursor_bytes, &server_->memory);
  };
  SIBYL_RETURN_IF_ERROR(keep(&unnamed_portal_));
  for (const auto& [name, portal] : portals_) SIBYL_RETURN_IF_ERROR(keep(portal.get()));
  return SqlOk();
}

SqlStatus Executor::SendRow(const Portal& portal) {
  const auto value_of = [&](size_t column) { return portal.rows->Value(column); };
  return WriteRow(portal.fields, value_of, channel_->out());
}

// Rows until there are none, `rows_left` are sent, or the buffer is full.
SqlResult<Executor::BatchEnd> Executor::SendBatch(Portal* portal, uint64_t* rows_left) {
  const LongWork stepping;
  for (;;) {
    if (*rows_left == 0) return BatchEnd::kLimit;
    if (channel_->out()->size() >= kSendBytes) return BatchEnd::kBufferFull;
    SIBYL_ASSIGN_OR_RETURN(const bool has_row, portal->rows->Next());
    if (!has_row) return BatchEnd::kDone;
    if (portal->rows->columns() != portal->fields.size()) {
      return SqlError{"0A000", "cached plan must not change result type"};
    }
    SIBYL_RETURN_IF_ERROR(SendRow(*portal));
    --*rows_left;
    ++portal->rows_sent;
  }
}

// Sends what was written so far.
Task<SqlStatus> Executor::SendOut() {
  if (!channel_->TakeMemory()) co_return OutOfMemory("a row");
  if (const bool goes_on = co_await channel_->Send(); goes_on) co_return SqlOk();
  co_return SqlError{"08006", "the client does not read any more"};
}

Task<SqlResult<RunOutcome>> Executor::RunSql(Portal* portal, RunOptions options) {
  Statement* const statement = portal->statement.get();
  if (!statement->fields_known || !IsCurrent(*statement)) {
    auto described = co_await Describe(statement);
    if (!described) co_return std::move(described).error();
  }
  if (portal->rows == nullptr && !portal->is_done) {
    if (auto started = co_await Start(portal); !started) {
      co_return std::move(started).error();
    }
  }
  const Translated& translated = *portal->statement->translated();
  WriteNotices(translated);
  if (auto known = KnowFields(portal); !known) co_return std::move(known).error();
  if (options.write_fields && !portal->fields.empty()) {
    wire::WriteRowDescription(channel_->out(), portal->fields);
  }
  uint64_t rows_left = options.max_rows;
  while (portal->rows != nullptr) {
    auto end = SendBatch(portal, &rows_left);
    if (!end) co_return std::move(end).error();
    if (*end == BatchEnd::kDone) break;
    if (*end == BatchEnd::kLimit) co_return RunOutcome::kSuspended;
    if (auto sent = co_await SendOut(); !sent) co_return std::move(sent).error();
  }
  portal->is_done = true;
  KnowPoint(portal);
  const std::string tag = TagOf(*portal, translated);
  NoteSequence(translated);
  Metrics::Add(&server_->metrics.rows_sent, portal->rows_sent);
  portal->rows.reset();
  transaction_.AfterStatement();
  if (auto durable = co_await transaction_.AwaitDurable(); !durable) {
    co_return std::move(durable).error();
  }
  WriteTag(tag);
  co_return RunOutcome::kComplete;
}

// Learns whether the statement that has just run is a point lookup. Only now is its program certain
// to be of the present schema, temporary tables included: SQLite compiles again as it begins to
// run.
void Executor::KnowPoint(Portal* portal) {
  Statement* const statement = portal->statement.get();
  if (statement->point_known || portal->rows == nullptr || !portal->rows->is_live()) return;
  statement->point_known = true;
  const Translated& translated = *statement->translated();
  if (translated.kind != StatementKind::kSelect || translated.locks_rows) return;
  statement->point = PlanPointRead(portal->rows->handle());
  if (statement->point) point_reader_.Open(transaction_.connection()->db());
}

SqlResult<bool> Executor::RunAtOnce(Portal* portal, RunOptions options) {
  const Statement& statement = *portal->statement;
  const bool has_begun = portal->rows != nullptr || portal->is_done;
  if (!statement.point || has_begun) return false;
  SIBYL_ASSIGN_OR_RETURN(const auto* fields, DescribeAtOnce(portal));
  sqlite3* writing = nullptr;
  if (fields == nullptr || fields->size() != static_cast<size_t>(statement.point->column_count) ||
      !transaction_.MayReadPast(&writing) ||
      !point_reader_.Read(*statement.point, portal->parameters, writing)) {
    return false;
  }
  std::string* const out = channel_->out();
  const size_t before = out->size();
  WriteNotices(*statement.translated());
  if (options.write_fields) wire::WriteRowDescription(out, *fields);
  for (size_t row = 0; row < point_reader_.rows(); ++row) {
    if (!point_reader_.Decode(*statement.point, row)) {  // SQLite knows what to do
      out->resize(before);
      return false;
    }
    const auto value_of = [&](size_t column) { return point_reader_.values()[column]; };
    SIBYL_RETURN_IF_ERROR(WriteRow(*fields, value_of, out));
  }
  portal->rows_sent = point_reader_.rows();
  point_reader_.Rest();
  portal->is_done = true;
  Metrics::Add(&server_->metrics.statements);
  Metrics::Add(&server_->metrics.point_reads);
  Metrics::Add(&server_->metrics.rows_sent, portal->rows_sent);
  WriteTag(portal->rows_sent == 1 ? "SELECT 1" : TagOf(*portal, *statement.translated()));
  return true;
}

std::string Executor::TagOf(const Portal& portal, const Translated& translated) const {
  const auto changes = [&] {
    const PooledConnection* connection = transaction_.connection();
    return std::to_string(connection == nullptr ? 0 : sqlite3_changes64(connection->db()));
  };
  switch (translated.kind) {
    case StatementKind::kSelect:
      return "SELECT " + std::to_string(portal.rows_sent);
    case StatementKind::kInsert:
      return "INSERT 0 " + changes();
    case StatementKind::kUpdate:
      return "UPDATE " + changes();
    case StatementKind::kDelete:
      return "DELETE " + changes();
    default:
      return translated.tag_word;
  }
}

// The key of the row that was inserted last, if a sequence gave it.
void Executor::NoteSequence(const Translated& translated) {
  if (translated.sequence_oid == 0 || transaction_.connection() == nullptr) return;
  sqlite3* const db = transaction_.connection()->db();
  if (sqlite3_changes64(db) == 0) return;
  sequences_.Note(translated.sequence_oid, sqlite3_last_insert_rowid(db));
}

void Executor::WriteNotices(const Translated& translated) {
  for (const std::string& notice : translated.notices) {
    wire::WriteNotice(channel_->out(), wire::Severity::kNotice, {"00000", notice});
  }
}

void Executor::WriteTag(std::string_view tag) { wire::WriteCommandComplete(channel_->out(), tag); }

}  // namespace sibyl::sql::server
