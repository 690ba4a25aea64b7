#include "tests/fuzz/fuzz_targets.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/checksum.h"
#include "base/coding.h"
#include "engine/backup_record.h"
#include "engine/batch_codec.h"
#include "engine/learned_segment.h"
#include "index/block_model.h"
#include "sibyl/write_batch.h"
#include "storage/block.h"
#include "storage/block_compression.h"
#include "storage/block_directory.h"
#include "storage/commit_log_format.h"
#include "storage/manifest.h"
#include "storage/segment.h"
#include "storage/segment_format.h"
#include "storage/segment_salvage.h"
#include "tests/fuzz/memory_file.h"
#ifdef SIBYL_FUZZ_SQL
#include "sql/marker_file.h"
#include "sql/server/dialect/translate.h"
#include "tests/fuzz/server_targets.h"
#endif

namespace sibyl::testing {

void Demand(bool condition) {
  if (!condition) std::abort();
}

std::string WithChecksum(std::string_view bytes) {
  std::string checked(bytes.substr(0, bytes.size() - std::min<size_t>(bytes.size(), 8)));
  base::Put64(&checked, base::Checksum(checked));
  return checked;
}

namespace {

std::string Key(uint32_t tree, const std::string& user_key) {
  std::string key;
  base::PutBig32(&key, tree);
  return key + user_key;
}

// ---- Manifest and backup record ----

storage::Manifest SmallManifest() {
  storage::Manifest manifest;
  manifest.database_id = 7;
  manifest.next_segment_id = 9;
  manifest.levels = {{{3, 100, 2, 1, "a", "b"}, {4, 100, 2, 0, "c", "d"}},
                     {{8, 1, 1, 0, "", "z", 5}}};
  manifest.last_sequence = 9;
  manifest.deletions = {{"treea", "treeb", 6}, {"treea", "tref", 9}};
  return manifest;
}

void RunManifest(std::string_view bytes) {
  const std::string checked = WithChecksum(bytes);
  const auto manifest = storage::DecodeManifest(checked);
  // A number may be written as a varint that is longer than it need be.
  if (manifest) {
    const auto again = storage::DecodeManifest(storage::EncodeManifest(*manifest));
    Demand(again && *again == *manifest);
  }
}
std::vector<std::string> ManifestSeeds() {
  return {storage::EncodeManifest({}), storage::EncodeManifest(SmallManifest())};
}

void RunBackupRecord(std::string_view bytes) {
  const auto record = engine::DecodeBackupRecord(WithChecksum(bytes));
  if (!record) return;
  const auto again = engine::DecodeBackupRecord(engine::EncodeBackupRecord(*record));
  Demand(again && *again == *record);
}
std::vector<std::string> BackupRecordSeeds() {
  engine::BackupRecord record;
  record.number = 1;
  record.manifest = SmallManifest();
  record.files = {{1, {2, 3}}, {4, {5, 6}}, {7, {8, 9}}};
  return {engine::EncodeBackupRecord(record)};
}

// ---- Batches and the records of the commit log ----

void RunBatch(std::string_view bytes) {
  engine::BatchReader reader(bytes);
  engine::BatchRequest request;
  std::string again;
  while (reader.NextLogged(&request)) engine::AppendBatchRequest(request, &again);
  if (!reader.ok()) return;
  engine::BatchReader second(again);
  std::string third;
  while (second.NextLogged(&request)) engine::AppendBatchRequest(request, &third);
  Demand(second.ok() && third == again);
}
std::vector<std::string> BatchSeeds() {
  WriteBatch batch;
  (void)batch.Put("key", "value");
  (void)batch.Delete(Tree{300}, "another");
  (void)batch.Put("", "");
  (void)batch.DeleteRange(kDefaultTree, "a", "b");
  (void)batch.DeleteRange(kDefaultTree, "c", std::nullopt);
  return {std::string(batch.bytes()), ""};
}

// The first 8 bytes are the key of an entry, the rest its value; both are tried as meta records
// too.
void RunLogRecords(std::string_view bytes) {
  const std::string_view key = bytes.substr(0, 8);
  const std::string_view value = bytes.substr(key.size());
  const auto sequence = storage::SequenceOfEntryKey(key);
  if (sequence) {
    const auto entry = storage::ParseEntry(*sequence, value);
    if (entry) Demand(entry->bytes.size() <= value.size());
  }
  (void)storage::ParseManifestRecord(bytes);
  (void)storage::DecodeLogNumber(bytes);
  (void)storage::GenerationOfStartKey(bytes);
  if (const auto generation = storage::GenerationOfFamily(bytes)) {
    Demand(storage::GenerationFamilyName(*generation) == bytes);
  }
}
std::vector<std::string> LogRecordSeeds() {
  std::string entry = storage::EntryKey(1000);
  storage::AppendEntryHeader(&entry, {3, 2});
  return {entry + "records", storage::EncodeManifestRecord({5, "manifest"}),
          storage::GenerationStartKey(7), storage::GenerationFamilyName(7),
          storage::EncodeLogNumber(UINT64_MAX)};
}

// ---- Segments ----

// Writes 300 records of 3 trees, some with large values.
std::string SmallSegment(const TreeOptions& options = {}) {
  MemoryFile file;
  auto writer = storage::SegmentWriter::Create(
      file, "seed", nullptr,
      options == TreeOptions() ? storage::SegmentFormat::kPlain : storage::SegmentFormat::kEncoded);
  Demand(writer.has_value());
  (*writer)->UseOptions(options);
  std::vector<engine::TreeModel> models;
  for (uint32_t block = 0; block < 6; ++block) {
    for (int i = 0; i < 50; ++i) {
      const std::string key = Key(1 + block / 2, std::to_string(100'000 + block * 50 + i));
      const bool tombstone = i % 9 == 0;
      const std::string value(i == 7 ? storage::kMaxInlineValueBytes + 1 : i, 'v');
      Demand((*writer)
                 ->Add(key, tombstone ? "" : value,
                       tombstone ? storage::RecordType::kTombstone : storage::RecordType::kValue,
                       block)
                 .has_value());
    }
  }
  Demand((*writer)->Finish(7, "model", {}).has_value());
  return file.bytes();
}

void ReadEverything(const storage::Segment& segment) {
  const std::string key = Key(2, "100120");
  Value value;
  std::string scratch;
  for (uint32_t number = 0; number < segment.block_count(); ++number) {
    (void)segment.Lookup(key, number, 0x8000, &value);
    (void)segment.RankOfBlock(number);
    const auto block = segment.ReadBlock(number);
    if (!block) continue;
    for (uint32_t slot = 0; slot < block->view().record_count(); ++slot) {
      (void)segment.ValueAt(block->view(), slot, &scratch);
    }
  }
  (void)segment.Verify();
}

// Puts the checksum of the footer at the end of `bytes` right, so that what it covers is tried.
std::string WithFooterChecksum(std::string_view bytes) {
  std::string mended(bytes);
  if (bytes.size() < storage::kSegmentTailBytes) return mended;
  const size_t tail = bytes.size() - storage::kSegmentTailBytes;
  const uint64_t table_bytes =
      uint64_t{base::Load32(bytes.data() + tail)} * storage::Section::kEncodedBytes;
  if (table_bytes > tail) return mended;
  std::string checksum;
  base::Put64(&checksum, base::Checksum(bytes.substr(tail - table_bytes, table_bytes + 16)));
  return mended.replace(tail + 16, checksum.size(), checksum);
}

void RunSegment(std::string_view bytes) {
  MemoryFile file(WithFooterChecksum(bytes));
  const auto segment = storage::Segment::Open(file, "fuzzed", {});
  if (segment) ReadEverything(**segment);
  const auto salvaged = storage::SalvageSegment(
      file, "fuzzed", [](std::string_view, storage::RecordType, std::string_view) { return Ok(); });
  Demand(salvaged.has_value());
}
std::vector<std::string> SegmentSeeds() {
  return {SmallSegment(), SmallSegment({Compression::kNone, true}),
          SmallSegment({Compression::kLz4, true}), SmallSegment({Compression::kZstd, false})};
}

// The end of a file that is 1000 bytes longer.
void RunFooter(const std::string& end) {
  if (end.size() < storage::kSegmentTailBytes) return;
  const uint64_t file_bytes = 1000 + end.size();
  const std::string tail = end.substr(end.size() - storage::kSegmentTailBytes);
  const auto footer_bytes = storage::SegmentFooterBytes(tail, file_bytes);
  if (!footer_bytes || *footer_bytes > end.size()) return;
  (void)storage::DecodeSegmentFooter(end.substr(end.size() - *footer_bytes), file_bytes);
}

// What lies behind the checksums of a segment's sections: the first byte chooses.
void RunSegmentSections(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::string_view rest = bytes.substr(1);
  if (bytes[0] == 0) {
    (void)storage::DecodeSegmentProperties(rest);
  } else if (bytes[0] == 1) {
    RunFooter(WithFooterChecksum(rest));
  } else if (rest.size() > 4) {
    const size_t middle = std::min<size_t>(base::Load32(rest.data()), rest.size() - 4);
    const auto directory = storage::BlockDirectory::Decode(
        rest.substr(4, middle), rest.substr(4 + middle), storage::kSegmentHeaderBytes, 4096);
    if (!directory) return;
    for (uint32_t block = 0; block <= (*directory)->block_count(); ++block) {
      (void)(*directory)->Offset(block);
      (void)(*directory)->RankOfGroup(block);
    }
  }
}
std::vector<std::string> SegmentSectionSeeds() {
  storage::SegmentProperties properties;
  properties.records = 5;
  properties.smallest_key = "a";
  properties.model_note = "note";
  const std::vector<uint64_t> offsets = {32, 1032, 1032, 4096};
  const std::vector<uint64_t> ranks = {0};
  const std::string encoded = storage::EncodeBlockOffsets(offsets);
  std::string directory(1, '\2');
  base::Put32(&directory, static_cast<uint32_t>(encoded.size()));
  directory += encoded + storage::EncodeRanks(ranks);
  const std::string segment = SmallSegment();
  return {std::string(1, '\0') + storage::EncodeSegmentProperties(properties),
          '\1' + segment.substr(segment.size() - 300), directory};
}

// A plain block without its checksum.
void RunPlainBlock(std::string_view bytes) {
  const auto view = storage::BlockView::Parse(bytes);
  if (!view) return;
  std::string key;
  for (uint32_t slot = 0; slot < view->record_count(); ++slot) {
    view->KeyAt(slot, &key);
    (void)view->RawValueAt(slot);
    const auto fraction = static_cast<uint16_t>(slot * 977);
    Demand(view->LowerBound(key, fraction) <= view->record_count());
    Demand(view->Find(key, fraction) <= view->record_count());
    (void)view->Find(key + '\0', fraction);
  }
}
void RunBlock(std::string_view bytes) {
  // A header may promise up to 2 GiB, which takes the time of filling them and finds nothing.
  constexpr uint32_t kMostPlainBytes = 1 << 20;
  if (!storage::IsCompressedBlock(bytes)) return RunPlainBlock(bytes);
  if (storage::CompressedBlockHeader(bytes).plain_bytes > kMostPlainBytes) return;
  const auto plain = storage::DecompressBlock(bytes);
  if (plain) RunPlainBlock(plain->view());
}
std::vector<std::string> BlockSeeds() {
  std::vector<std::string> seeds;
  for (const std::string& segment : SegmentSeeds()) {
    const uint64_t size_bytes =
        storage::BlockBytes(segment.substr(storage::kSegmentHeaderBytes), segment.size());
    seeds.push_back(segment.substr(storage::kSegmentHeaderBytes, size_bytes));
  }
  return seeds;
}

// ---- Models ----

engine::TreeModel SmallModel(uint32_t tree, size_t records) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < records; ++i) keys.push_back("key " + std::to_string(100'000 + i * i));
  std::vector<std::string_view> views(keys.begin(), keys.end());
  const std::vector<uint32_t> bytes(records, 40);
  auto model = index::BlockModel::Build(views, bytes, {512, 0.5});
  Demand(model.has_value());
  return {Tree{tree}, 0, records, std::move(*model)};
}

// Models of several trees, each as the index folder encodes it.
void RunModels(std::string_view bytes) {
  if (bytes.size() < 4) return;
  const auto models =
      engine::DecodeTreeModels(bytes.substr(4), base::Load32(bytes.data()) % 100'000);
  if (!models) return;
  for (const engine::TreeModel& model : *models) {
    uint32_t previous = 0;
    for (const char* key : {"", "\0\0\0\0\0\0\0\0", "key 1", "key 100000", "key 2", "\xff\xff"}) {
      const uint32_t block = model.model.Find(key).block;
      Demand(block < std::max(1u, model.model.block_count()));
      previous = block;
    }
    (void)previous;
    (void)model.model.Shape();
  }
}
std::vector<std::string> ModelSeeds() {
  std::vector<engine::TreeModel> models;
  models.push_back(SmallModel(1, 300));
  models.push_back(SmallModel(5, 1));
  models[1].first_block = models[0].model.block_count();
  std::string seed;
  base::Put32(&seed, models[0].model.block_count() + models[1].model.block_count());
  return {seed + engine::EncodeTreeModels(models)};
}

#ifdef SIBYL_FUZZ_SQL
void RunMarker(std::string_view bytes) {
  const auto uuid = sql::ParseMarker("fuzzed", bytes);
  if (uuid && *uuid) Demand((*uuid)->size() == 36);
  (void)sql::IsMarker(bytes);
}
std::vector<std::string> MarkerSeeds() {
  return {"SibylDB marker 1\n01234567-89ab-4cde-8f01-23456789abcd\nA SibylDB database.\n", "",
          "SibylDB marker 2\n"};
}

// SQL text of a network client. An error's place lies in the text.
void RunTranslate(std::string_view bytes) {
  const sql::server::EmptySchema schema;
  for (const sql::server::StatementText& piece : sql::server::SplitStatements(bytes)) {
    Demand(piece.begin + piece.text.size() <= bytes.size());
    const auto translated = sql::server::Translate(piece.text, schema);
    if (!translated) Demand(translated.error().position <= piece.text.size() + 1);
  }
}
std::vector<std::string> TranslateSeeds() {
  return {
      "SELECT a.b, count(*) AS n FROM t a LEFT JOIN u USING (id) WHERE x = ANY('{1,2}'::int[])"
      " AND y LIKE 'a\\_%' GROUP BY 1 ORDER BY n DESC NULLS LAST LIMIT 3 OFFSET $1",
      "INSERT INTO t (a, b) VALUES (DEFAULT, '2024-02-29'::date + 1), (E'\\x41', $$q$$)"
      " ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
      "UPDATE t SET (a, b) = (1, now() - interval '1 day') WHERE ctid = '(0,1)'; COMMIT",
      "CREATE TABLE t (id serial PRIMARY KEY, b varchar(5) CHECK (b <> ''), UNIQUE (b))",
      "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT CASE n WHEN 1 THEN"
      " 'x' END, extract(year FROM d), sum(n) OVER (PARTITION BY a ORDER BY b) FROM r",
      "COPY t (a) FROM STDIN WITH (FORMAT csv, HEADER, NULL 'x'); DECLARE c CURSOR FOR SELECT 1",
      "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; PRAGMA user_version"};
}
#endif

}  // namespace

const std::vector<FuzzTarget>& FuzzTargets() {
  static const std::vector<FuzzTarget> targets = [] {
    std::vector<FuzzTarget> all = {
        {"manifest", RunManifest, ManifestSeeds},
        {"backup_record", RunBackupRecord, BackupRecordSeeds},
        {"batch", RunBatch, BatchSeeds},
        {"log_records", RunLogRecords, LogRecordSeeds},
        {"segment", RunSegment, SegmentSeeds},
        {"segment_sections", RunSegmentSections, SegmentSectionSeeds},
        {"block", RunBlock, BlockSeeds},
        {"models", RunModels, ModelSeeds},
#ifdef SIBYL_FUZZ_SQL
        {"marker", RunMarker, MarkerSeeds},
        {"translate", RunTranslate, TranslateSeeds},
#endif
    };
#ifdef SIBYL_FUZZ_SQL
    for (const FuzzTarget& target : ServerFuzzTargets()) all.push_back(target);
#endif
    for (const FuzzTarget& target : IndexFuzzTargets()) all.push_back(target);
    return all;
  }();
  return targets;
}

}  // namespace sibyl::testing
