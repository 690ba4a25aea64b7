#include "tests/fuzz/server_targets.h"

#include <cstdlib>

#include "sql/server/copy/copy_parser.h"
#include "sql/server/types.h"
#include "sql/server/value_format.h"
#include "sql/server/wire/big_endian.h"
#include "sql/server/wire/frontend.h"

namespace sibyl::testing {
namespace {

namespace server = sql::server;
namespace wire = sql::server::wire;
using namespace std::string_literals;

constexpr size_t kMaxBodyBytes = 1 << 20;

void Demand(bool condition) {
  if (!condition) std::abort();
}

// ---- Messages: a startup packet, then others, as a server reads them ----

void DecodeMessage(char type, std::string_view body) {
  wire::ParseMessage parse;
  wire::BindMessage bind;
  switch (type) {
    case 'P':
      if (wire::DecodeParse(body, &parse)) {
        Demand(parse.parameter_type_oids.size() * 4 <= body.size());
      }
      break;
    case 'B':
      if (wire::DecodeBind(body, &bind)) {
        Demand(bind.parameters.size() * 4 <= body.size());
        for (size_t i = 0; i < bind.parameters.size(); ++i) {
          Demand(wire::FormatOf(bind.parameter_formats, i) <= 1);
        }
      }
      break;
    case 'D':
    case 'C':
      (void)wire::DecodeObject(body);
      break;
    case 'E':
      (void)wire::DecodeExecute(body);
      break;
    case 'p':
      (void)wire::DecodeSaslInitialResponse(body);
      break;
    default:
      if (const auto text = wire::DecodeText(body)) Demand(text->size() + 1 == body.size());
  }
}

void RunWire(std::string_view bytes) {
  const wire::Frame startup = wire::FindStartupPacket(bytes);
  if (startup.state != wire::FrameState::kComplete) return;
  Demand(startup.size_bytes <= bytes.size());
  (void)wire::DecodeStartupPacket(startup.body);
  bytes.remove_prefix(startup.size_bytes);
  for (;;) {
    const wire::Frame frame = wire::FindMessage(bytes, kMaxBodyBytes);
    if (frame.state != wire::FrameState::kComplete) return;
    Demand(frame.size_bytes <= bytes.size());
    DecodeMessage(frame.type, frame.body);
    bytes.remove_prefix(frame.size_bytes);
  }
}

std::string Message(char type, const std::string& body) {
  std::string message(1, type);
  wire::AppendBig(&message, static_cast<uint32_t>(body.size() + 4));
  return message + body;
}

std::vector<std::string> WireSeeds() {
  const std::string ssl = "\0\0\0\x08\x04\xd2\x16\x2f"s;
  const std::string startup = "\0\0\0\x12\0\3\0\0user\0ann\0\0"s;
  const std::string cancel = "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\1\0\0\0\2"s;
  const std::string parse = Message('P', "s\0SELECT $1\0\0\1\0\0\0\x17"s);
  const std::string bind = Message('B', "p\0s\0\0\1\0\1\0\1\0\0\0\4\0\0\0\1\0\1\0\0"s);
  return {ssl + Message('Q', "SELECT 1\0"s), cancel,
          startup + parse + bind + Message('D', "Pp\0"s) + Message('E', "p\0\0\0\0\5"s) +
              Message('S', "") + Message('C', "Ss\0"s) +
              Message('p', "SCRAM-SHA-256\0\0\0\0\3abc"s) + Message('X', "")};
}

// ---- COPY: the first byte chooses the format and how the rest is cut into messages ----

void RunCopy(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto choice = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  server::CopyOptions options;
  options.format = static_cast<server::CopyFormat>(choice % 3);
  options.header = (choice & 4) != 0;
  if (options.format == server::CopyFormat::kCsv) {
    options.delimiter = ',';
    options.null_text.clear();
    if ((choice & 8) != 0) options.escape = '\\';
  }
  const size_t piece = 1 + (choice >> 4);
  server::CopyParser parser(options);
  server::CopyParser::Fields fields;
  uint64_t rows = 0;
  const auto take_all = [&] {
    for (;;) {
      const auto more = parser.Next(&fields);
      if (!more) return false;
      if (!*more) return true;
      ++rows;
    }
  };
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const std::string part(bytes.substr(at, piece));
    parser.Feed(part);
    if (!take_all()) return;
  }
  parser.Finish();
  (void)take_all();
  Demand(rows <= bytes.size());
}

std::vector<std::string> CopySeeds() {
  return {
      "\x30"
      "1\ta\\tb\n\\N\t\\x41\n\\.\n"s,
      "\x31"
      "1,\"a\"\"b\"\n,\"x\ny\"\n"s,
      "\x3d"
      "h,i\n\"a\\\"b\",2\n"s,
      "\x32"
      "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\2\0\0\0\1x\377\377\377\377\377\377"s};
}

// ---- Values: the first byte chooses the type, the second the format ----

std::string TextOf(uint32_t oid, const server::SqlValue& value) {
  std::string text;
  server::EncodeText(oid, value, &text);
  return text;
}

// What was read from binary can be written so, and then is the same.
void RunValues(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const auto types = server::AllTypes();
  const uint32_t oid = types[static_cast<uint8_t>(bytes[0]) % types.size()].oid;
  const auto format = static_cast<int16_t>(bytes[1] & 1);
  std::string scratch;
  const auto value = server::Decode(oid, format, bytes.substr(2), &scratch);
  if (!value) {
    Demand(value.error().sqlstate.size() == 5);
    return;
  }
  const std::string text = TextOf(oid, *value);
  std::string binary;
  const bool is_written = server::EncodeBinary(oid, *value, &binary).has_value();
  if (format == 0) return;  // text that is none of the type's may be kept, where SQLite lets it
  Demand(is_written);
  std::string other_scratch;
  const auto again = server::Decode(oid, 1, binary, &other_scratch);
  Demand(again.has_value() && TextOf(oid, *again) == text);
}

std::vector<std::string> ValueSeeds() {
  std::vector<std::string> seeds;
  const char* const texts[] = {"1",
                               "-2.5",
                               "t",
                               "abc",
                               "{1,2}",
                               "{a,NULL,\"b c\"}",
                               "2024-02-29",
                               "2024-02-29 12:00:00.5",
                               "1 mon -3 days 04:05:06",
                               "12:30:00",
                               "00112233-4455-6677-8899-aabbccddeeff",
                               "{2024-02-29}",
                               "infinity"};
  const auto types = server::AllTypes();
  for (size_t i = 0; i < types.size(); ++i) {
    for (const char* text : texts) {
      std::string scratch;
      const auto value = server::Decode(types[i].oid, 0, text, &scratch);
      if (!value) continue;
      const std::string choice(1, static_cast<char>(i));
      seeds.push_back(choice + '\0' + text);
      std::string binary;
      if (server::EncodeBinary(types[i].oid, *value, &binary)) {
        seeds.push_back(choice + '\1' + binary);
      }
    }
  }
  return seeds;
}

}  // namespace

std::vector<FuzzTarget> ServerFuzzTargets() {
  return {{"wire", RunWire, WireSeeds},
          {"copy", RunCopy, CopySeeds},
          {"values", RunValues, ValueSeeds}};
}

}  // namespace sibyl::testing
