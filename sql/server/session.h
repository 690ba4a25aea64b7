// Session: one client from login to goodbye. Reads its messages in order and answers each as
// PostgreSQL's protocol demands; the Executor does the work.

#ifndef SIBYL_SQL_SERVER_SESSION_H_
#define SIBYL_SQL_SERVER_SESSION_H_

#include <memory>
#include <string>

#include "sql/server/executor.h"
#include "sql/server/login.h"
#include "sql/server/loop_choice.h"
#include "sql/server/net/channel.h"
#include "sql/server/net/task.h"
#include "sql/server/server_state.h"
#include "sql/server/session_facts.h"

namespace sibyl::sql::server {

class Session : public SessionFacts {
 public:
  // Serves the client on `channel` until it goes or is sent away. The channel's loop is the one for
  // logins; the session moves to `loop` afterwards.
  static Task<void> Serve(ServerState* server, std::unique_ptr<Channel> channel, Network network,
                          EventLoop* loop);

  ~Session() override;

  // ---- SessionFacts ----
  const std::string& user() const override { return login_.user; }
  const std::string& database() const override { return login_.database; }
  bool may_manage_users() const override { return login_.is_owner; }
  int32_t backend_pid() const override { return control_.backend_pid; }
  int64_t transaction_start_us() const override { return executor_->transaction().start_us(); }
  const SequenceValues& sequences() const override { return executor_->sequences(); }
  std::optional<std::string> Setting(std::string_view name) const override;

 private:
  Session(ServerState* server, std::unique_ptr<Channel> channel);

  Task<void> Run(Network network, EventLoop* loop);
  SqlStatus ApplyStartupSettings();
  void Greet();
  Task<void> ServeMessages();
  Task<bool> WaitForMessage();
  void MeasureWork();
  Task<void> ChooseLoop();
  Task<bool> HandleMessage(char type, std::string_view body);
  bool HandleAtOnce(char type, std::string_view body);
  Task<void> SayGoodbye();

  // ---- Simple query ----
  Task<void> HandleQuery(std::string text);
  Task<SqlStatus> RunQuery(const std::string& text);
  Task<SqlStatus> RunPiece(std::string_view text);
  Task<SqlStatus> RunPortal(Portal* portal);

  // ---- Extended query ----
  Task<SqlStatus> HandleExtended(char type, std::string_view body);
  Task<SqlStatus> HandleParse(std::string_view body);
  SqlStatus HandleBind(std::string_view body);
  Task<SqlStatus> HandleDescribe(std::string_view body);
  Task<SqlStatus> HandleExecute(std::string_view body);
  SqlStatus HandleClose(std::string_view body);
  SqlResult<bool> HandleExtendedAtOnce(char type, std::string_view body);
  SqlResult<bool> DescribeAtOnce(std::string_view body);
  SqlResult<bool> ExecuteAtOnce(std::string_view body);
  Task<void> HandleSync();
  bool SyncFollows() const;

  void Fail(const SqlError& error);
  void FailUntilSync(const SqlError& error);
  void BeginStatement();
  void BeginExtended();
  void EndSync(const SqlStatus& status);
  void WriteFields(const std::vector<wire::FieldDescription>& fields);
  void WriteReady();

  ServerState* const server_;
  const std::unique_ptr<Channel> channel_;
  LoginResult login_;
  SessionControl control_;
  std::unique_ptr<Executor> executor_;  // once logged in
  EventLoop* home_ = nullptr;           // where it belongs, unless it is with others that write
  LoopChoice loop_choice_;
  uint64_t busy_since_ns_ = 0;  // 0: not measured
  bool skips_until_sync_ = false;
  bool statement_has_begun_ = false;  // of an extended query: its time runs
  wire::ParseMessage parse_;          // kept for their vectors
  wire::BindMessage bind_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SESSION_H_
