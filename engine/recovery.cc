#include "engine/recovery.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "engine/batch_codec.h"
#include "engine/batch_encoding.h"
#include "engine/internal_key.h"
#include "engine/option_limits.h"

namespace sibyl::engine {

namespace {

constexpr std::string_view kFormatPrefix = "SibylDB database, layout version ";
constexpr std::string_view kFormatContent = "SibylDB database, layout version 1\n";

// What an unfinished creation may have left behind.
bool IsLeftOfCreation(const std::string& name) {
  return name == "LOCK" || name == "log" || name == "segments" || name == "lost" ||
         name.starts_with(kFormatFileName);
}

Status CheckFormat(storage::FileSystem& files, const storage::Path& path) {
  SIBYL_ASSIGN_OR_RETURN(const std::string content, files.ReadAll(path));
  if (content == kFormatContent) return Ok();
  if (content.starts_with(kFormatPrefix)) {
    return Error{ErrorCode::kNotSupported, path.string() + ": written by a newer version (" +
                                               base::Quoted(content.substr(kFormatPrefix.size())) +
                                               ")"};
  }
  return Error{ErrorCode::kCorruption, path.string() + ": not a SibylDB format file"};
}

// Every key range and count that the manifest claims, against what the segment says of itself.
Status CheckAgainstManifest(const storage::ManifestSegment& claimed,
                            const LearnedSegment& segment) {
  if (claimed == Describe(segment)) return Ok();
  return Error{ErrorCode::kCorruption,
               segment.path().string() + ": is not the segment that the manifest names"};
}

Result<std::vector<std::shared_ptr<const Level>>> OpenLevels(const SegmentStore& store,
                                                             const storage::Manifest& manifest) {
  std::vector<std::shared_ptr<const Level>> levels;
  for (const auto& named : manifest.levels) {
    std::vector<SegmentPtr> segments;
    for (const storage::ManifestSegment& claimed : named) {
      const storage::Path path = store.PathOf(claimed.id);
      SIBYL_ASSIGN_OR_RETURN(const bool present, store.files().Exists(path));
      if (!present) {
        return Error{ErrorCode::kCorruption,
                     path.string() + ": missing, but the manifest names it"};
      }
      SIBYL_ASSIGN_OR_RETURN(auto segment, store.OpenLazily(claimed.id));
      segment->SettleUpTo(claimed.settled_sequence);
      SIBYL_RETURN_IF_ERROR(CheckAgainstManifest(claimed, *segment));
      segments.push_back(std::move(segment));
    }
    levels.push_back(std::make_shared<Level>(std::move(segments)));
  }
  return levels;
}

// What replaying the log found.
struct Replayed {
  std::vector<std::shared_ptr<Generation>> newest_first;
  uint64_t last_sequence = 0;

