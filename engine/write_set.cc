#include "engine/write_set.h"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/coding.h"
#include "base/status_macros.h"
#include "engine/merging_cursor.h"
#include "engine/segment_builder.h"

namespace sibyl::engine {

namespace {

using storage::LookupOutcome;

// So many runs of one tier become one of the next: a point read asks at most that many filters per
// tier, and each record is written once per tier.
constexpr size_t kFanIn = 8;

// A write in redo has this before its key: serial u64 | type u8.
constexpr size_t kRedoPrefixBytes = 9;

std::shared_ptr<const Level> LevelOf(std::vector<SegmentPtr> segments) {
  return std::make_shared<Level>(std::move(segments));
}

}  // namespace

// Cursors over overlay, runs and view become one. When the write set exchanges some of them, the
// next movement begins anew from the key that was shown; until then what is shown stays.
class WriteSet::WriteSetCursor final : public Cursor {
 public:
  WriteSetCursor(const WriteSet& writes, const View* view, uint64_t sequence,
                 std::optional<Tree> only)
      : writes_(writes),
        view_(view),
        sequence_(sequence),
        only_(only),
        changes_(writes.changes_.CounterOf(only)) {
    Rebuild();
  }

  bool Valid() const override { return merged_->Valid(); }
  void SeekToFirst() override {
    Renew();
    merged_->SeekToFirst();
  }
  void SeekToLast() override {
    Renew();
    merged_->SeekToLast();
  }
  void Seek(std::string_view target) override {
    if (structure_ != writes_.structure_) {
      const std::string kept(target);  // it may be what the cursor shows
      Rebuild();
      return merged_->Seek(kept);
    }
    merged_->Seek(target);
  }
  void SeekForPrev(std::string_view target) override {
    if (structure_ != writes_.structure_) {
      const std::string kept(target);
      Rebuild();
      return merged_->SeekForPrev(kept);
    }
    merged_->SeekForPrev(target);
  }
  void Next() override {
    if (structure_ == writes_.structure_) return merged_->Next();
    const std::string from(key());
    Seek(from);
    if (merged_->Valid() && merged_->key() == from) merged_->Next();
  }
  void Prev() override {
    if (structure_ == writes_.structure_) return merged_->Prev();
    const std::string from(key());
    SeekForPrev(from);
    if (merged_->Valid() && merged_->key() == from) merged_->Prev();
  }

  std::string_view key() const override { return merged_->key(); }
  RecordType type() const override { return merged_->type(); }
  std::string_view value() override { return merged_->value(); }
  Status status() const override { return merged_->status(); }

  // A rollback may take the records of a run away again.
  uint64_t StepsBelow(std::string_view key) const override {
    return runs_.empty() ? merged_->StepsBelow(key) : 0;
  }

  CursorRun Run() const override {
    CursorRun run = merged_->Run();
    const bool changed = structure_ != writes_.structure_ ||
                         (run.version_counter != nullptr && *run.version_counter != run.version);
    if (changed) return {};
    run.version_counter = changes_;
    run.version = *changes_;
    return run;
  }
  void Skip(uint32_t records) override { merged_->Skip(records); }
  size_t TakeBatch(std::string_view limit, size_t most_spans, CursorBatch* batch) override {
    if (structure_ != writes_.structure_) return 0;
    const size_t spans = merged_->TakeBatch(limit, most_spans, batch);
    batch->version_counter = changes_;
    batch->version = *changes_;
    return spans;
  }
  void EndBatch() override { merged_->EndBatch(); }

 private:
  void Renew() {
    if (structure_ != writes_.structure_) Rebuild();
  }
  void Rebuild() {
    merged_.reset();
    structure_ = writes_.structure_;
    memory_ = writes_.memory_;
    spilling_ = writes_.spilling_;
    runs_ = writes_.Runs();
    std::vector<std::unique_ptr<Cursor>> newest_first;
    newest_first.push_back(memory_->NewCursor(only_));
    if (spilling_ != nullptr) newest_first.push_back(spilling_->NewCursor(only_));
    for (const auto& run : runs_) newest_first.push_back(run->NewCursor());
    if (view_ != nullptr) view_->AddSources(sequence_, &newest_first);
    merged_ = NewMergingCursor(std::move(newest_first), memory_->version_counter(only_));
  }

