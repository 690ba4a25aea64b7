// Goal: a database opens without reading the indexes of its segments; each is read when it is first
// wanted, by whichever threads want it; one that is damaged is an error of every read that needs
// it, and of no other. Method: two segments far apart; each section of the second, which an opening
// has no use for, is damaged while the database is closed.

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
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

// A segment of the records from 0 on, and one of those from kFarAway on. Closed.
class TwoSegments {
 public:
  TwoSegments() {
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

  MemoryLogDatabase database{QuietOptions()};
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

}  // namespace
}  // namespace sibyl::testing
