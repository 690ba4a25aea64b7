// Goal: COPY's three formats are read as PostgreSQL reads them, however the bytes are cut into
// messages, and what is written is read back as it was.
// Method: examples with each special character; each input is fed whole, byte by byte, and cut at
// every place; round trips through the writer.

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sql/server/copy/copy_parser.h"
#include "sql/server/copy/copy_writer.h"
#include "sql/server/type_oids.h"

namespace sibyl::sql::server {
namespace {

using namespace std::string_literals;
using Row = std::vector<std::optional<std::string>>;

CopyOptions Csv() {
  CopyOptions options;
  options.format = CopyFormat::kCsv;
  options.delimiter = ',';
  options.null_text = "";
  return options;
}

// The rows of `input`, fed in pieces of `piece` bytes; nullopt: an error.
std::optional<std::vector<Row>> Parse(const CopyOptions& options, const std::string& input,
                                      size_t piece) {
  CopyParser parser(options);
  std::vector<Row> rows;
  CopyParser::Fields fields;
  const auto take = [&] {
    for (;;) {
      const auto more = parser.Next(&fields);
      if (!more) return false;
      if (!*more) return true;
      Row& row = rows.emplace_back();
      for (const auto& field : fields) {
        row.push_back(field ? std::optional<std::string>(*field) : std::nullopt);
      }
    }
  };
  for (size_t at = 0; at < input.size(); at += piece) {
    const std::string bytes = input.substr(at, piece);  // gone after this round
    parser.Feed(bytes);
    if (!take()) return std::nullopt;
  }
  parser.Finish();
  if (!take()) return std::nullopt;
  return rows;
}

void CheckRows(const CopyOptions& options, const std::string& input,
               const std::vector<Row>& expected) {
  for (size_t piece = 1; piece <= input.size(); ++piece) {
    INFO("input " << input << " in pieces of " << piece);
    const auto rows = Parse(options, input, piece);
    REQUIRE(rows);
    CHECK(*rows == expected);
  }
}

TEST_CASE("COPY text: delimiters, NULL, escapes, ends of lines", "[server][copy]") {
  CheckRows({}, "1\ta\n2\tb\n", {{"1", "a"}, {"2", "b"}});
  CheckRows({}, "1\ta\n2\tb", {{"1", "a"}, {"2", "b"}});  // no newline at the end
  CheckRows({}, "1\ta\r\n2\tb\r\n", {{"1", "a"}, {"2", "b"}});
  CheckRows({}, "\\N\t\\\\N\t\n", {{std::nullopt, "\\N", ""}});
  CheckRows({}, "a\\tb\\n\\\\\t\\x41\\101\\\tz\n", {{"a\tb\n\\", "AA\tz"}});
  CheckRows({}, "a\\\nb\n", {{"a\nb"}});  // an escaped newline
  CheckRows({}, "1\n\\.\n2\n", {{"1"}});  // the end marker
  CheckRows({}, "\n", {{""}});
  // Long lines are taken eight bytes at a time.
  CheckRows({},
            "12345678\tabcdefgh\t\t\ti\n\n\t\nxx\t87654321\t0123456\n\\N\t123456789\nabcdefghi\r\nl"
            "ast line\n",
            {{"12345678", "abcdefgh", "", "", "i"},
             {""},
             {"", ""},
             {"xx", "87654321", "0123456"},
             {std::nullopt, "123456789"},
             {"abcdefghi"},
             {"last line"}});
  CheckRows({},
            "\xc3\xa4\xc3\xb6\xc3\xbc\xff\x8a\x89\t\x0b\x0a\x08\x0c\xdc\x5d\x5b\n\x88\x8a\t\x5d\n",
            {{"\xc3\xa4\xc3\xb6\xc3\xbc\xff\x8a\x89", "\x0b"},
             {"\x08\x0c\xdc\x5d\x5b"},
             {"\x88\x8a", "\x5d"}});
  CopyOptions bars;
  bars.delimiter = '|';
  bars.null_text = "-";
  bars.header = true;
  CheckRows(bars, "x|y\n1|-\n", {{"1", std::nullopt}});
}

TEST_CASE("COPY CSV: quotes, doubled quotes, newlines inside, NULL and empty", "[server][copy]") {
  CheckRows(Csv(), "1,a\n2,\"b\"\"c\"\n", {{"1", "a"}, {"2", "b\"c"}});
  CheckRows(Csv(), ",\"\"\n", {{std::nullopt, ""}});
  CheckRows(Csv(), "\"a\nb\",\"c,d\"\n", {{"a\nb", "c,d"}});
  CheckRows(Csv(), "x\"y,z\"w\n", {{"xy,zw"}});  // quotes in the middle
  CopyOptions escaped = Csv();
  escaped.escape = '\\';
  CheckRows(escaped, "\"a\\\"b\",\"\\\\\"\n", {{"a\"b", "\\"}});
  CopyOptions header = Csv();
  header.header = true;
  CheckRows(header, "h,\"h\n2\"\n1,2\n", {{"1", "2"}});
  CHECK_FALSE(Parse(Csv(), "\"never closed\n", 100));
}

TEST_CASE("COPY binary: signature, fields, NULL, trailer", "[server][copy]") {
  CopyOptions binary;
  binary.format = CopyFormat::kBinary;
  const std::string header = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"s;
  const std::string row = "\0\2\0\0\0\1x\377\377\377\377"s;
  CheckRows(binary, header + row + row + "\377\377"s, {{"x", std::nullopt}, {"x", std::nullopt}});
  CHECK_FALSE(Parse(binary, "PGCOPX\n\377\r\n\0\0\0\0\0\0\0\0\0"s, 100));
  CHECK_FALSE(Parse(binary, "PGCOPY", 100));
  CHECK_FALSE(Parse(binary, header + "\377\376"s, 100));
  CHECK_FALSE(Parse(binary, header + "\0\1\377\377\377\376"s, 100));
}

TEST_CASE("what COPY writes it reads back", "[server][copy]") {
  std::string all_bytes;
  for (int c = 1; c < 256; ++c) all_bytes += static_cast<char>(c);
  const std::vector<std::string> texts = {"", "a", "\\N", "\\.", ",", "\"", "\n", "\r", all_bytes};
  std::vector<wire::FieldDescription> fields(2);
  for (auto& field : fields) field.type_oid = kTextOid;
  for (const CopyFormat format : {CopyFormat::kText, CopyFormat::kCsv, CopyFormat::kBinary}) {
    CopyOptions options = format == CopyFormat::kCsv ? Csv() : CopyOptions();
    options.format = format;
    CopyWriter writer(options, &fields);
    std::string bytes;
    std::vector<Row> expected;
    writer.Begin(&bytes);
    for (const std::string& text : texts) {
      REQUIRE(writer.Row({SqlValue::Text(text), SqlValue()}, &bytes));
      expected.push_back({text, std::nullopt});
    }
    writer.End(&bytes);
    const auto rows = Parse(options, bytes, 7);
    REQUIRE(rows);
    CHECK(*rows == expected);
  }
}

}  // namespace
}  // namespace sibyl::sql::server
