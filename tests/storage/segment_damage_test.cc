// Goal: a damaged, truncated, foreign or newer segment file, a failing disk and a caller that
// breaks the rules each end in a clear error, never in a wrong answer. Method: one small segment
// that has everything; each of its bits flipped in turn, each of its lengths tried; each call of
// its writer failed.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <random>

#include "base/checksum.h"
#include "base/coding.h"
#include "storage/block_directory.h"
#include "storage/segment.h"
#include "storage/segment_format.h"
#include "tests/storage/segment_support.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using testing::FaultFileSystem;
using testing::TemporaryDirectory;

// Two blocks with an empty one between; a tombstone, remainders, a value out of line.
TestSegment SmallSegment() {
  return {"small",
          {{TreeKey("apple"), "red", 0},
           {TreeKey("apple and pear"), "", 0},
           {TreeKey("banana"), "", 0, RecordType::kTombstone},
           {TreeKey("cherry"), std::string(kMaxInlineValueBytes + 3, 'c'), 2},
           {TreeKey("cherry stone"), "hard", 2}},
          3};
}

void WriteBytes(const Path& path, std::string_view bytes) {
  const auto file = PosixFileSystem().Create(path);
  REQUIRE(file);
  REQUIRE(file.value()->Append(bytes));
}

void FlipBit(const Path& path, uint64_t byte, int bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(byte));
  const auto flipped = static_cast<char>(file.get() ^ 1 << bit);
  file.seekp(static_cast<std::streamoff>(byte));
  file.put(flipped);
  REQUIRE(file);
}

// True if `result` is corruption, and so no wrong answer. Any other error fails the test.
template <typename T>
bool IsCorruption(const Result<T>& result) {
  if (result) return false;
  INFO(result.error().ToString());
  REQUIRE(result.error().code == ErrorCode::kCorruption);
  return true;
}

void CheckLookupRightOrCorrupt(const Segment& segment, const TestRecord& record) {
  Value value;
  const auto outcome = segment.Lookup(record.key, record.block, 0x8000, &value);
  if (IsCorruption(outcome)) return;
  if (record.type == RecordType::kTombstone) {
    REQUIRE(outcome.value() == LookupOutcome::kTombstone);
  } else {
    REQUIRE(outcome.value() == LookupOutcome::kValue);
    REQUIRE((value.view() == record.value));  // parentheses: do not print 64 KiB
  }
}

void CheckScanRightOrCorrupt(const Segment& segment, const TestSegment& expected) {
  size_t next = 0;
  std::string key, scratch;
  for (uint32_t block = 0; block < segment.block_count(); ++block) {
    const auto rank = segment.RankOfBlock(block);
    if (!IsCorruption(rank)) REQUIRE(rank.value() == next);
    const auto handle = segment.ReadBlock(block);
    if (IsCorruption(handle)) return;
    for (uint32_t slot = 0; slot < handle->view().record_count(); ++slot, ++next) {
      handle->view().KeyAt(slot, &key);
      REQUIRE(next < expected.records.size());
      REQUIRE(key == expected.records[next].key);
      const auto value = segment.ValueAt(handle->view(), slot, &scratch);
      if (!IsCorruption(value)) REQUIRE((value.value() == expected.records[next].value));
    }
  }
  REQUIRE(next == expected.records.size());
}

// Every answer is right or kCorruption; and opening or verifying finds the damage.
void CheckDamageIsFound(const Path& path, BlockCache* cache, const TestSegment& expected) {
  const auto segment = Segment::Open(PosixFileSystem(), path, {cache, cache != nullptr, false});
  if (IsCorruption(segment)) return;
  for (const auto& record : expected.records) {
    CheckLookupRightOrCorrupt(*segment.value(), record);
  }
  CheckScanRightOrCorrupt(*segment.value(), expected);
  REQUIRE(IsCorruption(segment.value()->Verify()));
}

