// Executor: runs the statements of one session and writes their results into its channel. What it
// does not know is in which messages they came.
//
// Results are complete messages, ReadyForQuery excepted; errors are returned, and written by the
// caller.

#ifndef SIBYL_SQL_SERVER_EXECUTOR_H_
#define SIBYL_SQL_SERVER_EXECUTOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sql/server/dialect/shape.h"
#include "sql/server/interrupt.h"
#include "sql/server/net/channel.h"
#include "sql/server/net/task.h"
#include "sql/server/point_reader.h"
#include "sql/server/portal.h"
#include "sql/server/sequence_values.h"
#include "sql/server/server_state.h"
#include "sql/server/session_facts.h"
#include "sql/server/settings.h"
#include "sql/server/transaction.h"
#include "sql/server/wire/frontend.h"

namespace sibyl::sql::server {

class CopyTarget;
class CopyWriter;

using StatementPtr = std::shared_ptr<Statement>;

// How far a portal got.
enum class RunOutcome : uint8_t { kComplete, kSuspended };

// One coroutine at a time.
class Executor {
 public:
  Executor(ServerState* server, Channel* channel, const SessionFacts* facts);

  Transaction& transaction() { return transaction_; }
  const Transaction& transaction() const { return transaction_; }
  Settings& settings() { return settings_; }
  const Settings& settings() const { return settings_; }
  Interrupt& interrupt() { return interrupt_; }
  const SequenceValues& sequences() const { return sequences_; }

  // ---- Statements and portals by name; "" is the unnamed one ----

  // All statements of `text`.
  Task<SqlResult<std::vector<StatementPtr>>> Translate(std::string_view text,
                                                       const std::vector<uint32_t>& declared_oids);
  SqlStatus NameStatement(std::string_view name, StatementPtr statement);
  SqlResult<StatementPtr> FindStatement(std::string_view name) const;
  void CloseStatement(std::string_view name);

  SqlResult<Portal*> Bind(const wire::BindMessage& message);
  SqlResult<Portal*> FindPortal(std::string_view name);
  void ClosePortal(std::string_view name);

  // ---- Describing ----

  // The parameters and fields of a statement; fields stay empty if it returns no rows.
  Task<SqlStatus> Describe(Statement* statement);

  // The same for a client that will rely on it: from now on unknown types are text.
  Task<SqlStatus> Tell(Statement* statement);

  // Starts the portal if only its first row can tell the types.
  Task<SqlResult<const std::vector<wire::FieldDescription>*>> Describe(Portal* portal);

  // The same where neither needs anything from SQLite; else null.
  SqlResult<const std::vector<wire::FieldDescription>*> DescribeAtOnce(Portal* portal);

  // ---- Running ----

  struct RunOptions {
    uint64_t max_rows = UINT64_MAX;
    bool write_fields = false;  // RowDescription before the rows
  };
  Task<SqlResult<RunOutcome>> Run(Portal* portal, RunOptions options);

  // Runs the portal, in full, if it is a point lookup that needs no SQLite (sql/point_plan.h).
  // False: nothing has happened.
  SqlResult<bool> RunAtOnce(Portal* portal, RunOptions options);

  // A portal for a simple query whose shape (dialect/shape.h) is known, or is so from now on. Null:
  // it has none, or one under which it would mean something else, and nothing has happened.
  Task<std::unique_ptr<Portal>> BindShape(std::string_view text);

  // A portal for a statement without parameters, in text format, that nobody else sees.
  std::unique_ptr<Portal> MakePortal(StatementPtr statement) const;

  // After an error: what is left to do.
  void Fail();

  // Ends what is not in a block: at Sync, and after a simple Query.
  Task<SqlStatus> EndImplicit();

  // The same if there is nothing to commit. False: nothing has happened.
  bool EndImplicitAtOnce();

  // Before waiting for the client: gives back what is not needed meanwhile. True: it keeps a pooled
  // connection all the same.
  bool Rest() {
    transaction_.AfterStatement();
    return transaction_.connection() != nullptr;
  }

  // ParameterStatus for the settings that changed.
  void WriteChangedSettings();

 private:
  static uint64_t MemoryOf(const Statement& statement);
  SqlStatus CountParameters(const wire::BindMessage& message, Portal* portal);