  // Of all trees that are written to, created or dropped, the dropped ones included: their ids must
  // not be given out again while old records of theirs are about.
  uint32_t largest_tree_id = 0;
};

uint32_t LargestTreeIdOf(const BatchRecord& record) {
  const bool names_tree = record.tree == kCatalogueTree && IsTreeNameKey(record.key);
  return names_tree ? base::LoadBig32(record.key.data()) : record.tree.id;
}

// What everything older has left, which the replay of a generation changes.
struct ReplayState {
  Catalogue catalogue;
  RangeDeletionsPtr range_deletions;
};

Status AddReplayed(const DatabaseState& state, const ReplayState& older, const BatchRecord& record,
                   uint64_t sequence, std::string* internal_key, Generation* generation) {
  internal_key->clear();
  base::PutBig32(internal_key, record.tree.id);
  internal_key->append(record.key);
  if (older.catalogue.HasRules(record.tree)) {
    SIBYL_RETURN_IF_ERROR(state.operators.Check(record.tree, older.catalogue));
  }
  AddByRules(TreeRules::Of(older.catalogue, state.operators, record.tree), *internal_key, sequence,
             NewestDeletion(older.range_deletions, *internal_key), record.type, record.value,
             generation);
  return Ok();
}

// Inserts every entry of one generation of the log into a generation of the delta.
Status ReplayGeneration(DatabaseState& state, Generation* generation, ReplayState* older,
                        Replayed* replayed) {
  std::string internal_key;
  return state.log->Replay(generation->id(), [&](const storage::LogEntry& entry) -> Status {
    const uint64_t sequence = entry.first_sequence + entry.record_count - 1;
    BatchReader reader(entry.bytes);
    BatchRequest request;
    while (reader.NextLogged(&request)) {
      if (request.op > BatchOp::kDelete) {
        const RangeDeletion deletion = DeletionOf(request, sequence, generation->id());
        older->range_deletions = WithDeletion(older->range_deletions, deletion);
        generation->NoteRangeDeletion(deletion);
        continue;
      }
      const BatchRecord record = RecordOf(request);
      if (record.tree == kCatalogueTree) SIBYL_RETURN_IF_ERROR(older->catalogue.Apply(record));
      SIBYL_RETURN_IF_ERROR(
          AddReplayed(state, *older, record, sequence, &internal_key, generation));
      replayed->largest_tree_id = std::max(replayed->largest_tree_id, LargestTreeIdOf(record));
    }
    if (!reader.ok()) {
      return Status(Error{ErrorCode::kCorruption,
                          state.directory.string() + ": the log entry of sequence " +
                              std::to_string(entry.first_sequence) + " is malformed"});
    }
    replayed->last_sequence = std::max(replayed->last_sequence, sequence);
    return Ok();
  });
}

Result<Replayed> ReplayGenerations(DatabaseState& state, const storage::Manifest& manifest,
                                   ReplayState* older) {
  Replayed replayed;
  replayed.last_sequence = manifest.last_sequence;
  for (const uint64_t id : state.log->Generations()) {
    if (id < manifest.generation_floor) continue;
    auto generation = std::make_shared<Generation>(id);
    SIBYL_RETURN_IF_ERROR(ReplayGeneration(state, generation.get(), older, &replayed));
    replayed.newest_first.insert(replayed.newest_first.begin(), std::move(generation));
  }
  if (replayed.newest_first.empty()) {
    return Error{ErrorCode::kCorruption, state.directory.string() + ": the log lacks generation " +
                                             std::to_string(manifest.generation_floor) +
                                             ", which the manifest needs"};
  }
  return replayed;
}

// Opens the segments and replays what the manifest does not cover.
Result<View> LoadView(DatabaseState& state, const storage::Manifest& manifest, Replayed* replayed) {
  View view;
  view.runs = manifest.runs;
  SIBYL_ASSIGN_OR_RETURN(view.levels, OpenLevels(state.segments, manifest));
  SIBYL_ASSIGN_OR_RETURN(Catalogue catalogue, Catalogue::Load(view.NewCursor(UINT64_MAX).get()));
  ReplayState older{std::move(catalogue), DeletionsOf(manifest)};
  SIBYL_ASSIGN_OR_RETURN(*replayed, ReplayGenerations(state, manifest, &older));
  view.generations = replayed->newest_first;
  view.range_deletions = std::move(older.range_deletions);
  SIBYL_ASSIGN_OR_RETURN(catalogue, Catalogue::Load(view.NewCursor(UINT64_MAX).get()));
  SIBYL_RETURN_IF_ERROR(state.operators.CheckAllKnown(catalogue));
  view.catalogue = std::make_shared<Catalogue>(std::move(catalogue));
  return view;
}

// The manifest of the log; in a new database, the first one.
Result<storage::Manifest> ReadOrCreateManifest(DatabaseState& state) {
  storage::FileSystem& files = state.segments.files();
  const storage::Path format_path = state.directory / kFormatFileName;
  SIBYL_ASSIGN_OR_RETURN(const bool finished, files.Exists(format_path));
  if (const std::optional<std::string> bytes = state.log->Manifest()) {
    auto manifest = storage::DecodeManifest(*bytes);
    if (!manifest) {
      return Error{manifest.error().code,
                   (state.directory / "log").string() + ": manifest: " + manifest.error().message};
    }
    if (!finished) {
      SIBYL_RETURN_IF_ERROR(WriteFormatFile(files, state.directory));
    }
    return manifest;
  }
  if (finished) {
    return Error{ErrorCode::kCorruption,
                 (state.directory / "log").string() +
                     ": the log of this database is missing or has lost its manifest"};
  }
  storage::Manifest manifest;
  manifest.database_id = NewDatabaseId();
  manifest.generation_floor = state.log->Generations().front();
  SIBYL_RETURN_IF_ERROR(state.log->CommitManifest(storage::EncodeManifest(manifest)));
  SIBYL_RETURN_IF_ERROR(WriteFormatFile(files, state.directory));
  return manifest;
}

}  // namespace

Status PrepareDirectory(storage::FileSystem& files, const Options& options,
                        const storage::Path& directory) {
  SIBYL_RETURN_IF_ERROR(CheckOptions(options));
  SIBYL_ASSIGN_OR_RETURN(const bool present, files.Exists(directory));
  std::vector<std::string> names;
  if (present) {
    SIBYL_ASSIGN_OR_RETURN(names, files.List(directory));
  }
  if (std::find(names.begin(), names.end(), kFormatFileName) != names.end()) {
    if (options.error_if_exists) {
      return Error{ErrorCode::kInvalidArgument,
                   directory.string() + ": there is a database already"};
    }
    return CheckFormat(files, directory / kFormatFileName);
  }
  for (const std::string& name : names) {
    if (IsLeftOfCreation(name)) continue;
    return Error{ErrorCode::kInvalidArgument,
                 directory.string() + ": not a SibylDB database, and not empty: it has " +
                     base::Quoted(name)};
  }
  if (!options.create_if_missing) {
    return Error{ErrorCode::kInvalidArgument, directory.string() + ": there is no database here"};
  }
  SIBYL_RETURN_IF_ERROR(files.CreateDirectory(directory));
  const storage::Path parent = storage::Path(directory / "..").lexically_normal();
  return files.SyncDirectory(parent.empty() ? storage::Path(".") : parent);
}

Result<storage::Manifest> Recover(const Environment& environment, DatabaseState* state) {
  storage::FileSystem& files = *environment.files;
  SIBYL_ASSIGN_OR_RETURN(state->lock, files.Lock(state->directory / "LOCK"));
  SIBYL_ASSIGN_OR_RETURN(state->log, environment.open_log(state->directory / "log"));
  SIBYL_RETURN_IF_ERROR(state->segments.Prepare());
  SIBYL_ASSIGN_OR_RETURN(const storage::Manifest manifest, ReadOrCreateManifest(*state));

  Replayed replayed;
  SIBYL_ASSIGN_OR_RETURN(View view, LoadView(*state, manifest, &replayed));

  state->segments.SetNextId(manifest.next_segment_id);
  SIBYL_RETURN_IF_ERROR(state->segments.SetAsideUnnamed(manifest));
  const uint32_t largest_tree_id = std::max(replayed.largest_tree_id, view.catalogue->largest_id());
  state->next_tree_id.store(std::max(manifest.next_tree_id, largest_tree_id + 1));
  state->published_sequence.store(replayed.last_sequence);
  state->views.Update([&view](View& current) { current = std::move(view); });
  SIBYL_RETURN_IF_ERROR(state->log->DropGenerations(manifest.generation_floor));
  return manifest;
}

Status CheckReadable(storage::FileSystem& files, const Options& options,
                     const storage::Path& directory) {
  SIBYL_RETURN_IF_ERROR(CheckOptions(options));
  SIBYL_ASSIGN_OR_RETURN(const bool present, files.Exists(directory / kFormatFileName));
  if (present) return CheckFormat(files, directory / kFormatFileName);
  return Error{ErrorCode::kInvalidArgument, directory.string() + ": there is no database here"};
}

Result<storage::Manifest> RecoverReadOnly(const Environment& environment, DatabaseState* state) {
  SIBYL_ASSIGN_OR_RETURN(state->log, environment.open_log_read_only(state->directory / "log"));
  const std::optional<std::string> bytes = state->log->Manifest();
  if (!bytes) {
    return Error{ErrorCode::kCorruption,
                 (state->directory / "log").string() + ": the log has lost its manifest"};
  }
  SIBYL_ASSIGN_OR_RETURN(storage::Manifest manifest, storage::DecodeManifest(*bytes));
  Replayed replayed;
  SIBYL_ASSIGN_OR_RETURN(View view, LoadView(*state, manifest, &replayed));
  state->published_sequence.store(replayed.last_sequence);
  state->views.Update([&view](View& current) { current = std::move(view); });
  return manifest;
}

uint64_t NewDatabaseId() {
  std::random_device source;
  return uint64_t{source()} << 32 | source();
}

Status WriteFormatFile(storage::FileSystem& files, const storage::Path& directory) {
  return storage::WriteFileAtomically(files, directory / kFormatFileName, kFormatContent);
}

}  // namespace sibyl::engine