// With enough of one kind for blocks to be compressed and packed; one value does not compress.
TestSegment SmallEncodedSegment(const TreeOptions& options) {
  TestSegment segment = SmallSegment();
  segment.options = options;
  for (uint64_t i = 0; i < 20; ++i) {
    segment.records.push_back({TreeKey("e\0\0\0" + TreeKey(i * i)), std::string(9, 'e'), 3});
  }
  std::mt19937_64 random(9);
  std::string noise(kMaxInlineValueBytes + 1, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  segment.records.push_back({TreeKey("noise"), noise, 4});
  segment.block_count = 5;
  return segment;
}

TEST_CASE("any single damaged bit gives the right answer or corruption", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  const auto form = GENERATE(range(0, 4));
  const TestSegment expected = form == 0 ? SmallSegment()
                                         : SmallEncodedSegment({static_cast<Compression>(form % 3),
                                                                form != 2});
  INFO("form " << form);
  const uint64_t file_bytes = WriteSegment(PosixFileSystem(), path, expected).file_bytes;
  const auto cache = BlockCache::Create(8 << 20);
  int inside_value = 0;
  for (uint64_t byte = 0; byte < file_bytes; ++byte) {
    // Within the long value one byte is like the next: a sample will do.
    const bool in_value = byte > 700 && byte < file_bytes - 1000;
    if (in_value && ++inside_value % 1009 != 0) continue;
    for (int bit = 0; bit < 8; ++bit) {
      if (form != 0 && static_cast<uint64_t>(bit) != byte % 8) continue;  // a sample, again
      INFO("byte " << byte << " bit " << bit);
      FlipBit(path, byte, bit);
      CheckDamageIsFound(path, nullptr, expected);
      CheckDamageIsFound(path, cache.get(), expected);
      FlipBit(path, byte, bit);
    }
  }
  const OpenedSegment healed(PosixFileSystem(), path, false);
  CheckSegment(*healed, expected);
}

void Store64(std::string* bytes, uint64_t offset, uint64_t value) {
  std::memcpy(bytes->data() + offset, &value, sizeof(value));
}

// A segment file whose checksums can be made right again after its bytes were changed.
class Forgery {
 public:
  explicit Forgery(std::string bytes)
      : bytes_(std::move(bytes)),
        footer_bytes_(SegmentFooterBytes(Tail(), bytes_.size()).value()),
        sections_(DecodeSegmentFooter(Footer(), bytes_.size()).value()) {
    const auto section = [&](int i) {
      return std::string_view(bytes_).substr(sections_[i].offset, sections_[i].size_bytes);
    };
    directory_ = BlockDirectory::Decode(section(2), section(3), sections_[0].offset,
                                        sections_[0].offset + sections_[0].size_bytes)
                     .value();
  }

  std::string& bytes() { return bytes_; }
  uint64_t BlockOffset(uint32_t block) const { return directory_->Offset(block); }

  void Reseal() {
    for (uint32_t block = 0; block < directory_->block_count(); ++block) {
      const uint64_t begin = directory_->Offset(block);
      const uint64_t end = directory_->Offset(block + 1);
      if (begin == end) continue;
      const auto checked = std::string_view(bytes_).substr(begin + 8, end - begin - 8);
      Store64(&bytes_, begin, base::Checksum(checked, block));
    }
    const uint64_t footer = bytes_.size() - footer_bytes_;
    for (size_t i = 2; i < sections_.size(); ++i) {
      const auto checked =
          std::string_view(bytes_).substr(sections_[i].offset, sections_[i].size_bytes);
      Store64(&bytes_, footer + i * Section::kEncodedBytes + 24, base::Checksum(checked));
    }
    Store64(&bytes_, bytes_.size() - 16, base::Checksum(Footer().substr(0, footer_bytes_ - 16)));
  }

 private:
  std::string_view Tail() const {
    return std::string_view(bytes_).substr(bytes_.size() - kSegmentTailBytes);
  }
  std::string_view Footer() const {
    return std::string_view(bytes_).substr(bytes_.size() - footer_bytes_);
  }

  std::string bytes_;
  uint64_t footer_bytes_;
  std::vector<Section> sections_;
  std::unique_ptr<const BlockDirectory> directory_;
};

// Everything a reader does. Answers may be wrong, since the file lies; errors are kCorruption.
void ReadEverything(const Path& path, BlockCache* cache, const TestSegment& expected) {
  const auto segment = Segment::Open(PosixFileSystem(), path, {cache, cache != nullptr, false});
  if (IsCorruption(segment)) return;
  Value value;
  for (const auto& record : expected.records) {
    IsCorruption(segment.value()->Lookup(record.key, record.block, 0, &value));
  }
  std::string key, scratch;
  const uint32_t blocks = std::min(segment.value()->block_count(), 100u);
  for (uint32_t block = 0; block < blocks; ++block) {
    IsCorruption(segment.value()->RankOfBlock(block));
    const auto handle = segment.value()->ReadBlock(block);
    if (IsCorruption(handle)) continue;
    for (uint32_t slot = 0; slot < handle->view().record_count(); ++slot) {
      handle->view().KeyAt(slot, &key);
      IsCorruption(segment.value()->ValueAt(handle->view(), slot, &scratch));
    }
  }
  IsCorruption(segment.value()->Verify());
}

TEST_CASE("hostile bytes under right checksums are read within bounds", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  const TestSegment expected = SmallSegment();
  WriteSegment(PosixFileSystem(), path, expected);
  const std::string original = PosixFileSystem().ReadAll(path).value();
  const auto cache = BlockCache::Create(8 << 20);
  std::mt19937_64 random(13);
  for (int round = 0; round < 800; ++round) {
    INFO("round " << round << " of seed 13");
    Forgery forgery(original);
    for (uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
      // Blocks and footer are worth most, each a few hundred bytes at one end.
      const uint64_t place = 32 + random() % 600;
      const uint64_t byte = random() % 2 ? place : original.size() - 17 - place;
      forgery.bytes()[byte] = static_cast<char>(random() % 2 ? random() : random() % 4);
    }
    forgery.Reseal();
    WriteBytes(path, forgery.bytes());
    ReadEverything(path, nullptr, expected);
    ReadEverything(path, cache.get(), expected);
  }
}

TEST_CASE("Verify finds lies that have right checksums", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  WriteSegment(PosixFileSystem(), path, SmallSegment());
  const std::string original = PosixFileSystem().ReadAll(path).value();
  Forgery forgery(original);
  const uint64_t windows = forgery.BlockOffset(0) + 24 + 8;
  const auto check_found = [&](const char* words) {
    forgery.Reseal();
    WriteBytes(path, forgery.bytes());
    const auto segment = Segment::Open(PosixFileSystem(), path, {});
    REQUIRE(segment);
    const auto verified = segment.value()->Verify();
    REQUIRE(IsCorruption(verified));
    CHECK_THAT(verified.error().message, Catch::Contains(path.string()) && Catch::Contains(words));
    forgery.bytes() = original;
  };
  SECTION("keys out of order") {
    forgery.bytes()[windows + 7] = 'z';  // zpple
    check_found("follows");
  }
  SECTION("another key in the right order") {
    forgery.bytes()[windows + 3] = 'd';  // appld
    check_found("properties");
  }
  SECTION("a wrong rank") {
    const size_t ranks = original.find(std::string_view("opaque\0bytes", 12)) - 8;
    forgery.bytes()[ranks] = 1;
    forgery.Reseal();
    WriteBytes(path, forgery.bytes());
    CHECK(IsCorruption(Segment::Open(PosixFileSystem(), path, {})));  // the first rank is 0
  }
}

TEST_CASE("a file cut at any length is corruption", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  uint64_t size = WriteSegment(PosixFileSystem(), path, SmallSegment()).file_bytes;
  const uint64_t file_bytes = size;
  while (size > 0) {
    size -= size > 600 && size < file_bytes - 1200 ? std::min<uint64_t>(size, 501) : 1;
    std::filesystem::resize_file(path, size);
    INFO("size " << size);
    const auto segment = Segment::Open(PosixFileSystem(), path, {});
    REQUIRE(IsCorruption(segment));
    REQUIRE_THAT(segment.error().message, Catch::Contains(path.string()));
  }
}

TEST_CASE("a file that runs on is corruption", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  WriteSegment(PosixFileSystem(), path, SmallSegment());
  const std::string bytes = PosixFileSystem().ReadAll(path).value();
  WriteBytes(path, bytes + '\0');
  CHECK(IsCorruption(Segment::Open(PosixFileSystem(), path, {})));
  WriteBytes(path, bytes + bytes);
  CHECK(IsCorruption(Segment::Open(PosixFileSystem(), path, {})));
}

TEST_CASE("a foreign file is named as such", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  for (const std::string& bytes :
       {std::string(), std::string("SQLite format 3"), std::string(5000, '\0')}) {
    WriteBytes(path, bytes);
    const auto segment = Segment::Open(PosixFileSystem(), path, {});
    REQUIRE(IsCorruption(segment));
    CHECK_THAT(segment.error().message,
               Catch::Contains(path.string()) && Catch::Contains("not a segment file"));
  }
  CHECK(Segment::Open(PosixFileSystem(), directory.path() / "none", {}).error().code ==
        ErrorCode::kIo);
}

TEST_CASE("a newer version is not supported", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  WriteSegment(PosixFileSystem(), path, SmallSegment());
  std::string bytes = PosixFileSystem().ReadAll(path).value();
  bytes[8] = 3;
  std::string checksum;
  base::Put64(&checksum, base::Checksum(std::string_view(bytes).substr(0, 16)));
  bytes.replace(16, 8, checksum);
  WriteBytes(path, bytes);
  const auto segment = Segment::Open(PosixFileSystem(), path, {});
  REQUIRE_FALSE(segment);
  CHECK(segment.error().code == ErrorCode::kNotSupported);
  CHECK_THAT(segment.error().message,
             Catch::Contains(path.string()) && Catch::Contains("version 3"));
}

TEST_CASE("blocks in each other's place are corruption", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  const TestSegment expected{
      "twins", {{TreeKey("a"), "1", 0}, {TreeKey("b"), "2", 1}, {TreeKey("c"), "3", 2}}, 3};
  WriteSegment(PosixFileSystem(), path, expected);
  std::string bytes = PosixFileSystem().ReadAll(path).value();
  const size_t block_bytes = 24 + 8 + 8 + 8;  // header, prefix, window, value
  std::swap_ranges(bytes.begin() + 32, bytes.begin() + 32 + block_bytes,
                   bytes.begin() + 32 + block_bytes);
  WriteBytes(path, bytes);
  CheckDamageIsFound(path, nullptr, expected);
  const auto segment = Segment::Open(PosixFileSystem(), path, {});
  Value value;
  const auto outcome = segment.value()->Lookup(TreeKey("a"), 0, 0, &value);
  REQUIRE(IsCorruption(outcome));
  CHECK_THAT(outcome.error().message,
             Catch::Contains(path.string()) && Catch::Contains("block 0 at offset 32"));
}

TEST_CASE("verify_every_read notices what rots after the first read", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  const TestSegment expected = SmallSegment();
  WriteSegment(PosixFileSystem(), path, expected);
  const OpenedSegment watchful(PosixFileSystem(), path, false, true);
  CheckLookupRightOrCorrupt(*watchful, expected.records[0]);
  FlipBit(path, 32 + 24 + 8, 0);
  Value value;
  CHECK(IsCorruption(watchful->Lookup(expected.records[0].key, 0, 0, &value)));
}

TEST_CASE("pread reads a block once, in one piece, and an outside value in one more",
          "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  FaultFileSystem files;  // counts calls
  const TestSegment expected = SmallSegment();
  WriteSegment(files, path, expected);
  const OpenedSegment segment(files, path, true);
  Value value;
  uint64_t calls = files.calls();
  const auto reads_of = [&](const TestRecord& record) {
    calls = files.calls();
    REQUIRE(segment->Lookup(record.key, record.block, 0, &value));
    return files.calls() - calls;
  };
  CHECK(reads_of(expected.records[0]) == 1);
  CHECK(reads_of(expected.records[3]) == 2);
#ifdef SIBYL_WITH_ROCKSDB  // a build without it has no cache
  CHECK(segment.cache().misses() == 2);
  CHECK(reads_of(expected.records[1]) == 0);
  CHECK(reads_of(expected.records[3]) == 1);
  CHECK(segment.cache().hits() == 2);
  CHECK(segment.cache().misses() == 2);
#endif
  calls = files.calls();
  REQUIRE(segment->ReadBlock(1));  // empty: nothing to read
  CHECK(files.calls() == calls);
}

TEST_CASE("an I/O error while reading is an error, and the next read is well",
          "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  FaultFileSystem files;
  const TestSegment expected = SmallSegment();
  WriteSegment(files, path, expected);
  const OpenedSegment segment(files, path, true);
  Value value;
  files.FailCalls(files.calls() + 1, files.calls() + 1);
  const auto failed = segment->Lookup(expected.records[0].key, 0, 0, &value);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::kIo);
  CheckSegment(*segment, expected);
  for (uint64_t call = 1; call <= 3; ++call) {
    files.FailCalls(files.calls() + call, files.calls() + call);
    const auto opened = Segment::Open(files, path, {});
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::kIo);
  }
}