  // ---- SQL that SQLite runs ----
  SqlStatus Refresh(Statement* statement);
  SqlStatus Compile(const Translation& translation, Statement* statement);
  Task<SqlStatus> Start(Portal* portal);
  Task<SqlResult<PreparedStatement*>> RunLeadingStatements(PooledConnection* connection,
                                                           const Translated& translated);
  SqlStatus BindParameters(PooledConnection* connection, PreparedStatement* prepared,
                           const Portal& portal);
  SqlStatus KnowFields(Portal* portal);
  SqlStatus KeepOpenRows(const Portal* except);
  enum class BatchEnd : uint8_t { kDone, kLimit, kBufferFull };
  SqlResult<BatchEnd> SendBatch(Portal* portal, uint64_t* rows_left);
  SqlStatus SendRow(const Portal& portal);
  Task<SqlStatus> SendOut();
  void KnowPoint(Portal* portal);
  bool IsCurrent(const Statement& statement) const;
  Task<SqlResult<RunOutcome>> RunSql(Portal* portal, RunOptions options);
  std::string TagOf(const Portal& portal, const Translated& translated) const;
  void NoteSequence(const Translated& translated);
  void WriteNotices(const Translated& translated);

  // ---- Statements known by their shape ----
  const std::string& KeyOfShape();
  Task<StatementPtr> MakeShape();

  // ---- What the session does itself ----
  Task<SqlStatus> RunUtility(Portal* portal, const Translated& command, RunOptions options);
  Task<SqlStatus> RunTransactionCommand(const Translated& command);
  Task<SqlStatus> Commit();
  void EndPortals();
  SqlStatus RunSettingCommand(const Translated& command, bool write_fields);
  SqlStatus SetParameter(const Translated& command);
  SqlStatus Show(const Translated& command, bool write_fields);
  SqlStatus DiscardAll();
  static StatementPtr QueryOf(const Statement& whole, const Translated& command);
  Task<SqlStatus> DeclareCursor(Portal* portal, const Translated& command);
  Task<SqlStatus> Fetch(const Translated& command, bool write_fields);
  Task<SqlResult<uint64_t>> FetchRows(Portal* cursor, const Translated& command, bool sends);
  Task<SqlResult<uint64_t>> FetchElsewhere(Portal* cursor, const Translated& command, bool sends);
  Task<SqlStatus> FetchRow(Portal* cursor);
  SqlStatus CloseCursor(const Translated& command);
  Task<SqlStatus> PrepareNamed(const Translated& command);
  Task<SqlStatus> ExecutePrepared(const Translated& command, RunOptions options);
  Task<SqlResult<std::vector<OwnedValue>>> Evaluate(const std::vector<std::string>& expressions);
  SqlStatus Deallocate(const Translated& command);
  Task<SqlStatus> ManageUsers(const Translated& command);
  SqlStatus ChangeUsers(const Translated& command);

  // ---- COPY ----
  Task<SqlStatus> CopyIn(const Translated& command);
  Task<SqlStatus> ReceiveCopy(CopyTarget* target);
  SqlResult<bool> ConsumeCopyMessages(CopyTarget* target);
  Task<SqlStatus> CopyOut(Portal* portal, const Translated& command);
  SqlResult<bool> WriteCopyBatch(Portal* source, CopyWriter* writer, std::string* data);

  void WriteTag(std::string_view tag);

  // A session may keep this many statements and portals: what keeps its memory bounded.
  static constexpr size_t kMaxNamed = 10'000;
  static constexpr size_t kMaxShapes = 64;  // then all are forgotten
  static constexpr size_t kSendBytes = 64 * 1024;  // results are sent in pieces of about this size

  ServerState* const server_;
  Channel* const channel_;
  const SessionFacts* const facts_;
  Settings settings_;
  Interrupt interrupt_;
  Transaction transaction_;
  PointReader point_reader_;
  SequenceValues sequences_;
  std::map<std::string, StatementPtr, std::less<>> statements_;
  std::map<std::string, std::unique_ptr<Portal>, std::less<>> portals_;
  std::unordered_map<std::string, StatementPtr> shapes_;  // also those that cannot be used
  Shape shape_;                                           // of the text that came last
  std::string shape_key_;                                 // its key in shapes_
  StatementPtr unnamed_statement_;
  Portal unnamed_portal_;
  bool has_unnamed_portal_ = false;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_EXECUTOR_H_
