// Goal: a database opens without reading the indexes of its segments; each is read when it is first
// wanted, by whichever threads want it; one that is damaged is an error of every read that needs
// it, and of no other; one that could not be read for a while is an error for that while, and never
// an answer. Method: two segments far apart; each section of the second, which an opening has no
// use for, is damaged while the database is closed, or all calls of the file system fail for a
// while.

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "storage/segment_file.h"
#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

constexpr uint64_t kRecords = 2000;
constexpr uint64_t kFarAway = 1'000'000;

Options QuietOptions() {
  Options options = SmallOptions();
  options.background_threads = 0;
  options.generation_bytes = 8 << 20;
  options.event_log_bytes = 0;
  return options;
}

std::string ValueOf(uint64_t i) { return std::to_string(i) + std::string(60, 'v'); }

Options QuietOptions(ReadMode mode) {
  Options options = QuietOptions();
  options.read_mode = mode;
  return options;
}

// A segment of the records from 0 on, and one of those from kFarAway on. Closed.
class TwoSegments {
 public:
  explicit TwoSegments(ReadMode mode = ReadMode::kMapping) : database(QuietOptions(mode)) {
    Must(database.Open());
    for (const uint64_t begin : {uint64_t{0}, kFarAway}) {
      for (uint64_t i = begin; i < begin + kRecords; ++i) {
        Must(database->Put(BigEndianKey(i), ValueOf(i)));
      }
      Must(database->Flush());
    }
    database.Close();
    const auto names = Must(storage::PosixFileSystem().List(database.path() / "segments"));
    REQUIRE(names.size() == 2);
    far_file = database.path() / "segments" / names[1];
  }

  void Damage(const storage::Section& section) const {
    std::fstream file(far_file, std::ios::in | std::ios::out | std::ios::binary);
    const auto at = static_cast<std::streamoff>(section.offset + section.size_bytes / 2);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(at);
    file.put(byte);
  }

  MemoryLogDatabase database;
  std::filesystem::path far_file;
};

// Whether `read` failed because of the file.
template <typename ReadResult>
bool NamesDamage(const ReadResult& read, const std::filesystem::path& file) {
  return !read && read.error().code == ErrorCode::kCorruption &&
         read.error().message.find(file.filename().string()) != std::string::npos;
}

TEST_CASE("a damaged index is an error of the reads that need it", "[engine][open]") {
  const auto kind = GENERATE(storage::SectionKind::kBlockOffsets, storage::SectionKind::kRanks,
                             storage::SectionKind::kModel, storage::SectionKind::kFilter);
  INFO("section " << static_cast<uint32_t>(kind));
  TwoSegments segments;
  MemoryLogDatabase& database = segments.database;
  const auto file = Must(storage::SegmentFile::Open(storage::PosixFileSystem(), segments.far_file));
  for (const storage::Section& section : file->outline().sections) {
    if (section.kind == kind) segments.Damage(section);
  }

  Must(database.Open());
  CHECK(Must(database->Get(BigEndianKey(7))) == ValueOf(7));
  for (int again = 0; again < 2; ++again) {
    CHECK(NamesDamage(database->Get(BigEndianKey(kFarAway + 7)), segments.far_file));
    CHECK(NamesDamage(database->Count({}, kDefaultTree, KeyRange{}), segments.far_file));
  }
  const auto records = Must(database->NewIterator(kDefaultTree));
  uint64_t seen = 0;
  for (records->SeekToFirst(); records->Valid(); records->Next()) ++seen;
  CHECK(seen == kRecords);
  CHECK(NamesDamage(records->status(), segments.far_file));
  CHECK(NamesDamage(database->Compact(), segments.far_file));

  const VerifyReport report = Must(database->Verify());
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].find(segments.far_file.filename().string()) != std::string::npos);
  CHECK(std::filesystem::exists(segments.far_file));
}

TEST_CASE("what an opening reads of a segment is verified at once", "[engine][open]") {
  TwoSegments segments;
  const auto file = Must(storage::SegmentFile::Open(storage::PosixFileSystem(), segments.far_file));
  SECTION("properties") {
    for (const storage::Section& section : file->outline().sections) {
      if (section.kind == storage::SectionKind::kProperties) segments.Damage(section);
    }
  }
  SECTION("footer") {
    storage::Section footer;
    footer.offset = file->file_bytes() - 64;
    segments.Damage(footer);
  }
  CHECK(NamesDamage(segments.database.Open(), segments.far_file));
}

