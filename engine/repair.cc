#include "sibyl/repair.h"
#include "base/text.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/coding.h"
#include "base/status_macros.h"
#include "engine/batch_codec.h"
#include "engine/batch_encoding.h"
#include "engine/catalogue.h"
#include "engine/database_copy.h"
#include "engine/generation.h"
#include "engine/internal_key.h"
#include "engine/option_limits.h"
#include "engine/segment_builder.h"
#include "engine/segment_store.h"
#include "engine/tree_rules.h"
#include "engine/view.h"
#include "storage/commit_log.h"
#include "storage/file_copy.h"
#include "storage/manifest.h"
#include "storage/segment_salvage.h"

namespace sibyl::engine {

namespace {

// The number in the name of a segment's file; 0 if it is no such name.
uint64_t SegmentIdOf(const std::string& name) {
  const uint64_t id = base::LeadingNumber(name);
  return storage::SegmentFileName(id) == name ? id : 0;
}

// One repair, step by step; Run does them in order.
class Repairer {
 public:
  Repairer(const Environment& environment, const Options& options, storage::Path damaged,
           DatabaseCopy& copy)
      : environment_(environment),
        files_(*environment.files),
        options_(options),
        damaged_(std::move(damaged)),
        copy_(copy),
        store_(files_, copy.segments_directory(), copy.segments_directory() / ".." / "lost",
               options_) {}

  Result<RepairReport> Run() {
    log_ = storage::SalvageRocksDbLog(damaged_ / "log", &report_.lost);
    SIBYL_RETURN_IF_ERROR(FindSegmentFiles());
    ReadManifest();
    SIBYL_RETURN_IF_ERROR(SaveLevels());
    SIBYL_RETURN_IF_ERROR(LoadCatalogue());
    SIBYL_RETURN_IF_ERROR(ReplayLog());
    SIBYL_RETURN_IF_ERROR(RestoreCatalogue());
    SIBYL_RETURN_IF_ERROR(SaveLog());
    SIBYL_RETURN_IF_ERROR(copy_.Finish(NewManifest()));
    return std::move(report_);
  }

 private:
  // What is set aside in lost/ may be what an older manifest names.
  Status FindSegmentFiles() {
    for (const char* folder : {"lost", "segments"}) {
      SIBYL_ASSIGN_OR_RETURN(const bool present, files_.Exists(damaged_ / folder));
      if (!present) continue;
      SIBYL_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(damaged_ / folder));
      for (const std::string& name : names) {
        if (const uint64_t id = SegmentIdOf(name); id != 0) found_[id] = damaged_ / folder / name;
      }
    }
    if (!found_.empty()) store_.SetNextId(found_.rbegin()->first + 1);
    return Ok();
  }

  void ReadManifest() {
    if (const auto bytes = log_->Manifest()) {
      auto manifest = storage::DecodeManifest(*bytes);
      if (manifest) {
        manifest_ = std::move(*manifest);
        store_.SetNextId(std::max(store_.next_id(), manifest_.next_segment_id));
        return;
      }
      report_.lost.push_back(manifest.error().message);
    }
    report_.lost.push_back(
        "the manifest: which segments are in force, and their order in time, is a guess by their "
        "numbers");
    for (auto segment = found_.rbegin(); segment != found_.rend(); ++segment) {
      manifest_.levels.emplace_back(1).front().id = segment->first;
    }
    manifest_.runs = static_cast<uint32_t>(manifest_.levels.size());
  }

  Status SaveLevels() {
    for (size_t i = 0; i < manifest_.levels.size(); ++i) {
      std::vector<SegmentPtr> level;
      for (const storage::ManifestSegment& claimed : manifest_.levels[i]) {
        SIBYL_ASSIGN_OR_RETURN(const std::vector<SegmentPtr> saved, SaveSegment(claimed));
        level.insert(level.end(), saved.begin(), saved.end());
      }
      if (level.empty()) continue;
      levels_.push_back(std::make_shared<Level>(std::move(level)));
      if (i < manifest_.runs) ++runs_;
    }
    return Ok();
  }