  const WriteSet& writes_;
  const View* const view_;
  const uint64_t sequence_;
  const std::optional<Tree> only_;
  const uint64_t* const changes_;
  uint64_t structure_ = 0;
  std::shared_ptr<const Overlay> memory_;  // these three outlive merged_
  std::shared_ptr<const Overlay> spilling_;
  std::vector<std::shared_ptr<const Level>> runs_;
  std::unique_ptr<Cursor> merged_;
};

WriteSet::WriteSet(SegmentStore& store, const Options& options, RuledStream::RulesOf rules_of)
    : store_(store),
      options_(options),
      rules_of_(std::move(rules_of)),
      memory_(std::make_shared<Overlay>()) {}

Status WriteSet::MakeRoom() {
  if (spill_ended_.load(std::memory_order_relaxed)) SIBYL_RETURN_IF_ERROR(FinishSpill());
  if (memory_->memory_bytes() < options_.transaction_memory_bytes) return Ok();
  return BeginSpill();
}

WriteSet::~WriteSet() { JoinSpiller(); }

void WriteSet::Abandon() {
  // Destroying a thread that this process does not have would wait for it, or worse.
  if (spiller_.joinable()) (void)new std::thread(std::move(spiller_));
}

void WriteSet::JoinSpiller() {
  if (spiller_.joinable()) spiller_.join();
}

Status WriteSet::Put(std::string_view internal_key, RecordType type, std::string_view value) {
  SIBYL_RETURN_IF_ERROR(MakeRoom());
  changes_.Note(internal_key);
  memory_->Put(internal_key, type, value);
  return Ok();
}

Result<LookupOutcome> WriteSet::Find(std::string_view internal_key, Value* value) const {
  auto own = memory_->Find(internal_key);
  if (!own && spilling_ != nullptr) own = spilling_->Find(internal_key);
  if (own) {
    if (own->type == RecordType::kTombstone) return LookupOutcome::kTombstone;
    value->Assign(own->value);
    return LookupOutcome::kValue;
  }
  if (runs_.empty()) return LookupOutcome::kAbsent;
  const uint64_t hash = base::Checksum(internal_key);
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                           run->level->Lookup(internal_key, hash, value));
    if (outcome != LookupOutcome::kAbsent) return outcome;
  }
  return LookupOutcome::kAbsent;
}

Status WriteSet::VisitRecords(std::string_view internal_key, const RecordVisitor& visit,
                              bool* goes_on) const {
  *goes_on = true;
  for (const Overlay* overlay : {memory_.get(), spilling_.get()}) {
    if (overlay == nullptr || !*goes_on) continue;
    if (const auto own = overlay->Find(internal_key)) *goes_on = visit(own->type, own->value);
  }
  const uint64_t hash = runs_.empty() ? 0 : base::Checksum(internal_key);
  Value value;
  for (auto run = runs_.rbegin(); run != runs_.rend() && *goes_on; ++run) {
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                           run->level->Lookup(internal_key, hash, &value));
    if (outcome == LookupOutcome::kValue) *goes_on = visit(RecordType::kValue, value.view());
    if (outcome == LookupOutcome::kTombstone) *goes_on = visit(RecordType::kTombstone, {});
  }
  return Ok();
}

uint64_t WriteSet::Savepoint() {
  const uint64_t mark = memory_->Mark();
  if (savepoints_.back().mark == mark) {
    ++savepoints_.back().times;
  } else {
    savepoints_.push_back({mark, 1});
  }
  return mark;
}

void WriteSet::Release(uint64_t savepoint) {
  while (savepoints_.back().mark > savepoint) savepoints_.pop_back();
  GivenSavepoint& last = savepoints_.back();
  if (last.mark != savepoint) return;
  if (last.times > 1) {
    --last.times;
  } else if (savepoints_.size() > 1) {
    savepoints_.pop_back();
  }
}