TEST_CASE("threads that want an index at once all have it", "[engine][open]") {
  TwoSegments segments;
  MemoryLogDatabase& database = segments.database;
  for (int round = 0; round < 5; ++round) {
    Must(database.Open());
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (uint64_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const auto found = database->Get(BigEndianKey(kFarAway + i));
        if (found && *found == ValueOf(kFarAway + i)) ++right;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(right == 4);
    database.Close();
  }
}

template <typename ReadResult>
bool IsIo(const ReadResult& read) {
  return !read && read.error().code == ErrorCode::kIo;
}

void FailAllCalls(FaultFileSystem& files) { files.FailCalls(files.calls() + 1, UINT64_MAX); }
void FailNoCalls(FaultFileSystem& files) { files.FailCalls(1, 0); }

TEST_CASE("an index that could not be read for a while is read by the next read",
          "[engine][open]") {
  const ReadMode mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  TwoSegments segments(mode);
  MemoryLogDatabase& database = segments.database;
  const std::string key = BigEndianKey(kFarAway + 7);
  const std::string value = ValueOf(kFarAway + 7);
  // Each kind of read: first while all fail, then again.
  const std::vector<std::function<bool()>> reads = {
      [&] { return Must(database->Get(key)) == value; },
      [&] {
        PinnedValue pinned;
        return Must(database->GetPinned({}, kDefaultTree, key, &pinned)) && pinned.view() == value;
      },
      [&] {
        const std::string_view keys[] = {key};
        std::vector<Value> values(1);
        Must(database->MultiGet({}, kDefaultTree, keys, values));
        return values[0].found() && values[0].view() == value;
      },
      [&] { return Must(database->Count({}, kDefaultTree, KeyRange{})) == 2 * kRecords; },
      [&] { return Must(database->At({}, kDefaultTree, kRecords + 7))->value == value; },
      [&] { return Must(database->Explain({}, kDefaultTree, key)).found; },
      [&] { return Must(database->Verify()).problems.empty(); },
      [&] { return database->Compact().has_value(); }};
  Value failed;
  PinnedValue pinned;
  const std::string_view keys[] = {key};
  std::vector<Value> values(1);
  for (size_t i = 0; i < reads.size(); ++i) {
    INFO("read " << i);
    Must(database.Open());
    FailAllCalls(database.files());
    CHECK(IsIo(database->Get({}, kDefaultTree, key, &failed)));
    CHECK(IsIo(database->GetPinned({}, kDefaultTree, key, &pinned)));
    CHECK(IsIo(database->MultiGet({}, kDefaultTree, keys, values)));
    CHECK(IsIo(database->Count({}, kDefaultTree, KeyRange{})));
    CHECK(IsIo(database->At({}, kDefaultTree, kRecords + 7)));
    CHECK(IsIo(database->Explain({}, kDefaultTree, key)));
    CHECK_FALSE(Must(database->Verify()).problems.empty());
    auto records = Must(database->NewIterator(kDefaultTree));
    records->Seek(key);
    CHECK(IsIo(records->status()));
    FailNoCalls(database.files());
    CHECK(reads[i]());
    records->Seek(key);
    REQUIRE(records->Valid());
    CHECK(records->value() == value);
    records.reset();
    database.Close();
  }
}

TEST_CASE("beside failing reads of an index no thread hears that a record is absent",
          "[engine][open]") {
  const ReadMode mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  TwoSegments segments(mode);
  MemoryLogDatabase& database = segments.database;
  for (int round = 0; round < 30; ++round) {
    Must(database.Open());
    FailAllCalls(database.files());
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        const std::string key = BigEndianKey(kFarAway + i);
        const std::string_view keys[] = {key};
        std::vector<Value> values(1);
        PinnedValue pinned;
        for (bool found = false; !found;) {
          const auto got = database->Get(key);
          found = got.has_value();
          if (got ? *got != ValueOf(kFarAway + i) : !IsIo(got)) ++wrong;
          const auto pinned_got = database->GetPinned({}, kDefaultTree, key, &pinned);
          if (pinned_got ? !*pinned_got : !IsIo(pinned_got)) ++wrong;
          const auto several = database->MultiGet({}, kDefaultTree, keys, values);
          if (several ? !values[0].found() : !IsIo(several)) ++wrong;
          const auto counted = database->Count({}, kDefaultTree, KeyRange{key, std::nullopt});
          if (counted ? *counted != kRecords - i : !IsIo(counted)) ++wrong;
        }
      });
    }
    FailNoCalls(database.files());
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    database.Close();
  }
}

}  // namespace
}  // namespace sibyl::testing
