// Goal: frontend messages are taken apart exactly as the protocol says, and nothing a client sends
// reads outside its frame or makes a list longer than the frame.
// Method: messages written by hand, each also cut at every byte and with a byte too many; then the
// edges of lengths and counts. (tests/fuzz tries what nobody thought of.)

#include <catch2/catch.hpp>
#include <string>

#include "sql/server/wire/backend.h"
#include "sql/server/wire/big_endian.h"
#include "sql/server/wire/frontend.h"
#include "sql/server/wire/utf8.h"

namespace sibyl::sql::server::wire {
namespace {

using namespace std::string_literals;

std::string Startup(int32_t code, const std::string& rest) {
  std::string packet;
  AppendBig(&packet, static_cast<uint32_t>(8 + rest.size()));
  AppendBig(&packet, code);
  return packet + rest;
}

std::string BindBody() {
  std::string body = "portal\0statement\0"s;
  body += "\0\1\0\1"s;  // one format, binary
  body +=
      "\0\2"s
      "\0\0\0\3"
      "abc"
      "\377\377\377\377"s;  // "abc" and NULL
  body += "\0\2\0\0\0\1"s;  // two result formats
  return body;
}

TEST_CASE("a frame is found only when all of it is there", "[server][wire]") {
  const std::string message = "Q\0\0\0\x0dSELECT 1\0"s;
  for (size_t size = 0; size < message.size(); ++size) {
    INFO(size);
    CHECK(FindMessage(message.substr(0, size), 100).state == FrameState::kIncomplete);
  }
  const std::string more = message + "S";
  const Frame frame = FindMessage(more, 100);
  REQUIRE(frame.state == FrameState::kComplete);
  CHECK(frame.type == 'Q');
  CHECK(frame.size_bytes == message.size());
  CHECK(*DecodeText(frame.body) == "SELECT 1");
}

TEST_CASE("a length that cannot be right is refused before its bytes come", "[server][wire]") {
  CHECK(FindMessage("Q\0\0\0\3"s, 100).state == FrameState::kMalformed);
  CHECK(FindMessage("Q\0\0\0\0"s, 100).state == FrameState::kMalformed);
  CHECK(FindMessage("Q\377\377\377\377"s, 100).state == FrameState::kMalformed);
  CHECK(FindMessage("Q\0\0\0\x69"s, 100).state == FrameState::kMalformed);   // 101 bytes of body
  CHECK(FindMessage("Q\0\0\0\x68"s, 100).state == FrameState::kIncomplete);  // 100
  CHECK(FindMessage("S\0\0\0\4"s, 0).state == FrameState::kComplete);
  CHECK(FindStartupPacket("\0\0\0\3"s).state == FrameState::kMalformed);
  CHECK(FindStartupPacket("\0\0\x40\0"s).state == FrameState::kMalformed);  // 16 KiB
  CHECK(FindStartupPacket(""s).state == FrameState::kIncomplete);
}

TEST_CASE("startup packets of all kinds", "[server][wire]") {
  const auto kind_of = [](const std::string& packet) {
    const Frame frame = FindStartupPacket(packet);
    REQUIRE(frame.state == FrameState::kComplete);
    return DecodeStartupPacket(frame.body);
  };
  CHECK(kind_of(Startup(80877103, ""))->kind == StartupKind::kSslRequest);
  CHECK(kind_of(Startup(80877104, ""))->kind == StartupKind::kGssEncryptionRequest);
  const auto cancel = kind_of(Startup(80877102, "\0\0\0\7\0\0\0\x9"s));
  REQUIRE(cancel);
  CHECK(cancel->cancel.backend_pid == 7);
  CHECK(cancel->cancel.secret == 9);
  const std::string packet = Startup(3 << 16, "user\0ann\0database\0\0\0"s);
  const auto startup = kind_of(packet);
  REQUIRE(startup);
  REQUIRE(startup->startup.parameters.size() == 2);
  CHECK(startup->startup.parameters[0].second == "ann");
  CHECK(startup->startup.parameters[1].second.empty());

  CHECK_FALSE(kind_of(Startup(80877103, "x")));
  CHECK_FALSE(kind_of(Startup(80877102, "\0\0\0\7"s)));
  CHECK_FALSE(kind_of(Startup(3 << 16, "user\0ann\0"s)));     // no terminator
  CHECK_FALSE(kind_of(Startup(3 << 16, "user\0ann\0\0x"s)));  // bytes after it
  CHECK_FALSE(kind_of(Startup(3 << 16, "user")));
  CHECK_FALSE(kind_of(Startup(3 << 16, "")));
  const auto old = kind_of(Startup(2 << 16, ""));
  REQUIRE_FALSE(old);
  CHECK(old.error().sqlstate == "0A000");
  CHECK_FALSE(DecodeStartupPacket("\0\0"s));
}

TEST_CASE("Parse and Bind give back what was put in", "[server][wire]") {
  ParseMessage parse;
  const std::string parse_body = "s\0SELECT $1\0\0\2\0\0\0\x17\0\0\0\0"s;
  REQUIRE(DecodeParse(parse_body, &parse));
  CHECK(parse.statement == "s");
  CHECK(parse.sql == "SELECT $1");
  CHECK(parse.parameter_type_oids == std::vector<uint32_t>{23, 0});

  const std::string body = BindBody();
  BindMessage bind;
  REQUIRE(DecodeBind(body, &bind));
  CHECK(bind.portal == "portal");
  CHECK(bind.statement == "statement");
  REQUIRE(bind.parameters.size() == 2);
  CHECK(bind.parameters[0] == "abc");
  CHECK_FALSE(bind.parameters[1].has_value());
  CHECK(FormatOf(bind.parameter_formats, 1) == 1);
  CHECK(FormatOf(bind.result_formats, 0) == 0);
  CHECK(FormatOf(bind.result_formats, 1) == 1);
  CHECK(FormatOf({}, 5) == 0);
}

TEST_CASE("a message that is cut or too long is an error", "[server][wire]") {
  const std::string bind = BindBody();
  const std::string parse = "s\0SELECT $1\0\0\1\0\0\0\x17"s;
  BindMessage bind_message;
  ParseMessage parse_message;
  for (size_t size = 0; size < bind.size(); ++size) {
    INFO(size);
    CHECK_FALSE(DecodeBind(bind.substr(0, size), &bind_message));
  }
  for (size_t size = 0; size < parse.size(); ++size) {
    INFO(size);
    CHECK_FALSE(DecodeParse(parse.substr(0, size), &parse_message));
  }
  CHECK_FALSE(DecodeBind(bind + "x", &bind_message));
  CHECK_FALSE(DecodeParse(parse + "x", &parse_message));
  CHECK_FALSE(DecodeText("no end"));
  CHECK_FALSE(DecodeText("two\0ends\0"s));
  CHECK_FALSE(DecodeObject("Xname\0"s));
  CHECK_FALSE(DecodeObject(""));
  CHECK_FALSE(DecodeExecute("p\0\0\0\0"s));
  CHECK_FALSE(DecodeSaslInitialResponse("SCRAM-SHA-256\0\0\0\0\5abc"s));
  CHECK_FALSE(DecodeSaslInitialResponse("SCRAM-SHA-256\0\377\377\377\376"s));
}

TEST_CASE("counts and formats that cannot be", "[server][wire]") {
  BindMessage bind;
  CHECK_FALSE(DecodeBind("\0\0\377\377"s, &bind));                      // 65,535 formats
  CHECK_FALSE(DecodeBind("\0\0\0\0\0\1\377\377\377\376\0\0"s, &bind));  // length -2
  CHECK_FALSE(DecodeBind("\0\0\0\1\0\2\0\0\0\0"s, &bind));              // format 2
  CHECK_FALSE(DecodeBind("\0\0\0\2\0\0\0\0\0\1\0\0\0\0\0\0"s, &bind));  // 2 formats, 1 value
  CHECK(DecodeBind("\0\0\0\0\0\0\0\0"s, &bind));
  ParseMessage parse;
  CHECK_FALSE(DecodeParse("\0\0\377\377"s, &parse));
}

TEST_CASE("backend messages have the bytes that the protocol says", "[server][wire]") {
  std::string out;
  WriteReadyForQuery(&out, TransactionStatus::kFailed);
  CHECK(out == "Z\0\0\0\5E"s);
  out.clear();
  WriteCommandComplete(&out, "SELECT 1");
  CHECK(out == "C\0\0\0\x0dSELECT 1\0"s);
  out.clear();
  WriteError(&out, Severity::kError, {"42601", "syntax\0error"s, {}, {}, 7});
  CHECK(out == "E\0\0\0\x25SERROR\0VERROR\0C42601\0Msyntax\0P7\0\0"s);
  out.clear();
  WriteRowDescription(&out, {{"a", 23, 4, -1, 1}});
  CHECK(out == "T\0\0\0\x1a\0\1a\0\0\0\0\0\0\0\0\0\0\x17\0\4\377\377\377\377\0\1"s);
  out.clear();
  const size_t row = BeginRow(&out, 2);
  const size_t field = BeginField(&out);
  out += "ab";
  EndField(&out, field);
  NullField(&out);
  EndRow(&out, row);
  CHECK(out == "D\0\0\0\x10\0\2\0\0\0\2ab\377\377\377\377"s);
}

TEST_CASE("text that is UTF-8, and what is not", "[server][wire]") {
  const std::string plain = "SELECT 12345678 plain bytes";
  for (const std::string& good :
       {""s, plain, "\x01\x7f"s, "\u00e4\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"s}) {
    CHECK(CheckText(good));
    CHECK(CheckText(plain + good + plain));
  }
  for (const std::string& bad :
       {"\0"s, "\x80"s, "\xc0\x80"s, "\xc1\xbf"s, "\xc3"s, "\xe0\x9f\xbf"s, "\xe2\x82"s,
        "\xed\xa0\x80"s, "\xf0\x8f\xbf\xbf"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xff"s,
        "\xe2\x28\xa1"s, "\xf0\x90\x80"s}) {
    for (size_t before = 0; before < 9; ++before) {
      CHECK(CheckText(plain.substr(0, before) + bad + plain).error().sqlstate == "22021");
    }
    CHECK(CheckText(plain + bad).error().sqlstate == "22021");
  }
  CHECK(CheckText("a\xff"s).error().message == "invalid byte sequence for encoding \"UTF8\": 0xff");
  CHECK(DecodeText("SELECT '\xff'\0"s).error().sqlstate == "22021");
  ParseMessage parse;
  CHECK(DecodeParse("\0SELECT '\xc3'\0\0\0"s, &parse).error().sqlstate == "22021");
}

}  // namespace
}  // namespace sibyl::sql::server::wire