Status WriteSet::RollbackTo(uint64_t savepoint) {
  const auto found =
      std::find_if(savepoints_.rbegin(), savepoints_.rend(),
                   [&](const GivenSavepoint& given) { return given.mark <= savepoint; });
  if (found->mark != savepoint) {
    return Error{ErrorCode::kInvalidArgument, "savepoint " + std::to_string(savepoint) +
                                                  " was rolled back past, or never given"};
  }
  changes_.NoteEverywhere();
  if (savepoint >= memory_->base_mark()) {
    SIBYL_RETURN_IF_ERROR(memory_->RollbackTo(savepoint));
  } else {
    JoinSpiller();  // what it wrote is wanted no more
    spilled_.reset();
    spill_ended_ = false;
    SIBYL_RETURN_IF_ERROR(DropRunsAfter(savepoint));
  }
  savepoints_.erase(found.base(), savepoints_.end());
  return Ok();
}

// Goes back to `mark`, which lies before the writes of memory_.
Status WriteSet::DropRunsAfter(uint64_t mark) {
  if (spilling_ != nullptr && mark >= spilling_->base_mark()) {  // it is all in memory still
    SIBYL_RETURN_IF_ERROR(spilling_->RollbackTo(mark, memory_->last_serial()));
    memory_ = std::exchange(spilling_, nullptr);
    ChangeStructure();
    return Ok();
  }
  const auto end =
      std::find_if(runs_.begin(), runs_.end(), [mark](const Run& run) { return run.end > mark; });
  std::vector<Run> kept(runs_.begin(), end);
  const uint64_t base_mark = kept.empty() ? 0 : kept.back().end;
  auto memory = std::make_shared<Overlay>(base_mark, memory_->last_serial());
  if (end != runs_.end() && end->begin < mark) {
    SIBYL_CHECK(end->redo != nullptr);
    SIBYL_RETURN_IF_ERROR(MakeAgain(*end->redo, mark, &kept, &memory));
  }
  runs_ = std::move(kept);
  memory_ = std::move(memory);
  spilling_.reset();
  ChangeStructure();
  return Ok();
}

// Makes the writes of `redo` up to `mark` again, in `memory`; if they are many, in more `runs`.
Status WriteSet::MakeAgain(const SortRun& redo, uint64_t mark, std::vector<Run>* runs,
                           std::shared_ptr<Overlay>* memory) const {
  SIBYL_ASSIGN_OR_RETURN(const auto cursor, redo.NewCursor());
  // An operand has been folded with those before it in the same overlay: they have to stay
  // together.
  bool merges = false;
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const uint64_t serial = base::Load64(cursor->key().data());
    if (serial > mark) break;
    merges = merges || rules_of_(TreeOf(cursor->key().substr(kRedoPrefixBytes))).merges();
    if (!merges && (*memory)->memory_bytes() >= options_.transaction_memory_bytes / 2) {
      SIBYL_ASSIGN_OR_RETURN(Run run, WriteRun(**memory));
      *memory = std::make_shared<Overlay>(run.end, (*memory)->last_serial());
      runs->push_back(std::move(run));
    }
    (*memory)->PutAgain(serial, cursor->key().substr(kRedoPrefixBytes),
                        static_cast<RecordType>(cursor->key()[kRedoPrefixBytes - 1]),
                        cursor->value());
  }
  return cursor->status();
}

uint64_t WriteSet::records() const {
  uint64_t records = memory_->records() + (spilling_ != nullptr ? spilling_->records() : 0);
  for (const Run& run : runs_) records += run.records;
  return records;
}

uint64_t WriteSet::bytes() const {
  uint64_t bytes = memory_->bytes() + (spilling_ != nullptr ? spilling_->bytes() : 0);
  for (const Run& run : runs_) bytes += run.bytes;
  return bytes;
}

uint64_t WriteSet::memory_bytes() const {
  return memory_->memory_bytes() + (spilling_ != nullptr ? spilling_->memory_bytes() : 0) +
         savepoints_.capacity() * sizeof(GivenSavepoint);
}

Status WriteSet::SpillAll() {
  SIBYL_RETURN_IF_ERROR(FinishSpill());
  if (memory_->empty()) return Ok();
  SIBYL_ASSIGN_OR_RETURN(Run run, WriteRun(*memory_));
  memory_ = std::make_shared<Overlay>(run.end, memory_->last_serial());
  ++spills_;
  return AddRun(std::move(run));
}

