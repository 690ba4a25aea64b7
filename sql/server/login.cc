#include "sql/server/login.h"

#include "sql/server/auth/scram.h"
#include "sql/server/tls.h"
#include "sql/server/wire/backend.h"
#include "sql/server/wire/frontend.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMaxLoginMessageBytes = 10'000;
constexpr std::string_view kScramSha256 = "SCRAM-SHA-256";
constexpr std::string_view kScramSha256Plus = "SCRAM-SHA-256-PLUS";

// The steps of one login.
class Login {
 public:
  Login(ServerState* server, Channel* channel, Network network)
      : server_(server), channel_(channel), network_(network) {}

  Task<std::optional<LoginResult>> Run();

 private:
  Task<bool> ReadStartup();
  Task<bool> AnswerEncryption(bool wants_tls);
  bool TakeParameters(const wire::StartupRequest& request);
  bool NeedsPassword() const {
    if (network_ == Network::kTcp) return !server_->options.trust_tcp;
    return network_ == Network::kUnixSocket && server_->options.scram_on_socket;
  }
  Task<bool> Authenticate();
  Task<std::optional<std::string>> ReceiveSasl();
  ScramVerifier VerifierOfUser();
  void Refuse(const SqlError& error);
  Task<bool> SendRefusal();  // false

  ServerState* const server_;
  Channel* const channel_;
  const Network network_;
  LoginResult result_;
  bool has_startup_ = false;
};

Task<std::optional<LoginResult>> Login::Run() {
  while (!has_startup_) {
    if (const bool goes_on = co_await ReadStartup(); !goes_on) co_return std::nullopt;
  }
  if (server_->options.require_tls && network_ == Network::kTcp && !channel_->encrypted()) {
    Refuse({"28000",
            "this server accepts connections over TLS only",
            {},
            "Connect with sslmode=require."});
    co_await SendRefusal();
    co_return std::nullopt;
  }
  if (NeedsPassword()) {
    if (const bool proved = co_await Authenticate(); !proved) co_return std::nullopt;
  }
  wire::WriteAuthenticationOk(channel_->out());
  result_.is_owner = network_ != Network::kTcp;
  co_return std::move(result_);
}

// One packet. False: that was all.
Task<bool> Login::ReadStartup() {
  wire::Frame frame = wire::FindStartupPacket(channel_->unread());
  while (frame.state == wire::FrameState::kIncomplete) {
    if (const bool goes_on = co_await channel_->Receive(); !goes_on) co_return false;
    frame = wire::FindStartupPacket(channel_->unread());
  }
  if (frame.state == wire::FrameState::kMalformed) {
    Refuse({"08P01", "invalid length of startup packet"});
    co_return co_await SendRefusal();
  }
  channel_->Consume(frame.size_bytes);
  auto packet = wire::DecodeStartupPacket(frame.body);
  if (!packet) {
    Refuse(std::move(packet).error());
    co_return co_await SendRefusal();
  }
  if (packet->kind == wire::StartupKind::kCancelRequest) {
    Metrics::Add(&server_->metrics.cancels);
    server_->registry.Cancel(packet->cancel.backend_pid, packet->cancel.secret);
    co_return false;
  }
  if (packet->kind == wire::StartupKind::kStartup) {
    if (!TakeParameters(packet->startup)) {
      Refuse({"28000", "no PostgreSQL user name specified in startup packet"});
      co_return co_await SendRefusal();
    }
    co_return true;
  }
  co_return co_await AnswerEncryption(packet->kind == wire::StartupKind::kSslRequest);
}

Task<bool> Login::AnswerEncryption(bool wants_tls) {
  // What came after the request in the clear must not be taken for something encrypted.
  if (channel_->encrypted() || !channel_->unread().empty()) {
    Refuse({"08P01", "received unencrypted data after SSL request"});
    co_return co_await SendRefusal();
  }
  const bool tls = wants_tls && server_->tls != nullptr && network_ == Network::kTcp;
  channel_->out()->push_back(tls ? 'S' : 'N');
  if (const bool goes_on = co_await channel_->Send(); !goes_on) co_return false;
  if (!tls) co_return true;
  co_return co_await channel_->StartTls(server_->tls.get());
}