Status WriteThrough(FileSystem& files, const Path& path, const TestSegment& segment) {
  auto writer = SegmentWriter::Create(files, path);
  if (!writer) return writer.error();
  for (const auto& record : segment.records) {
    const Status added = writer.value()->Add(record.key, record.value, record.type, record.block,
                                             record.line_fraction);
    if (!added) return added.error();
  }
  const auto info = writer.value()->Finish(segment.block_count, "model", {});
  if (!info) return info.error();
  return Ok();
}

TEST_CASE("a segment that cannot be written leaves an error and no file", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  TestSegment segment = SmallSegment();
  for (int i = 0; i < 40; ++i) {  // enough for several writes
    segment.records.push_back(
        {TreeKey("x" + std::to_string(100 + i)), std::string(kMaxInlineValueBytes, 'x'), 2});
  }
  FaultFileSystem files;
  bool written = false;
  for (uint64_t call = 1; !written; ++call) {
    INFO("call " << call);
    files.FailCalls(files.calls() + call, files.calls() + call);
    const Status status = WriteThrough(files, path, segment);
    written = static_cast<bool>(status);
    if (written) break;
    CHECK(status.error().code == ErrorCode::kIo);
    CHECK_THAT(status.error().message, Catch::Contains(path.string()));
    CHECK_FALSE(PosixFileSystem().Exists(path).value());
    REQUIRE(call < 100);
  }
  files.FailCalls(1, 0);
  REQUIRE(files.Remove(path));

  files.SetFreeBytes(1 << 20);
  const Status full = WriteThrough(files, path, segment);
  REQUIRE_FALSE(full);
  CHECK_THAT(full.error().message, Catch::Contains("No space left"));
  CHECK_FALSE(PosixFileSystem().Exists(path).value());
}