Status WriteSet::AddRun(Run run) {
  runs_.push_back(std::move(run));
  ChangeStructure();
  return JoinRuns();
}

// Leaves what is in memory to a thread. One at a time: memory would have no bound otherwise.
Status WriteSet::BeginSpill() {
  SIBYL_RETURN_IF_ERROR(FinishSpill());
  if (memory_->empty() || options_.background_threads == 0) return SpillAll();
  const uint64_t mark = LastSavepointWithin(memory_->base_mark(), memory_->Mark());
  auto next = std::make_shared<Overlay>(memory_->Mark(), memory_->last_serial());
  try {
    spiller_ = std::thread([this, overlay = memory_.get(), mark] {
      spilled_.emplace(WriteRunInMemoryThereIs(*overlay, mark));
      spill_ended_.store(true, std::memory_order_release);
    });
  } catch (const std::system_error&) {
    return SpillAll();  // no more threads: this one writes
  }
  spilling_ = std::exchange(memory_, std::move(next));
  ChangeStructure();
  ++spills_;
  return Ok();
}

// After an error the writes are still there; the next call tries again, without a thread.
Status WriteSet::FinishSpill() {
  if (spilling_ == nullptr) return Ok();
  JoinSpiller();
  spill_ended_ = false;
  if (!spilled_) spilled_.emplace(WriteRun(*spilling_));
  Result<Run> run = std::move(*spilled_);
  spilled_.reset();
  if (!run) return std::move(run).error();
  spilling_.reset();
  return AddRun(std::move(*run));
}

// For a thread of its own, which nothing may leave but by returning.
Result<WriteSet::Run> WriteSet::WriteRunInMemoryThereIs(const Overlay& overlay,
                                                        uint64_t redo_mark) const {
  try {
    return WriteRun(overlay, redo_mark);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kIo, "out of memory while writes of a transaction went to disk"};
  }
}

Result<WriteSet::Run> WriteSet::WriteRun(const Overlay& overlay) const {
  return WriteRun(overlay, LastSavepointWithin(overlay.base_mark(), overlay.Mark()));
}

// With the writes up to `redo_mark` (0: none) as redo. Precondition: `overlay` is not empty.
Result<WriteSet::Run> WriteSet::WriteRun(const Overlay& overlay, uint64_t redo_mark) const {
  SegmentBuilder builder(store_, options_, true);
  const auto add = [&builder](std::string_view key, const OverlayEntry& entry) {
    return builder.Add(key, entry.type, entry.value);
  };
  SIBYL_RETURN_IF_ERROR(overlay.ForEach(add));
  SIBYL_ASSIGN_OR_RETURN(auto segments, builder.Finish());
  Run run{overlay.base_mark(),
          overlay.Mark(),
          LevelOf(std::move(segments)),
          nullptr,
          overlay.records(),
          overlay.bytes(),
          0};
  if (redo_mark > 0) {
    SIBYL_ASSIGN_OR_RETURN(run.redo, WriteRedo(overlay, redo_mark));
  }
  return run;
}

Result<std::shared_ptr<const SortRun>> WriteSet::WriteRedo(const Overlay& overlay,
                                                           uint64_t mark) const {
  storage::Path path = store_.PathOf(store_.NewId());
  SIBYL_ASSIGN_OR_RETURN(const auto writer,
                         SortRunWriter::Create(store_.files(), path.replace_extension(".run")));
  std::string key;
  SIBYL_RETURN_IF_ERROR(overlay.ForEachWrite(
      mark, [&](uint64_t serial, std::string_view internal_key, const OverlayEntry& entry) {
        key.clear();
        base::Put64(&key, serial);
        base::Put8(&key, static_cast<uint8_t>(entry.type));
        key.append(internal_key);
        return writer->Add(key, entry.value);
      }));
  SIBYL_ASSIGN_OR_RETURN(auto redo, writer->Finish());
  return std::shared_ptr<const SortRun>(std::move(redo));
}