  Result<std::vector<SegmentPtr>> SaveSegment(const storage::ManifestSegment& claimed) {
    const auto found = found_.find(claimed.id);
    if (found == found_.end()) {
      ++report_.segments_missing;
      report_.lost.push_back(storage::SegmentFileName(claimed.id) + ": missing, with " +
                             std::to_string(claimed.records) + " records");
      return std::vector<SegmentPtr>();
    }
    const bool is_known = claimed.file_bytes > 0;
    const auto original = LearnedSegment::Open(files_, found->second, claimed.id, {});
    if (original) (*original)->SettleUpTo(claimed.settled_sequence);
    const bool whole = original && (*original)->Verify();
    if (whole && (!is_known || Describe(**original) == claimed)) {
      const storage::Path to = copy_.segments_directory() / storage::SegmentFileName(claimed.id);
      SIBYL_RETURN_IF_ERROR(storage::LinkOrCopyFile(files_, found->second, to));
      SIBYL_ASSIGN_OR_RETURN(SegmentPtr saved, store_.Open(claimed.id));
      saved->SettleUpTo(claimed.settled_sequence);
      ++report_.segments_whole;
      report_.records += claimed.records;
      return std::vector<SegmentPtr>{std::move(saved)};
    }
    ++report_.segments_damaged;
    if (whole) {
      report_.lost.push_back(found->second.string() +
                             ": whole, but not the segment that the manifest names: left out");
      return std::vector<SegmentPtr>();
    }
    SIBYL_ASSIGN_OR_RETURN(const std::vector<SegmentPtr> salvaged, SalvageRecords(found->second));
    for (const SegmentPtr& segment : salvaged) segment->SettleUpTo(claimed.settled_sequence);
    return salvaged;
  }

  Result<std::vector<SegmentPtr>> SalvageRecords(const storage::Path& path) {
    SegmentBuilder builder(store_, options_, true);
    SIBYL_ASSIGN_OR_RETURN(const storage::SalvagedSegment salvaged,
                           storage::SalvageSegment(files_, path,
                                                   [&](std::string_view key, RecordType type,
                                                       std::string_view value) -> Status {
                                                     if (key.size() < kTreePrefixBytes) return Ok();
                                                     return builder.Add(key, type, value);
                                                   }));
    report_.lost.insert(report_.lost.end(), salvaged.problems.begin(), salvaged.problems.end());
    return Keep(&builder);
  }

  Result<std::vector<SegmentPtr>> Keep(SegmentBuilder* builder) {
    SIBYL_ASSIGN_OR_RETURN(auto built, builder->Finish());
    for (const auto& segment : built) {
      segment->Keep();
      report_.records += segment->properties().records;
    }
    return built;
  }

  Status ReplayLog() {
    last_sequence_ = manifest_.last_sequence;
    deletions_ = DeletionsOf(manifest_);
    replayed_sequence_ = NewestDeletion(deletions_);
    for (const uint64_t id : log_->Generations()) {
      if (id < manifest_.generation_floor) continue;
      const Status replayed = log_->Replay(id, [&](const storage::LogEntry& entry) {
        ReplayEntry(entry);
        return Ok();
      });
      if (!replayed) report_.lost.push_back(replayed.error().message);
    }
    return Ok();
  }

  // Of what is in segments; what the log has is applied to it.
  Status LoadCatalogue() {
    View view;
    view.levels = levels_;
    const auto cursor = view.NewCursor(UINT64_MAX);
    auto loaded = Catalogue::Load(cursor.get());
    if (!loaded && loaded.error().code != ErrorCode::kCorruption) return std::move(loaded).error();
    if (loaded) catalogue_ = std::move(*loaded);
    return Ok();
  }

  // A tree whose operator is not known keeps what the log has last.
  TreeRules RulesOf(Tree tree) const {
    if (!operators_.Check(catalogue_.OptionsOf(tree))) return TreeRules();
    return TreeRules::Of(catalogue_, operators_, tree);
  }

  void ReplayEntry(const storage::LogEntry& entry) {
    // Increasing, whatever is damaged: a range deletion hides what came before it.
    const uint64_t sequence =
        std::max(entry.first_sequence + entry.record_count - 1, replayed_sequence_ + 1);
    BatchReader reader(entry.bytes);
    BatchRequest request;
    while (reader.NextLogged(&request)) {
      if (request.op > BatchOp::kDelete) {
        deletions_ = WithDeletion(deletions_, DeletionOf(request, sequence, delta_->id()));
        ++report_.log_records;
        continue;
      }
      const BatchRecord record = RecordOf(request);
      // A malformed record of the catalogue is told by whoever opens the new database.
      if (record.tree == kCatalogueTree) (void)catalogue_.Apply(record);
      const std::string key = EncodeInternalKey(record.tree, record.key);
      AddByRules(RulesOf(record.tree), key, sequence, NewestDeletion(deletions_, key), record.type,
                 record.value, delta_.get());
      trees_.insert(record.tree);
      ++report_.log_records;
    }
    replayed_sequence_ = sequence;
    last_sequence_ = std::max(last_sequence_, sequence);
    if (reader.ok()) return;
    report_.lost.push_back("the log: the entry of sequence " +
                           std::to_string(entry.first_sequence) + " is malformed");
  }

