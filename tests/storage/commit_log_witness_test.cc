// Goal: the witness of the commit log never says more than was recorded, and survives a torn write.
// Method: record, reopen and compare; then damage every byte of either slot.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "storage/commit_log_format.h"
#include "storage/commit_log_witness.h"
#include "tests/storage/commit_log_support.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using Files = std::vector<uint64_t>;

void FlipByte(const Path& path, size_t offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

TEST_CASE("a testimony is kept and only grows", "[storage][commit_log][witness]") {
  const testing::TemporaryDirectory home;
  const Path path = home.path() / "WITNESS";
  CHECK(Must(LogWitness::Open(path))->testimony() == LogTestimony{});
  CHECK(Must(LogWitness::Open(path))->testimony() == LogTestimony{});
  Must(LogWitness::Open(path))->RecordSynced(10, 2, Files{4, 7});
  const LogTestimony expected = {10, 2, CurrentBootId(), {4, 7}};
  CHECK(Must(LogWitness::Open(path))->testimony() == expected);
  Must(LogWitness::Open(path))->RecordSynced(9, 1);
  CHECK(Must(LogWitness::Open(path))->testimony() == expected);
}

TEST_CASE("of many log files the newest are kept", "[storage][commit_log][witness]") {
  const testing::TemporaryDirectory home;
  const Path path = home.path() / "WITNESS";
  Files files;
  for (uint64_t number = 1; number <= 5000; ++number) files.push_back(~uint64_t{0} - 5000 + number);
  Must(LogWitness::Open(path))->RecordSynced(1, 1, files);
  const Files kept = Must(LogWitness::Open(path))->testimony().log_files;
  REQUIRE(kept.size() == 256);
  CHECK(kept.back() == files.back());
  CHECK(std::filesystem::file_size(path) == 2 * 4096);
}

TEST_CASE("a damaged slot leaves the other one", "[storage][commit_log][witness]") {
  const testing::TemporaryDirectory home;
  const Path path = home.path() / "WITNESS";
  const auto write = [&] {
    std::filesystem::remove(path);
    const auto witness = Must(LogWitness::Open(path));
    witness->RecordSynced(10, 1, Files{4});
    witness->RecordSynced(20, 1, Files{4});
  };
  for (size_t offset = 0; offset < 80; ++offset) {
    for (const size_t slot : {0, 4096}) {
      write();
      FlipByte(path, slot + offset);
      INFO("slot " << slot << " offset " << offset);
      const uint64_t synced = Must(LogWitness::Open(path))->testimony().synced_next_sequence;
      CHECK((synced == 10 || synced == 20));
    }
    FlipByte(path, offset);  // now both are damaged
    const auto witness = LogWitness::Open(path);
    REQUIRE_FALSE(witness.has_value());
    CHECK(witness.error().code == ErrorCode::kCorruption);
    CHECK_THAT(witness.error().message, Catch::Contains(path.string()));
  }
}

TEST_CASE("names and keys of the log are read back, and nothing else is", "[storage][commit_log]") {
  for (const uint64_t number : {uint64_t{1}, uint64_t{255}, uint64_t{256}, ~uint64_t{0}}) {
    CHECK(GenerationOfFamily(GenerationFamilyName(number)) == number);
    CHECK(GenerationOfStartKey(GenerationStartKey(number)) == number);
    CHECK(SequenceOfEntryKey(EntryKey(number)) == number);
    CHECK(DecodeLogNumber(EncodeLogNumber(number)) == number);
  }
  CHECK(GenerationFamilyName(9) < GenerationFamilyName(10));
  CHECK(EntryKey(255) < EntryKey(256));
  for (const char* name : {"", "default", "gen_", "gen_1", "gen_00000000000000000000",
                           "gen_0000000000000000000x", "gen_99999999999999999999"}) {
    CHECK_FALSE(GenerationOfFamily(name).has_value());
  }
  CHECK_FALSE(GenerationOfStartKey("start/1234567").has_value());
  CHECK_FALSE(DecodeLogNumber("").has_value());
  CHECK_FALSE(DecodeLogNumber(std::string("\1\1")).has_value());
  CHECK_FALSE(ParseManifestRecord("").has_value());
}

TEST_CASE("the example of docs/file-format.md", "[storage][commit_log]") {
  std::string value;
  AppendEntryHeader(&value, {1, 2});
  CHECK(EntryKey(1) == std::string("\0\0\0\0\0\0\0\1", 8));
  CHECK(value + "hello" == "\x01\x02\x68\x65\x6c\x6c\x6f");
}

TEST_CASE("a stored entry that makes no sense is refused", "[storage][commit_log]") {
  const auto stored = [](uint64_t skipped, uint64_t record_count) {
    std::string value;
    AppendEntryHeader(&value, {skipped, record_count});
    return value + "bytes";
  };
  REQUIRE(ParseEntry(7, stored(7, 3)).has_value());
  CHECK(ParseEntry(7, stored(7, 3))->bytes == "bytes");
  CHECK(ParseEntry(7, stored(7, 3))->header.record_count == 3);
  CHECK_FALSE(ParseEntry(7, stored(8, 3)).has_value());  // would start before the first sequence
  CHECK_FALSE(ParseEntry(7, stored(0, 0)).has_value());  // no records
  CHECK_FALSE(ParseEntry(7, stored(0, ~uint64_t{0} - 6)).has_value());  // past the last sequence
  CHECK_FALSE(ParseEntry(7, "").has_value());
  CHECK_FALSE(ParseEntry(7, "\x80").has_value());
}

}  // namespace
}  // namespace sibyl::storage
