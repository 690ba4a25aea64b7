#include "sql/server/session.h"

#include <openssl/rand.h>

#include <exception>
#include <new>

#include "base/status_macros.h"
#include "sql/server/startup_options.h"

namespace sibyl::sql::server {
namespace {

int32_t RandomSecret() {
  int32_t secret = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&secret), sizeof(secret));
  return secret;
}

SqlError ErrorOf(Termination termination) {
  switch (termination) {
    case Termination::kIdleTimeout:
      return {"57P05", "terminating connection due to idle-session timeout"};
    case Termination::kIdleInTransactionTimeout:
      return {"25P03", "terminating connection due to idle-in-transaction timeout"};
    default:
      return {"57P01", "terminating connection due to administrator command"};
  }
}

}  // namespace

Session::Session(ServerState* server, std::unique_ptr<Channel> channel)
    : server_(server), channel_(std::move(channel)) {
  control_.channel = channel_.get();
  control_.secret = RandomSecret();
  control_.waiting_since_ns = base::NowNs();
  control_.idle_limit_ms = server->options.authentication_timeout_ms;
  server_->registry.Add(&control_);
  ++server_->metrics.sessions;
}

Session::~Session() {
  if (home_ != nullptr && &channel_->loop() != home_) server_->writers_loop->AddGuests(-1);
  server_->registry.Remove(&control_);
  --server_->metrics.sessions;
}

Task<void> Session::Serve(ServerState* server, std::unique_ptr<Channel> channel, Network network,
                          EventLoop* loop) {
  try {
    Session session(server, std::move(channel));
    co_await session.Run(network, loop);
  } catch (const std::exception& error) {  // out of memory: this client is lost, the others are not
    server->log.Error("session_lost", {{"error", error.what()}});
  }
}

Task<void> Session::Run(Network network, EventLoop* loop) {
  auto login = co_await LogIn(server_, channel_.get(), network);
  if (!login) co_return;
  login_ = std::move(*login);
  if (server_->metrics.sessions > static_cast<int64_t>(server_->options.max_connections)) {
    Metrics::Add(&server_->metrics.refused_connections);
    wire::WriteError(channel_->out(), wire::Severity::kFatal,
                     {"53300", "sorry, too many clients already"});
    co_await channel_->Send();
    co_return;
  }
  home_ = loop;
  co_await channel_->MoveTo(loop);
  executor_ = std::make_unique<Executor>(server_, channel_.get(), this);
  control_.interrupt = &executor_->interrupt();
  control_.logged_in = true;
  if (const auto applied = ApplyStartupSettings(); !applied) {
    wire::WriteError(channel_->out(), wire::Severity::kFatal, applied.error());
    co_await channel_->Send();
    co_return;
  }
  Greet();
  co_await ServeMessages();
  co_await SayGoodbye();
}

std::optional<std::string> Session::Setting(std::string_view name) const {
  return executor_->settings().Get(name);
}

// What the client set in its startup packet. Its own parameters win over those in `options`.
SqlStatus Session::ApplyStartupSettings() {
  Settings& settings = executor_->settings();
  settings.Force("session_authorization", login_.user);
  for (const auto& [name, value] : login_.settings) {
    if (name != "options") continue;
    SIBYL_ASSIGN_OR_RETURN(const auto options, ParseStartupOptions(value));
    for (const auto& [option, setting] : options) {
      SIBYL_RETURN_IF_ERROR(settings.Set(option, setting));
    }
  }
  for (const auto& [name, value] : login_.settings) {
    if (name == "replication" || name == "options") continue;
    SIBYL_RETURN_IF_ERROR(settings.Set(name, value));
  }
  executor_->transaction().limits.lock_timeout_ms = settings.TimeLimitMs(TimeLimit::kLock);
  settings.KeepAsDefaults();
  return SqlOk();
}

void Session::Greet() {
  std::string* const out = channel_->out();
  executor_->settings().TakeChanges();
  for (const Settings::Change& setting : executor_->settings().Reported()) {
    wire::WriteParameterStatus(out, setting.name, setting.value);
  }
  wire::WriteBackendKeyData(out, control_.backend_pid, control_.secret);
  WriteReady();
}

void Session::WriteReady() {
  executor_->WriteChangedSettings();
  const auto status = executor_->transaction().status();
  wire::WriteReadyForQuery(channel_->out(), status);
  control_.in_transaction = status != wire::TransactionStatus::kIdle;
}

