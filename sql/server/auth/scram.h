// SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, as PostgreSQL speaks it: the user's name
// comes from the startup packet. Over TLS also SCRAM-SHA-256-PLUS, which binds the login to the
// server's certificate (RFC 5929, tls-server-end-point). Passwords go through SASLprep (RFC 4013);
// those that it refuses are taken byte by byte.

#ifndef SIBYL_SQL_SERVER_AUTH_SCRAM_H_
#define SIBYL_SQL_SERVER_AUTH_SCRAM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

// What is kept of a password: enough to check it, not enough to log in with it.
struct ScramVerifier {
  int iterations = 0;
  std::string salt;
  std::string stored_key;
  std::string server_key;
};

// A new verifier with a random salt. Some milliseconds of computing.
ScramVerifier MakeScramVerifier(std::string_view password);

// One that no password fits, the same each time for the same name: for users that do not exist, so
// that nobody can find out that they do not.
ScramVerifier MakeMockVerifier(std::string_view user, std::string_view server_secret);

// PostgreSQL's text form, SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey; nullopt: it is not
// one.
std::string ToText(const ScramVerifier& verifier);
std::optional<ScramVerifier> ScramVerifierFromText(std::string_view text);

// What a login may be bound to.
struct ChannelBinding {
  std::string end_point;     // the hash of the server's certificate; empty: there is no TLS
  bool is_required = false;  // the client has chosen SCRAM-SHA-256-PLUS
};

// One login. Each step gives the message to send, or nullopt if the client's is malformed or wrong.
class ScramExchange {
 public:
  // `nonce`: the server's part, printable and random.
  ScramExchange(ScramVerifier verifier, std::string nonce, ChannelBinding binding = {})
      : verifier_(std::move(verifier)), nonce_(std::move(nonce)), binding_(std::move(binding)) {}

  std::optional<std::string> FirstReply(std::string_view client_first);
  std::optional<std::string> FinalReply(std::string_view client_final);

 private:
  const ScramVerifier verifier_;
  std::string nonce_;  // after the first reply: the client's and the server's
  const ChannelBinding binding_;
  std::string expected_binding_;  // the gs2 header, and what it is bound to
  std::string client_first_bare_;
  std::string server_first_;
};

// The client's side, for tests.
class ScramClient {
 public:
  // `end_point`: what the login is bound to; empty: to nothing.
  ScramClient(std::string password, std::string nonce, std::string end_point = {})
      : password_(std::move(password)),
        nonce_(std::move(nonce)),
        end_point_(std::move(end_point)) {}

  std::string First();
  std::optional<std::string> Final(std::string_view server_first);
  bool IsServerGenuine(std::string_view server_final) const;

 private:
  const std::string password_;
  const std::string nonce_;
  const std::string end_point_;
  std::string server_signature_;
};

// Random printable text of 24 characters.
std::string RandomNonce();

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_AUTH_SCRAM_H_
