// Goal: values look in text and binary as PostgreSQL's do, and a value that does not fit is an
// error and never another value. Method: pairs written from PostgreSQL 15's own output; round trips
// of every binary format at its edges; what must be refused.

#include <bit>
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "sql/server/calendar.h"
#include "sql/server/numeric_format.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"
#include "sql/server/value_format.h"

namespace sibyl::sql::server {
namespace {

using namespace std::string_literals;

std::string Text(uint32_t oid, const SqlValue& value) {
  std::string out;
  EncodeText(oid, value, &out);
  return out;
}

std::string Binary(uint32_t oid, const SqlValue& value) {
  std::string out;
  INFO("oid " << oid);
  REQUIRE(EncodeBinary(oid, value, &out));
  return out;
}

TEST_CASE("a numeric(p,s) shows s places, and never fewer digits than it has", "[server][values]") {
  const auto text_of = [](int scale, const SqlValue& value) {
    std::string out = "before ";
    EncodeText(kNumericOid, value, &out, (10 << 16 | scale) + 4);
    return out.substr(7);
  };
  CHECK(text_of(2, SqlValue::Integer(5)) == "5.00");
  CHECK(text_of(2, SqlValue::Integer(-5)) == "-5.00");
  CHECK(text_of(2, SqlValue::Real(1.5)) == "1.50");
  CHECK(text_of(2, SqlValue::Real(0.125)) == "0.125");
  CHECK(text_of(0, SqlValue::Integer(7)) == "7");
  CHECK(text_of(0x7fe, SqlValue::Integer(700)) == "700");  // numeric(10,-2)
  CHECK(text_of(2, SqlValue::Real(std::numeric_limits<double>::infinity())) == "Infinity");
  CHECK(text_of(2, SqlValue::Text("abc")) == "abc");
  std::string binary, other;
  REQUIRE(EncodeBinary(kNumericOid, SqlValue::Real(1.5), &binary, (10 << 16 | 2) + 4));
  REQUIRE(AppendNumeric("1.50", &other));
  CHECK(binary == other);
}

// `value` written in binary and read again, as text.
std::string Again(uint32_t oid, const SqlValue& value) {
  std::string scratch;
  const std::string bytes = Binary(oid, value);
  const auto decoded = Decode(oid, 1, bytes, &scratch);
  REQUIRE(decoded);
  return Text(oid, *decoded);
}

TEST_CASE("numbers as text", "[server][values]") {
  CHECK(Text(kInt8Oid, SqlValue::Integer(std::numeric_limits<int64_t>::min())) ==
        "-9223372036854775808");
  CHECK(Text(kBoolOid, SqlValue::Integer(1)) == "t");
  CHECK(Text(kBoolOid, SqlValue::Integer(0)) == "f");
  CHECK(Text(kFloat8Oid, SqlValue::Real(0.1)) == "0.1");
  CHECK(Text(kFloat8Oid, SqlValue::Real(1)) == "1");
  CHECK(Text(kFloat8Oid, SqlValue::Real(100000)) == "100000");
  CHECK(Text(kFloat8Oid, SqlValue::Real(1e14)) == "100000000000000");
  CHECK(Text(kFloat8Oid, SqlValue::Real(1e15)) == "1e+15");
  CHECK(Text(kFloat8Oid, SqlValue::Real(-1.5e-5)) == "-1.5e-05");
  CHECK(Text(kFloat8Oid, SqlValue::Real(0.0001)) == "0.0001");
  CHECK(Text(kFloat8Oid, SqlValue::Real(std::numeric_limits<double>::infinity())) == "Infinity");
  CHECK(Text(kFloat4Oid, SqlValue::Real(0.1)) == "0.1");
  CHECK(Text(kFloat4Oid, SqlValue::Real(1e6)) == "1e+06");
  CHECK(Text(kNumericOid, SqlValue::Real(1e20)) == "100000000000000000000");
  CHECK(Text(kByteaOid, SqlValue::Blob("\0\377a"s)) == "\\x00ff61");
  CHECK(Text(kTimestamptzOid, SqlValue::Text("2024-02-29 12:00:00")) == "2024-02-29 12:00:00+00");
}

TEST_CASE("what is usual is decoded as everything is", "[server][values]") {
  std::mt19937_64 random(3);
  std::vector<std::string> texts = {"",
                                    "-",
                                    "+1",
                                    "--1",
                                    "1-",
                                    " 1",
                                    "1 ",
                                    "0",
                                    "-0",
                                    "00",
                                    "32767",
                                    "32768",
                                    "-32768",
                                    "-9999",
                                    "99999",
                                    "2147483647",
                                    "2147483648",
                                    "999999999",
                                    "-999999999",
                                    "9223372036854775807",
                                    "9223372036854775808",
                                    "999999999999999999",
                                    ".5",
                                    "5.",
                                    "1.5",
                                    "1..5",
                                    "1.5.5",
                                    "0.1",
                                    "1e5",
                                    "nan",
                                    "inf",
                                    "0x1",
                                    "123456789012345",
                                    "1234567890123456",
                                    "12345678901234567890.5",
                                    "a",
                                    "\xff",
                                    "\xc3\xa9",
                                    "a\0"s};
  for (int i = 0; i < 20'000; ++i) {
    std::string text = std::to_string(random() >> random() % 64);
    if (random() % 4 > 0) text.insert(random() % (text.size() + 1), ".");
    if (random() % 8 == 0) text.insert(0, "-");
    texts.push_back(text);
  }
  size_t usual = 0;
  for (const uint32_t oid : {kInt2Oid, kInt4Oid, kInt8Oid, kFloat4Oid, kFloat8Oid, kTextOid,
                             kVarcharOid, kNumericOid, kBoolOid, kDateOid}) {
    for (const std::string& text : texts) {
      INFO("type " << oid << ", text " << text);
      SqlValue value;
      if (!DecodeUsualText(oid, text, &value)) continue;
      ++usual;
      std::string scratch;
      const auto expected = DecodeText(oid, text, &scratch);
      REQUIRE(expected);
      REQUIRE(value.type == expected->type);
      REQUIRE(value.integer == expected->integer);
      REQUIRE(std::bit_cast<uint64_t>(value.real) == std::bit_cast<uint64_t>(expected->real));
      REQUIRE(value.bytes == expected->bytes);
    }
  }
  CHECK(usual > texts.size());
}

TEST_CASE("binary formats at their edges", "[server][values]") {
  CHECK(Binary(kInt4Oid, SqlValue::Integer(-2)) == "\377\377\377\376"s);
  CHECK(Binary(kInt2Oid, SqlValue::Text("7")) == "\0\7"s);
  CHECK(Binary(kBoolOid, SqlValue::Integer(1)) == "\1"s);
  CHECK(Binary(kDateOid, SqlValue::Text("2000-01-02")) == "\0\0\0\1"s);
  CHECK(Binary(kTimestampOid, SqlValue::Text("1999-12-31 23:59:59.999999")) ==
        "\377\377\377\377\377\377\377\377"s);
  CHECK(Binary(kUuidOid, SqlValue::Text("00112233-4455-6677-8899-aabbccddeeff")) ==
        "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"s);
  CHECK(Binary(kJsonbOid, SqlValue::Text("{}")) == "\1{}"s);
  for (const char* date : {"0001-01-01", "1900-03-01", "2000-02-29", "9999-12-31"}) {
    CHECK(Again(kDateOid, SqlValue::Text(date)) == date);
    const std::string moment = std::string(date) + " 23:59:59.5";
    CHECK(Again(kTimestampOid, SqlValue::Text(moment)) == moment);
  }
  for (const char* time : {"00:00:00", "23:59:59.999999", "12:30:00.1"}) {
    CHECK(Again(kTimeOid, SqlValue::Text(time)) == time);
  }
  for (const double real : {0.0, -0.5, 1e300, 5e-324}) {
    CHECK(Again(kFloat8Oid, SqlValue::Real(real)) == Text(kFloat8Oid, SqlValue::Real(real)));
  }
}

TEST_CASE("numeric in binary", "[server][values]") {
  std::string bytes;
  REQUIRE(AppendNumeric("12345.67", &bytes));
  CHECK(bytes == "\0\3\0\1\0\0\0\2\0\1\x09\x29\x1a\x2c"s);  // 1, 2345, 6700
  for (const char* number : {"0", "1", "-1", "10000", "0.0001", "-0.00012", "123456789.987654321",
                             "100000000000000000000", "0.10", "9999.9999", "NaN"}) {
    bytes.clear();
    REQUIRE(AppendNumeric(number, &bytes));
    CHECK(NumericText(bytes) == number);
  }
  for (const char* bad : {"", "-", "1e5", "abc", "1.2.3", "--1"}) {
    bytes.clear();
    CHECK_FALSE(AppendNumeric(bad, &bytes));
  }
  for (size_t size = 0; size < 14; ++size) {
    CHECK_FALSE(NumericText("\0\3\0\1\0\0\0\2\0\1\x09\x29\x1a\x2c"s.substr(0, size)));
  }
}

TEST_CASE("values that do not fit their type have no binary form", "[server][values]") {
  std::string out;
  CHECK_FALSE(EncodeBinary(kInt4Oid, SqlValue::Integer(int64_t{1} << 31), &out));
  CHECK_FALSE(EncodeBinary(kInt2Oid, SqlValue::Integer(32768), &out));
  CHECK_FALSE(EncodeBinary(kInt4Oid, SqlValue::Text("abc"), &out));
  CHECK_FALSE(EncodeBinary(kInt4Oid, SqlValue::Real(1.5), &out));
  CHECK_FALSE(EncodeBinary(kInt8Oid, SqlValue::Real(1e19), &out));
  CHECK_FALSE(EncodeBinary(kDateOid, SqlValue::Text("yesterday"), &out));
  CHECK_FALSE(EncodeBinary(kDateOid, SqlValue::Integer(5), &out));
  CHECK_FALSE(EncodeBinary(kUuidOid, SqlValue::Text("0011"), &out));
  CHECK_FALSE(EncodeBinary(kOidOid, SqlValue::Integer(-1), &out));
  CHECK_FALSE(EncodeBinary(kTextArrayOid + 1'000'000, SqlValue::Text("x"), &out));
}

TEST_CASE("intervals and infinity in binary", "[server][values]") {
  CHECK(Binary(kIntervalOid, SqlValue::Text("1 mon 2 days 00:00:00.000003")) ==
        "\0\0\0\0\0\0\0\3\0\0\0\2\0\0\0\1"s);
  for (const char* interval : {"00:00:00", "1 year 2 mons 3 days -04:05:06.5", "-3 days"}) {
    CHECK(Again(kIntervalOid, SqlValue::Text(interval)) == interval);
  }
  CHECK(Binary(kDateOid, SqlValue::Text("infinity")) == "\x7f\xff\xff\xff"s);
  CHECK(Again(kDateOid, SqlValue::Text("-infinity")) == "-infinity");
  CHECK(Again(kTimestampOid, SqlValue::Text("infinity")) == "infinity");
  CHECK(Again(kTimestamptzOid, SqlValue::Text("-infinity")) == "-infinity");
  std::string scratch;
  for (const char byte : {'\x80', '\x7f', '\x92'}) {
    CHECK(Decode(kIntervalOid, 1, std::string(16, byte), &scratch).error().sqlstate == "22008");
  }
  CHECK_FALSE(Decode(kIntervalOid, 1, std::string(15, '\0'), &scratch));
}

TEST_CASE("arrays in binary", "[server][values]") {
  const std::string one_two =
      "\0\0\0\1\0\0\0\0\0\0\0\x17\0\0\0\2\0\0\0\1"s + "\0\0\0\4\0\0\0\1\0\0\0\4\0\0\0\2"s;
  CHECK(Binary(kInt4ArrayOid, SqlValue::Text("{1,2}")) == one_two);
  CHECK(Binary(kInt4ArrayOid, SqlValue::Text("{}")) == "\0\0\0\0\0\0\0\0\0\0\0\x17"s);
  struct Example {
    uint32_t oid;
    const char* text;
  };
  for (const Example& example : std::initializer_list<Example>{
           {kInt2ArrayOid, "{-32768,32767}"},
           {kInt4ArrayOid, "{NULL}"},
           {kInt8ArrayOid, "{9223372036854775807,NULL,0}"},
           {kFloat8ArrayOid, "{0.5,-1e+300}"},
           {kBoolArrayOid, "{t,f,NULL}"},
           {kTextArrayOid, R"({a,"b c","NULL",NULL,"{\"x\\\\\"}",""})"},
           {kVarcharArrayOid, "{äö}"},
           {kInt2VectorOid, "1 2 3"},
           {FindType("timestamp[]")->oid, "{\"2024-02-29 12:00:00.5\"}"},
           {FindType("timestamptz[]")->oid, "{\"2024-02-29 12:00:00+00\"}"},
           {FindType("date[]")->oid, "{2024-02-29}"},
           {FindType("numeric[]")->oid, "{1.5,-3}"},
           {FindType("bytea[]")->oid, R"({"\\x00ff"})"},
           {FindType("uuid[]")->oid, "{00112233-4455-6677-8899-aabbccddeeff}"}}) {
    INFO(example.text);
    CHECK(Again(example.oid, SqlValue::Text(example.text)) == example.text);
  }
}

TEST_CASE("arrays that are none", "[server][values]") {
  std::string out;
  CHECK_FALSE(EncodeBinary(kInt4ArrayOid, SqlValue::Text("{1,x}"), &out));
  CHECK_FALSE(EncodeBinary(kInt4ArrayOid, SqlValue::Text("{1,2"), &out));
  CHECK_FALSE(EncodeBinary(kInt4ArrayOid, SqlValue::Text("{{1},{2}}"), &out));
  CHECK_FALSE(EncodeBinary(kInt4ArrayOid, SqlValue::Integer(1), &out));
  std::string scratch;
  const std::string whole = Binary(kTextArrayOid, SqlValue::Text("{ab,NULL}"));
  for (size_t size = 0; size < whole.size(); ++size) {
    INFO("size " << size);
    CHECK(Decode(kTextArrayOid, 1, whole.substr(0, size), &scratch).error().sqlstate == "22P03");
  }
  CHECK(Decode(kTextArrayOid, 1, whole + "x", &scratch).error().sqlstate == "22P03");
  CHECK(Decode(kInt4ArrayOid, 1, whole, &scratch).error().sqlstate ==
        "22P03");  // of other elements
  const auto changed = [&](size_t at, char byte) {
    std::string bytes = whole;
    bytes[at] = byte;
    return Decode(kTextArrayOid, 1, bytes, &scratch).error().sqlstate;
  };
  CHECK(changed(3, 2) == "0A000");  // dimensions
  CHECK(changed(0, '\x80') == "22P03");
  CHECK(changed(12, '\x7f') == "22P03");  // two thousand million elements
  CHECK(changed(12, '\xff') == "22P03");
  CHECK(changed(19, 0) == "0A000");       // counted from 0
  CHECK(changed(20, '\xfe') == "22P03");  // a length below -1
}

TEST_CASE("numbers and days that cannot be kept are refused", "[server][values]") {
  std::string scratch;
  CHECK(Decode(kFloat8Oid, 0, "NaN", &scratch).error().sqlstate == "0A000");
  CHECK(Decode(kFloat8Oid, 1, "\x7f\xf8\0\0\0\0\0\0"s, &scratch).error().sqlstate == "0A000");
  CHECK(Decode(kNumericOid, 1, "\0\0\0\0\xc0\0\0\0"s, &scratch).error().sqlstate == "0A000");
  for (const char* bytes : {"\x7f\xff\xff\xfe", "\x80\x01\x01\x01"}) {
    CHECK(Decode(kDateOid, 1, std::string(bytes, 4), &scratch).error().sqlstate == "22008");
    const std::string moment = std::string(bytes, 4) + std::string(4, '\xff');
    CHECK(Decode(kTimestampOid, 1, moment, &scratch).error().sqlstate == "22008");
  }
  CHECK(Decode(kDateOid, 1, "\0\x2c\x95\xd3"s, &scratch)->bytes == "9999-12-31");
  CHECK(Decode(kDateOid, 1, "\0\x2c\x95\xd4"s, &scratch).error().sqlstate == "22008");
}

TEST_CASE("parameters as text", "[server][values]") {
  std::string scratch;
  const auto decode = [&](uint32_t oid, const char* text) {
    return Decode(oid, 0, text, &scratch);
  };
  CHECK(decode(kInt4Oid, " +42 ")->integer == 42);
  CHECK(decode(kInt8Oid, "-9223372036854775808")->integer == std::numeric_limits<int64_t>::min());
  CHECK(decode(kInt4Oid, "2147483648").error().sqlstate == "22003");
  CHECK(decode(kInt8Oid, "9223372036854775808").error().sqlstate == "22003");
  CHECK(decode(kInt4Oid, "1x").error().sqlstate == "22P02");
  CHECK(decode(kInt4Oid, "").error().sqlstate == "22P02");
  CHECK(decode(kBoolOid, "TRUE")->integer == 1);
  CHECK(decode(kBoolOid, "of")->integer == 0);
  CHECK_FALSE(decode(kBoolOid, "o"));
  CHECK_FALSE(decode(kBoolOid, "2"));
  CHECK(decode(kNumericOid, "12")->type == ValueType::kInteger);
  CHECK(decode(kNumericOid, "12.5")->real == 12.5);
  CHECK(decode(kByteaOid, "\\x00Ff")->bytes == "\0\377"s);
  CHECK(decode(kByteaOid, "a\\\\b\\001")->bytes == "a\\b\1"s);
  CHECK_FALSE(decode(kByteaOid, "\\x0"));
  CHECK_FALSE(decode(kByteaOid, "\\9"));
  CHECK(decode(kUnspecifiedOid, "007")->bytes == "007");
  CHECK_FALSE(Decode(kInt4Oid, 1, "abc", &scratch));
  CHECK_FALSE(Decode(kBoolOid, 1, "", &scratch));
  CHECK_FALSE(Decode(kTimeOid, 1, "\377\377\377\377\377\377\377\377"s, &scratch));
}

TEST_CASE("dates and times as text are stored in one form", "[server][values]") {
  std::string scratch;
  const auto decode = [&](uint32_t oid, const char* text) {
    return Decode(oid, 0, text, &scratch);
  };
  CHECK(decode(kTimestamptzOid, "2024-05-06T07:08:09.50+02")->bytes == "2024-05-06 05:08:09.5");
  CHECK(decode(kTimestamptzOid, "2024-05-06 07:08:09")->bytes == "2024-05-06 07:08:09");
  CHECK(decode(kTimestampOid, "2024-05-06 07:08:09.5+00")->bytes == "2024-05-06 07:08:09.5");
  CHECK(decode(kTimestampOid, "2024-05-06")->bytes == "2024-05-06 00:00:00");
  CHECK(decode(kDateOid, "2024-5-6")->bytes == "2024-05-06");
  CHECK(decode(kTimeOid, "07:08")->bytes == "07:08:00");
  CHECK(decode(kDateOid, "2024-02-30").error().sqlstate == "22008");
  CHECK(decode(kDateOid, "tomorrow or so").error().sqlstate == "22007");
  CHECK(decode(kTimestampOid, "").error().sqlstate == "22007");
}

TEST_CASE("texts that are no dates or times", "[server][values]") {
  for (const char* text : {"", "2000", "2000-13-01", "2000-00-10", "2000-01-32", "2000-1-1",
                           "2000-01-01 ", "2000-01-01 25:00:00", "2000-01-01 10:60:00"}) {
    INFO(text);
    CHECK_FALSE(TimestampUs(text).has_value());
  }
}

}  // namespace
}  // namespace sibyl::sql::server