  // A tree whose catalogue record is lost would vanish with all its records.
  Status RestoreCatalogue() {
    View view;
    view.generations = {delta_};
    view.levels = levels_;
    const auto cursor = view.NewCursor(UINT64_MAX);
    std::set<Tree> known = {kCatalogueTree, kDefaultTree};
    for (cursor->SeekToFirst(); cursor->Valid() && TreeOf(cursor->key()) == kCatalogueTree;
         cursor->Next()) {
      const std::string_view key = UserKeyOf(cursor->key());
      if (IsTreeNameKey(key)) known.insert(Tree{base::LoadBig32(key.data())});
    }
    SIBYL_RETURN_IF_ERROR(cursor->status());
    for (const auto& level : levels_) {
      for (const SegmentPtr& segment : level->segments()) {
        for (const ModelStats& model : segment->Stats(0).models) trees_.insert(model.tree);
      }
    }
    trees_.insert(known.begin(), known.end());
    if (report_.lost.empty()) return Ok();  // what is not in the catalogue was dropped
    for (const Tree tree : trees_) {
      if (known.contains(tree)) continue;
      const std::string name = "recovered-" + std::to_string(tree.id);
      delta_->Add(EncodeInternalKey(kCatalogueTree, CatalogueKey(tree)), ++last_sequence_,
                  RecordType::kValue, name);
      report_.lost.push_back("the name of tree " + std::to_string(tree.id) + ": now \"" + name +
                             "\"");
    }
    return Ok();
  }

  Status SaveLog() {
    SegmentBuilder builder(store_, options_, true);
    const auto cursor = delta_->NewCursor(UINT64_MAX, deletions_);
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      SIBYL_RETURN_IF_ERROR(builder.Add(cursor->key(), cursor->type(), cursor->value()));
    }
    SIBYL_ASSIGN_OR_RETURN(std::vector<SegmentPtr> segments, Keep(&builder));
    for (const SegmentPtr& segment : segments) segment->SettleUpTo(last_sequence_);
    if (!segments.empty()) {
      levels_.insert(levels_.begin(), std::make_shared<Level>(std::move(segments)));
      ++runs_;
    }
    return Ok();
  }

  storage::Manifest NewManifest() const {
    storage::Manifest manifest;
    manifest.next_segment_id = store_.next_id();
    manifest.runs = runs_;
    manifest.last_sequence = last_sequence_;
    manifest.next_tree_id = std::max(manifest_.next_tree_id, trees_.rbegin()->id + 1);
    for (size_t i = 0; deletions_ != nullptr && i < deletions_->all().size(); ++i) {
      const RangeDeletion& deletion = deletions_->all()[i];
      manifest.deletions.push_back({deletion.begin, deletion.end, deletion.sequence});
    }
    for (const auto& level : levels_) {
      manifest.levels.emplace_back();
      for (const SegmentPtr& segment : level->segments()) {
        manifest.levels.back().push_back(Describe(*segment));
      }
    }
    return manifest;
  }

  const Environment& environment_;
  storage::FileSystem& files_;
  const Options& options_;
  const MergeOperators operators_{options_};
  Catalogue catalogue_;
  const storage::Path damaged_;
  DatabaseCopy& copy_;
  SegmentStore store_;  // of the new database
  std::unique_ptr<storage::CommitLog> log_;
  std::map<uint64_t, storage::Path> found_;  // files of segments, by number
  storage::Manifest manifest_;               // of the damaged database, or a guess
  std::vector<std::shared_ptr<const Level>> levels_;
  uint32_t runs_ = 0;  // so many of them are runs
  const std::shared_ptr<Generation> delta_ = std::make_shared<Generation>(1);
  RangeDeletionsPtr deletions_;     // of the manifest, then of the log
  uint64_t replayed_sequence_ = 0;  // of the log's entries so far
  uint64_t last_sequence_ = 0;
  std::set<Tree> trees_;  // all that ever had a record or a name
  RepairReport report_;
};

}  // namespace

}  // namespace sibyl::engine

namespace sibyl {

Result<RepairReport> RepairDatabase(const Options& options, const std::filesystem::path& damaged,
                                    const std::filesystem::path& directory) {
  SIBYL_RETURN_IF_ERROR(engine::CheckOptions(options));
  const engine::Environment environment{&storage::PosixFileSystem(), storage::OpenRocksDbLog};
  storage::FileSystem& files = *environment.files;
  SIBYL_ASSIGN_OR_RETURN(const bool has_log, files.Exists(damaged / "log"));
  SIBYL_ASSIGN_OR_RETURN(const bool has_segments, files.Exists(damaged / "segments"));
  if (!has_log && !has_segments) {
    return Error{ErrorCode::kInvalidArgument,
                 damaged.string() + ": there is nothing of a database here"};
  }
  SIBYL_ASSIGN_OR_RETURN(const auto copy, engine::DatabaseCopy::Begin(environment, directory));
  return engine::Repairer(environment, options, damaged, *copy).Run();
}

}  // namespace sibyl