Task<void> Session::ServeMessages() {
  for (;;) {
    const wire::Frame frame =
        wire::FindMessage(channel_->unread(), server_->options.max_message_bytes);
    if (frame.state == wire::FrameState::kMalformed) {
      wire::WriteError(channel_->out(), wire::Severity::kFatal,
                       {"08P01", "invalid message length"});
      co_return;
    }
    if (frame.state == wire::FrameState::kIncomplete) {
      if (const bool goes_on = co_await WaitForMessage(); !goes_on) co_return;
      continue;
    }
    channel_->Consume(frame.size_bytes);
    if (HandleAtOnce(frame.type, frame.body)) continue;
    if (const bool goes_on = co_await HandleMessage(frame.type, frame.body); !goes_on) co_return;
  }
}

// Sends what is ready and waits for more bytes. False: the session is to end.
Task<bool> Session::WaitForMessage() {
  if (busy_since_ns_ != 0) MeasureWork();
  // All other writers wait for the next one, and for this session only its client.
  if (executor_->transaction().TakeHandedOver()) co_await channel_->loop().Enter();
  if (!channel_->out()->empty()) {
    if (const bool goes_on = co_await channel_->Send(); !goes_on) co_return false;
  }
  if (executor_->Rest()) control_.in_transaction = true;
  if (!control_.in_transaction) co_await ChooseLoop();
  control_.idle_limit_ms = executor_->settings().TimeLimitMs(
      control_.in_transaction ? TimeLimit::kIdleInTransaction : TimeLimit::kIdleSession);
  control_.waiting_since_ns = base::NowNs();
  if (server_->stopping && !control_.in_transaction) {
    control_.termination = Termination::kShutdown;
    co_return false;
  }
  const bool received = co_await channel_->Receive();
  control_.waiting_since_ns = 0;
  if (loop_choice_.measures()) busy_since_ns_ = base::NowNs();
  co_return received&& control_.termination == Termination::kNone;
}

void Session::MeasureWork() {
  if (!executor_->transaction().holds_writer_turn()) {
    loop_choice_.NoteWork(base::NowNs() - busy_since_ns_);
  }
  busy_since_ns_ = 0;
}

// Between two transactions: whether the next is better off in another loop.
Task<void> Session::ChooseLoop() {
  Transaction& transaction = executor_->transaction();
  loop_choice_.NoteEnd(transaction.TakeTurnUse());
  transaction.measures_turns = loop_choice_.measures();
  EventLoop* const loop = loop_choice_.gathers() ? server_->writers_loop : home_;
  if (loop == &channel_->loop()) co_return;
  server_->writers_loop->AddGuests(loop == home_ ? -1 : 1);
  transaction.MoveTo(loop);
  co_await channel_->MoveTo(loop);
}

// False: the session is to end.
Task<bool> Session::HandleMessage(char type, std::string_view body) {
  switch (type) {
    case 'X':
      co_return false;
    case 'Q': {
      const auto text = wire::DecodeText(body);
      if (!text) {
        Fail(text.error());
        WriteReady();
      } else {
        co_await HandleQuery(std::string(*text));
      }
      break;
    }
    case 'S':
      co_await HandleSync();
      break;
    case 'H':
      if (const bool goes_on = co_await channel_->Send(); !goes_on) co_return false;
      break;
    case 'd':
    case 'c':
    case 'f':
      break;  // of a COPY that has failed already
    case 'P':
    case 'D':
    case 'E':
      if (skips_until_sync_) break;
      if (auto status = co_await HandleExtended(type, body); !status) FailUntilSync(status.error());
      break;
    case 'F': {
      Fail({"0A000", "function calls by message are not supported", {}, "Use SELECT."});
      WriteReady();
      break;
    }
    default:
      wire::WriteError(channel_->out(), wire::Severity::kFatal,
                       {"08P01", "invalid frontend message type " +
                                     std::to_string(static_cast<unsigned char>(type))});
      co_return false;
  }
  co_return true;
}

void Session::Fail(const SqlError& error) {
  Metrics::Add(&server_->metrics.errors);
  executor_->Fail();
  wire::WriteError(channel_->out(), wire::Severity::kError, error);
}

void Session::FailUntilSync(const SqlError& error) {
  Fail(error);
  skips_until_sync_ = true;
}

void Session::BeginStatement() {
  executor_->interrupt().StartStatement(executor_->settings().TimeLimitMs(TimeLimit::kStatement));
}

