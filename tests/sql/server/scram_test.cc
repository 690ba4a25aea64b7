// Goal: SCRAM-SHA-256 lets in whoever knows the password and nobody else, and keeps no password.
// Method: both sides against each other (that they speak the RFC is for psql to say, in
// operations_test.py), with every message damaged in turn.

#include <catch2/catch.hpp>
#include <string>

#include "sql/server/auth/scram.h"

namespace sibyl::sql::server {
namespace {

bool LogsIn(const ScramVerifier& verifier, const std::string& password) {
  ScramExchange server(verifier, "servernonce");
  ScramClient client(password, "clientnonce");
  const auto first = server.FirstReply(client.First());
  if (!first) return false;
  const auto proof = client.Final(*first);
  if (!proof) return false;
  const auto last = server.FinalReply(*proof);
  return last && client.IsServerGenuine(*last);
}

TEST_CASE("the right password logs in, others do not", "[server][scram]") {
  const ScramVerifier verifier = MakeScramVerifier("pencil");
  CHECK(LogsIn(verifier, "pencil"));
  CHECK_FALSE(LogsIn(verifier, "Pencil"));
  CHECK_FALSE(LogsIn(verifier, ""));
  CHECK_FALSE(LogsIn(MakeMockVerifier("ann", "secret"), "pencil"));
}

TEST_CASE("verifiers survive as text, salted, without the password", "[server][scram]") {
  const ScramVerifier verifier = MakeScramVerifier("pencil");
  const std::string text = ToText(verifier);
  CHECK(text.starts_with("SCRAM-SHA-256$4096:"));
  CHECK(text.find("pencil") == std::string::npos);
  CHECK(text != ToText(MakeScramVerifier("pencil")));
  const auto read = ScramVerifierFromText(text);
  REQUIRE(read);
  CHECK(LogsIn(*read, "pencil"));
  for (const char* bad : {"", "SCRAM-SHA-256", "SCRAM-SHA-1$1:AA==$AA==:AA==", "md5abc",
                          "SCRAM-SHA-256$0:AAAA$AAAA:AAAA", "SCRAM-SHA-256$x:AAAA$AAAA:AAAA"}) {
    INFO(bad);
    CHECK_FALSE(ScramVerifierFromText(bad).has_value());
  }
}

TEST_CASE("a client must prove, and for this conversation", "[server][scram]") {
  const ScramVerifier verifier = MakeScramVerifier("pencil");
  ScramExchange server(verifier, "one");
  ScramClient client("pencil", "client");
  const std::string proof = *client.Final(*server.FirstReply(client.First()));
  ScramExchange other(verifier, "two");
  REQUIRE(other.FirstReply(client.First()));
  CHECK_FALSE(other.FinalReply(proof));  // replayed
  for (size_t i = 0; i < proof.size(); ++i) {
    std::string damaged = proof;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    INFO(i << ": " << damaged);
    ScramExchange again(verifier, "one");
    REQUIRE(again.FirstReply(client.First()));
    // The last character before "=" may have bits that base64 does not use.
    if (i + 2 < proof.size()) CHECK_FALSE(again.FinalReply(damaged).has_value());
    CHECK_FALSE(again.FinalReply(proof.substr(0, i)).has_value());
  }
}

TEST_CASE("a password is the same however its characters are written", "[server][scram]") {
  // RFC 4013, section 3; and e with an accent as one character and as two.
  CHECK(LogsIn(MakeScramVerifier("I\u00ADX"), "IX"));
  CHECK(LogsIn(MakeScramVerifier("\u00AA"), "a"));
  CHECK(LogsIn(MakeScramVerifier("\u2168"), "IX"));
  CHECK(LogsIn(MakeScramVerifier("e\u0301"), "\u00e9"));
  CHECK_FALSE(LogsIn(MakeScramVerifier("user"), "USER"));
  // What SASLprep refuses counts byte by byte.
  for (const std::string& strange : {std::string("\x07"), std::string("\xff\xfe"),
                                     std::string("a\0b", 3), std::string("\u0627\u0031")}) {
    CHECK(LogsIn(MakeScramVerifier(strange), strange));
    CHECK_FALSE(LogsIn(MakeScramVerifier(strange), strange + "x"));
  }
}

TEST_CASE("a login over TLS is bound to the server's certificate", "[server][scram]") {
  const ScramVerifier verifier = MakeScramVerifier("pencil");
  const auto logs_in = [&](const ChannelBinding& server_binding, const std::string& seen) {
    ScramExchange server(verifier, "server", server_binding);
    ScramClient client("pencil", "client", seen);
    const auto first = server.FirstReply(client.First());
    return first && server.FinalReply(*client.Final(*first)).has_value();
  };
  CHECK(logs_in({"certificate", true}, "certificate"));
  CHECK_FALSE(logs_in({"certificate", true}, "another one"));
  CHECK_FALSE(logs_in({"certificate", true}, ""));              // chosen and not done
  CHECK_FALSE(logs_in({"certificate", false}, "certificate"));  // done and not chosen
  CHECK(logs_in({"certificate", false}, ""));
  // A client that was made to believe that the server cannot bind.
  CHECK_FALSE(ScramExchange(verifier, "s", {"certificate", false}).FirstReply("y,,n=,r=x"));
  CHECK(ScramExchange(verifier, "s", {"", false}).FirstReply("y,,n=,r=x"));
}

TEST_CASE("malformed first messages", "[server][scram]") {
  for (const char* bad : {"", "n", "n,,", "p=tls-unique,,n=,r=x", "n,a=other,n=,r=x", "n,,r=x",
                          "n,,n=,r=", "n,,n=", "x,,n=,r=x"}) {
    INFO(bad);
    ScramExchange server(MakeScramVerifier("x"), "nonce");
    CHECK_FALSE(server.FirstReply(bad).has_value());
  }
}

TEST_CASE("a client finds out a server that does not know its password", "[server][scram]") {
  ScramClient client("pencil", "abc");
  CHECK_FALSE(client.Final("r=other,s=AAAA,i=4096").has_value());
  CHECK_FALSE(client.IsServerGenuine("v="));
  REQUIRE(client.Final("r=abcdef,s=AAAA,i=4096").has_value());
  CHECK_FALSE(client.IsServerGenuine("v=AAAA"));
}

}  // namespace
}  // namespace sibyl::sql::server