uint64_t WriteSet::LastSavepointWithin(uint64_t begin, uint64_t end) const {
  const auto after = std::lower_bound(
      savepoints_.begin(), savepoints_.end(), end,
      [](const GivenSavepoint& given, uint64_t mark) { return given.mark < mark; });
  if (after == savepoints_.begin() || (after - 1)->mark <= begin) return 0;
  return (after - 1)->mark;
}

bool WriteSet::HasSavepointWithin(uint64_t begin, uint64_t end) const {
  return LastSavepointWithin(begin, end) != 0;
}

// Keeps the runs few, as far as savepoints allow.
Status WriteSet::JoinRuns() {
  if (JoinDisjoint()) return Ok();
  for (size_t count = JoinableRuns(); count >= kFanIn; count = JoinableRuns()) {
    const size_t first = runs_.size() - count;
    SIBYL_ASSIGN_OR_RETURN(Run joined, MergeRuns(first));
    runs_.resize(first);
    runs_.push_back(std::move(joined));
    ChangeStructure();
  }
  return Ok();
}

// Makes one run of the last two if the segments of neither overlap those of the other.
bool WriteSet::JoinDisjoint() {
  if (runs_.size() < 2) return false;
  Run& older = runs_[runs_.size() - 2];
  const Run& newer = runs_.back();
  if (HasSavepointWithin(older.begin, newer.end)) return false;
  for (const SegmentPtr& segment : newer.level->segments()) {
    if (!older.level->Overlapping(segment->smallest_key(), segment->largest_key()).empty()) {
      return false;
    }
  }
  std::vector<SegmentPtr> segments = older.level->segments();
  segments.insert(segments.end(), newer.level->segments().begin(), newer.level->segments().end());
  std::sort(segments.begin(), segments.end(), [](const SegmentPtr& a, const SegmentPtr& b) {
    return a->smallest_key() < b->smallest_key();
  });
  older = {older.begin,
           newer.end,
           std::make_shared<Level>(std::move(segments)),
           nullptr,
           older.records + newer.records,
           older.bytes + newer.bytes,
           older.tier};
  runs_.pop_back();
  return true;
}

// How many of the last runs are of one tier and have no savepoint within or between them.
size_t WriteSet::JoinableRuns() const {
  size_t count = 0;
  while (count < runs_.size()) {
    const Run& run = runs_[runs_.size() - 1 - count];
    if (run.tier != runs_.back().tier || HasSavepointWithin(run.begin, runs_.back().end)) break;
    ++count;
  }
  return count;
}

Result<WriteSet::Run> WriteSet::MergeRuns(size_t first) const {
  std::vector<std::unique_ptr<ForwardCursor>> newest_first;
  Run joined{runs_[first].begin, runs_.back().end, nullptr, nullptr, 0, 0, runs_.back().tier + 1};
  for (size_t i = runs_.size(); i > first; --i) {
    newest_first.push_back(runs_[i - 1].level->NewCursor());
  }
  SegmentBuilder builder(store_, options_, true);
  // Older records may be in older runs, and in the database. Nothing expires before it is there.
  RuledStream stream(
      MergeStream(std::move(newest_first)), rules_of_, [](std::string_view) { return true; }, 0);
  for (; stream.Valid(); stream.Next()) {
    const std::string_view value = stream.value();
    if (!stream.Valid()) break;  // an out-of-line value could not be read
    SIBYL_RETURN_IF_ERROR(builder.Add(stream.key(), stream.type(), value));
    ++joined.records;
    joined.bytes += stream.key().size() + value.size();
  }
  SIBYL_RETURN_IF_ERROR(stream.status());
  SIBYL_ASSIGN_OR_RETURN(auto segments, builder.Finish());
  joined.level = LevelOf(std::move(segments));
  return joined;
}

std::vector<std::shared_ptr<const Level>> WriteSet::Runs() const {
  std::vector<std::shared_ptr<const Level>> newest_first;
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) newest_first.push_back(run->level);
  return newest_first;
}

std::unique_ptr<Cursor> WriteSet::NewCursor(const View* view, uint64_t sequence,
                                            std::optional<Tree> only) const {
  return std::make_unique<WriteSetCursor>(*this, view, sequence, only);
}

}  // namespace sibyl::engine