Task<void> Session::SayGoodbye() {
  const Termination termination = control_.termination;
  if (termination != Termination::kNone) {
    wire::WriteError(channel_->out(), wire::Severity::kFatal, ErrorOf(termination));
  } else if (channel_->is_out_of_memory()) {
    wire::WriteError(channel_->out(), wire::Severity::kFatal, OutOfMemory("a message"));
  }
  co_await channel_->Send();
}

// ---- Simple query ----

Task<void> Session::HandleQuery(std::string text) {
  skips_until_sync_ = false;
  BeginStatement();
  if (server_->options.log_statements) {
    server_->log.Info("statement", {{"pid", std::to_string(control_.backend_pid)}, {"sql", text}});
  }
  SqlStatus status = co_await RunQuery(text);
  if (status) status = co_await executor_->EndImplicit();
  executor_->interrupt().EndStatement();
  if (!status) Fail(status.error());
  WriteReady();
}

// Each statement is translated when its turn comes: it may use what the one before has made.
Task<SqlStatus> Session::RunQuery(const std::string& text) {
  executor_->ClosePortal("");
  const std::vector<StatementText> pieces = SplitStatements(text);
  if (pieces.empty()) wire::WriteSignal(channel_->out(), wire::Signal::kEmptyQueryResponse);
  for (const StatementText& piece : pieces) {
    if (pieces.size() > 1) executor_->transaction().BeginImplicit();
    SqlStatus status = co_await RunPiece(piece.text);
    if (!status) {
      SqlError error = std::move(status).error();
      error.position = PositionInWhole(text, piece.begin, error.position);
      co_return error;
    }
  }
  co_return SqlOk();
}

Task<SqlStatus> Session::RunPiece(std::string_view text) {
  if (const auto portal = co_await executor_->BindShape(text)) {
    co_return co_await RunPortal(portal.get());
  }
  const std::vector<uint32_t> no_declared_types;
  auto statements = co_await executor_->Translate(text, no_declared_types);
  if (!statements) co_return std::move(statements).error();
  for (StatementPtr& statement : *statements) {
    const auto portal = executor_->MakePortal(std::move(statement));
    if (auto ran = co_await RunPortal(portal.get()); !ran) co_return ran;
  }
  co_return SqlOk();
}

Task<SqlStatus> Session::RunPortal(Portal* portal) {
  Executor::RunOptions options;
  options.write_fields = true;
  const auto at_once = executor_->RunAtOnce(portal, options);
  if (!at_once) co_return at_once.error();
  if (*at_once) co_return SqlOk();
  auto outcome = co_await executor_->Run(portal, options);
  if (!outcome) co_return std::move(outcome).error();
  co_return SqlOk();
}

// ---- Extended query ----

Task<SqlStatus> Session::HandleExtended(char type, std::string_view body) {
  BeginExtended();
  if (type == 'P') return HandleParse(body);
  return type == 'D' ? HandleDescribe(body) : HandleExecute(body);
}

void Session::BeginExtended() {
  if (statement_has_begun_) return;
  BeginStatement();
  statement_has_begun_ = true;
}

// Handles a message that has nothing to wait for, which are most of those that repeat a prepared
// query, without a coroutine. False: nothing has happened.
bool Session::HandleAtOnce(char type, std::string_view body) {
  if (type == 'S' && executor_->EndImplicitAtOnce()) {
    EndSync(SqlOk());
    return true;
  }
  if (type != 'B' && type != 'C' && type != 'D' && type != 'E') return false;
  if (skips_until_sync_) return true;
  BeginExtended();
  const auto handled = HandleExtendedAtOnce(type, body);
  if (!handled) FailUntilSync(handled.error());
  return !handled || *handled;
}

SqlResult<bool> Session::HandleExtendedAtOnce(char type, std::string_view body) {
  if (type == 'D') return DescribeAtOnce(body);
  if (type == 'E') return ExecuteAtOnce(body);
  SIBYL_RETURN_IF_ERROR(type == 'B' ? HandleBind(body) : HandleClose(body));
  return true;
}

SqlResult<bool> Session::DescribeAtOnce(std::string_view body) {
  SIBYL_ASSIGN_OR_RETURN(const auto message, wire::DecodeObject(body));
  if (message.kind == wire::ObjectKind::kStatement) return false;
  SIBYL_ASSIGN_OR_RETURN(Portal * portal, executor_->FindPortal(message.name));
  SIBYL_ASSIGN_OR_RETURN(const auto* fields, executor_->DescribeAtOnce(portal));
  if (fields == nullptr) return false;
  WriteFields(*fields);
  return true;
}