TEST_CASE("what must not be written is refused, naming the key", "[storage][damage]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  auto writer = SegmentWriter::Create(PosixFileSystem(), path).value();
  REQUIRE(writer->Add("b", "1", RecordType::kValue, 3));
  const auto check_refused = [&](const Status& status, const char* words) {
    REQUIRE_FALSE(status);
    CHECK(status.error().code == ErrorCode::kInvalidArgument);
    CHECK_THAT(status.error().message, Catch::Contains(path.string()) && Catch::Contains(words));
  };
  check_refused(writer->Add("b", "2", RecordType::kValue, 3), "\"b\"");
  check_refused(writer->Add("a", "2", RecordType::kValue, 3), "\"a\"");
  check_refused(writer->Add("c", "2", RecordType::kValue, 2), "block 2");
  check_refused(writer->Add("c", "2", RecordType::kTombstone, 3), "tombstone");
  check_refused(writer->Add(std::string((64 << 10) + 5, 'c'), "", RecordType::kValue, 3), "limit");
  const auto finished = writer->Finish(3, "", {});
  REQUIRE_FALSE(finished);
  CHECK(finished.error().code == ErrorCode::kInvalidArgument);
  REQUIRE(writer->Add("c", "3", RecordType::kValue, 3));  // a refusal changes nothing
  const auto info = writer->Finish(4, "", {});
  REQUIRE(info);
  CHECK(info->properties.records == 2);

  { const auto abandoned = SegmentWriter::Create(PosixFileSystem(), directory.path() / "x"); }
  CHECK_FALSE(PosixFileSystem().Exists(directory.path() / "x").value());
}

}  // namespace
}  // namespace sibyl::storage
