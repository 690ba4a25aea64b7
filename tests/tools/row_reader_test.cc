// Goal: every input format is read as written, and broken input is an error that names the place.
// Method: each format from bytes held in memory, given out in pieces of every size, so that each
// boundary falls inside a buffer refill once.

#include "tools/input/row_reader.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "base/coding.h"

namespace sibyl::tools {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// Gives out a string at most `piece_bytes` at a time.
class StringSource : public ByteSource {
 public:
  StringSource(std::string bytes, size_t piece_bytes)
      : bytes_(std::move(bytes)), piece_bytes_(piece_bytes) {}

  Result<size_t> Read(std::span<char> buffer) override {
    const size_t count = std::min({buffer.size(), piece_bytes_, bytes_.size() - given_});
    std::memcpy(buffer.data(), bytes_.data() + given_, count);
    given_ += count;
    return count;
  }
  uint64_t consumed_bytes() const override { return given_; }
  std::optional<uint64_t> size_bytes() const override { return bytes_.size(); }
  const std::string& name() const override { return name_; }

 private:
  std::string bytes_;
  size_t piece_bytes_;
  size_t given_ = 0;
  std::string name_ = "input";
};

Result<Rows> ReadAll(InputFormat format, const std::string& bytes, size_t piece_bytes) {
  StringSource source(bytes, piece_bytes);
  const auto reader = NewRowReader(format, &source);
  Rows rows;
  std::vector<std::string> fields;
  for (;;) {
    const auto more = reader->Next(&fields);
    if (!more) return more.error();
    if (!*more) return rows;
    rows.push_back(fields);
  }
}

void CheckRows(InputFormat format, const std::string& bytes, const Rows& expected) {
  for (const size_t piece_bytes : {1, 2, 3, 5, 1000}) {
    INFO("piece_bytes " << piece_bytes << ", input " << bytes);
    const auto rows = ReadAll(format, bytes, piece_bytes);
    REQUIRE(rows.has_value());
    CHECK(*rows == expected);
  }
}

void CheckBroken(InputFormat format, const std::string& bytes, const std::string& complaint) {
  INFO("input " << bytes);
  const auto rows = ReadAll(format, bytes, 3);
  REQUIRE_FALSE(rows.has_value());
  CHECK(rows.error().code == ErrorCode::kCorruption);
  CHECK_THAT(rows.error().message, Catch::Contains(complaint) && Catch::Contains("input"));
}

std::string Sosd(const std::vector<uint64_t>& numbers) {
  std::string bytes;
  for (const uint64_t number : numbers) base::Put64(&bytes, number);
  return bytes;
}

TEST_CASE("lines, with and without a last newline", "[tools][input]") {
  CheckRows(InputFormat::kLines, "", {});
  CheckRows(InputFormat::kLines, "a", {{"a"}});
  CheckRows(InputFormat::kLines, "a\n", {{"a"}});
  CheckRows(InputFormat::kLines, "a\n\nb\tc\r\n", {{"a"}, {""}, {"b\tc"}});
  CheckRows(InputFormat::kLines, std::string("\0x\n", 3), {{std::string("\0x", 2)}});
}

TEST_CASE("TSV splits at every tab and quotes nothing", "[tools][input]") {
  CheckRows(InputFormat::kTsv, "a\tb\n\t\n\"x\t,y\"", {{"a", "b"}, {"", ""}, {"\"x", ",y\""}});
}

TEST_CASE("CSV as RFC 4180 writes it", "[tools][input]") {
  CheckRows(InputFormat::kCsv, "", {});
  CheckRows(InputFormat::kCsv, "a,b\nc,d", {{"a", "b"}, {"c", "d"}});
  CheckRows(InputFormat::kCsv, "a,,\r\n,\n", {{"a", "", ""}, {"", ""}});
  CheckRows(InputFormat::kCsv, "\"a,\"\"b\"\"\nc\",d\n", {{"a,\"b\"\nc", "d"}});
  CheckRows(InputFormat::kCsv, "\"\",x\n\"q\"", {{"", "x"}, {"q"}});
  CheckRows(InputFormat::kCsv, "a\rb,c\r", {{"a\rb", "c"}});
  CheckBroken(InputFormat::kCsv, "ok\n\"never closed\nand so on", "row 2");
}

TEST_CASE("SOSD keys, the extremes included", "[tools][input]") {
  CheckRows(InputFormat::kSosd, Sosd({0}), {});
  CheckRows(InputFormat::kSosd, Sosd({3, 0, 7, ~0ull}), {{"0"}, {"7"}, {"18446744073709551615"}});
}

TEST_CASE("SOSD files that lie about their length are refused", "[tools][input]") {
  CheckBroken(InputFormat::kSosd, "", "no count");
  CheckBroken(InputFormat::kSosd, "1234567", "no count");
  CheckBroken(InputFormat::kSosd, Sosd({2, 5}), "truncated");
  CheckBroken(InputFormat::kSosd, Sosd({1, 5}).substr(0, 15), "truncated");
  CheckBroken(InputFormat::kSosd, Sosd({~0ull, 5}), "18446744073709551615");
  CheckBroken(InputFormat::kSosd, Sosd({1, 5, 6}), "goes on");
}

TEST_CASE("the format follows from the name unless one is asked for", "[tools][input]") {
  CHECK(ChooseFormat(InputFormat::kAuto, "a.csv") == InputFormat::kCsv);
  CHECK(ChooseFormat(InputFormat::kAuto, "a.tsv.zst") == InputFormat::kTsv);
  CHECK(ChooseFormat(InputFormat::kAuto, "osm_cellids_800M_uint64") == InputFormat::kSosd);
  CHECK(ChooseFormat(InputFormat::kAuto, "-") == InputFormat::kLines);
  CHECK(ChooseFormat(InputFormat::kAuto, "csv") == InputFormat::kLines);
  CHECK(ChooseFormat(InputFormat::kLines, "a.csv") == InputFormat::kLines);
}

}  // namespace
}  // namespace sibyl::tools