SqlResult<bool> Session::ExecuteAtOnce(std::string_view body) {
  SIBYL_ASSIGN_OR_RETURN(const auto message, wire::DecodeExecute(body));
  if (message.max_rows > 0) return false;
  SIBYL_ASSIGN_OR_RETURN(Portal * portal, executor_->FindPortal(message.portal));
  if (!SyncFollows()) executor_->transaction().BeginImplicit();
  return executor_->RunAtOnce(portal, {});
}

Task<SqlStatus> Session::HandleParse(std::string_view body) {
  if (auto decoded = wire::DecodeParse(body, &parse_); !decoded) co_return decoded;
  auto statements = co_await executor_->Translate(parse_.sql, parse_.parameter_type_oids);
  if (!statements) co_return std::move(statements).error();
  if (statements->size() > 1) {
    co_return SqlError{"42601", "cannot insert multiple commands into a prepared statement"};
  }
  if (parse_.statement.empty()) executor_->CloseStatement("");
  auto named = executor_->NameStatement(parse_.statement, std::move(statements->front()));
  if (named) wire::WriteSignal(channel_->out(), wire::Signal::kParseComplete);
  co_return named;
}

SqlStatus Session::HandleBind(std::string_view body) {
  SIBYL_RETURN_IF_ERROR(wire::DecodeBind(body, &bind_));
  SIBYL_ASSIGN_OR_RETURN([[maybe_unused]] const Portal* portal, executor_->Bind(bind_));
  wire::WriteSignal(channel_->out(), wire::Signal::kBindComplete);
  return SqlOk();
}

Task<SqlStatus> Session::HandleDescribe(std::string_view body) {
  const auto message = wire::DecodeObject(body);
  if (!message) co_return message.error();
  std::string* const out = channel_->out();
  const std::vector<wire::FieldDescription>* fields = nullptr;
  if (message->kind == wire::ObjectKind::kStatement) {
    const auto statement = executor_->FindStatement(message->name);
    if (!statement) co_return statement.error();
    if (auto told = co_await executor_->Tell(statement->get()); !told) co_return told;
    wire::WriteParameterDescription(out, (*statement)->parameter_oids);
    fields = &(*statement)->fields;
  } else {
    const auto portal = executor_->FindPortal(message->name);
    if (!portal) co_return portal.error();
    const auto described = co_await executor_->Describe(*portal);
    if (!described) co_return described.error();
    fields = *described;
  }
  WriteFields(*fields);
  co_return SqlOk();
}

void Session::WriteFields(const std::vector<wire::FieldDescription>& fields) {
  if (fields.empty()) {
    wire::WriteSignal(channel_->out(), wire::Signal::kNoData);
  } else {
    wire::WriteRowDescription(channel_->out(), fields);
  }
}

Task<SqlStatus> Session::HandleExecute(std::string_view body) {
  const auto message = wire::DecodeExecute(body);
  if (!message) co_return message.error();
  const auto portal = executor_->FindPortal(message->portal);
  if (!portal) co_return portal.error();
  Executor::RunOptions options;
  if (message->max_rows > 0) options.max_rows = static_cast<uint64_t>(message->max_rows);
  if (!SyncFollows()) executor_->transaction().BeginImplicit();
  const auto outcome = co_await executor_->Run(*portal, options);
  if (!outcome) co_return outcome.error();
  if (*outcome == RunOutcome::kSuspended) {
    wire::WriteSignal(channel_->out(), wire::Signal::kPortalSuspended);
  }
  co_return SqlOk();
}

SqlStatus Session::HandleClose(std::string_view body) {
  SIBYL_ASSIGN_OR_RETURN(const wire::ObjectMessage message, wire::DecodeObject(body));
  if (message.kind == wire::ObjectKind::kStatement) {
    executor_->CloseStatement(message.name);
  } else {
    executor_->ClosePortal(message.name);
  }
  wire::WriteSignal(channel_->out(), wire::Signal::kCloseComplete);
  return SqlOk();
}

Task<void> Session::HandleSync() {
  const SqlStatus status = co_await executor_->EndImplicit();
  EndSync(status);
}

void Session::EndSync(const SqlStatus& status) {
  skips_until_sync_ = false;
  statement_has_begun_ = false;
  executor_->interrupt().EndStatement();
  if (!status) Fail(status.error());
  WriteReady();
}

// Whether nothing but a Sync has come after this message: then the statement is alone in its
// transaction.
bool Session::SyncFollows() const {
  return wire::FindMessage(channel_->unread(), 0).type == 'S' && channel_->unread().size() == 5;
}

}  // namespace sibyl::sql::server