bool Login::TakeParameters(const wire::StartupRequest& request) {
  std::vector<std::string> unknown_options;
  for (const auto& [name, value] : request.parameters) {
    if (name == "user") {
      result_.user = value;
    } else if (name == "database") {
      result_.database = value;
    } else if (name.starts_with("_pq_.")) {
      unknown_options.emplace_back(name);
    } else {
      result_.settings.emplace_back(name, value);
    }
  }
  if (result_.database.empty()) result_.database = result_.user;
  if (request.minor_version != 0 || !unknown_options.empty()) {
    wire::WriteNegotiateProtocolVersion(channel_->out(), unknown_options);
  }
  has_startup_ = !result_.user.empty();
  return has_startup_;
}

Task<bool> Login::Authenticate() {
  ChannelBinding binding;
  if (channel_->encrypted()) binding.end_point = EndPointOf(server_->tls.get());
  if (binding.end_point.empty()) {
    wire::WriteSaslMechanisms(channel_->out(), {kScramSha256});
  } else {
    wire::WriteSaslMechanisms(channel_->out(), {kScramSha256Plus, kScramSha256});
  }
  const SqlError failure{"28P01",
                         "password authentication failed for user \"" + result_.user + "\""};
  const auto first = co_await ReceiveSasl();
  if (!first) co_return false;
  const auto initial = wire::DecodeSaslInitialResponse(*first);
  if (!initial) {
    Refuse(initial.error());
    co_return co_await SendRefusal();
  }
  binding.is_required = initial->mechanism == kScramSha256Plus && !binding.end_point.empty();
  if (!binding.is_required && initial->mechanism != kScramSha256) {
    Refuse({"08P01", "client selected an invalid SASL authentication mechanism"});
    co_return co_await SendRefusal();
  }
  ScramExchange exchange(VerifierOfUser(), RandomNonce(), std::move(binding));
  const auto first_reply = exchange.FirstReply(initial->data);
  if (!first_reply) {
    Refuse({"08P01", "malformed SCRAM message"});
    co_return co_await SendRefusal();
  }
  wire::WriteSaslContinue(channel_->out(), *first_reply);
  const auto final_message = co_await ReceiveSasl();
  if (!final_message) co_return false;
  const auto final_reply = exchange.FinalReply(*final_message);
  if (!final_reply) {
    Metrics::Add(&server_->metrics.failed_logins);
    server_->log.Warning("login_failed", {{"user", result_.user}});
    Refuse(failure);
    co_return co_await SendRefusal();
  }
  wire::WriteSaslFinal(channel_->out(), *final_reply);
  co_return true;
}

// The body of the next message, which must be the client's part of SASL.
Task<std::optional<std::string>> Login::ReceiveSasl() {
  if (const bool goes_on = co_await channel_->Send(); !goes_on) co_return std::nullopt;
  wire::Frame frame = wire::FindMessage(channel_->unread(), kMaxLoginMessageBytes);
  while (frame.state == wire::FrameState::kIncomplete) {
    if (const bool goes_on = co_await channel_->Receive(); !goes_on) co_return std::nullopt;
    frame = wire::FindMessage(channel_->unread(), kMaxLoginMessageBytes);
  }
  if (frame.state == wire::FrameState::kMalformed || frame.type != 'p') {
    Refuse({"08P01", "expected SASL response"});
    co_await SendRefusal();
    co_return std::nullopt;
  }
  std::string body(frame.body);
  channel_->Consume(frame.size_bytes);
  co_return body;
}

ScramVerifier Login::VerifierOfUser() {
  auto found = server_->users.Find(result_.user);
  if (!found) {
    server_->log.Error("users_unreadable", {{"error", found.error().message}});
  } else if (*found) {
    return **found;
  }
  return MakeMockVerifier(result_.user, server_->secret);
}

void Login::Refuse(const SqlError& error) {
  wire::WriteError(channel_->out(), wire::Severity::kFatal, error);
}

Task<bool> Login::SendRefusal() {
  co_await channel_->Send();
  co_return false;
}

}  // namespace

Task<std::optional<LoginResult>> LogIn(ServerState* server, Channel* channel, Network network) {
  Login login(server, channel, network);
  co_return co_await login.Run();
}

}  // namespace sibyl::sql::server
