#include "engine/overlay.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/checksum.h"
#include "engine/delta_ahead.h"

namespace sibyl::engine {
namespace {

// The overlay's readers have no snapshot: they see its latest versions.
constexpr uint64_t kLatest = std::numeric_limits<uint64_t>::max();

// So few keys are as soon looked for in the index itself.
constexpr uint64_t kFewKeys = 64;

}  // namespace

class Overlay::OverlayCursor final : public Cursor {
 public:
  OverlayCursor(const Overlay& overlay, const uint64_t* version)
      : overlay_(overlay), version_(version), position_(overlay.index_) {
    ++overlay_.cursors_;
  }
  ~OverlayCursor() override { --overlay_.cursors_; }
  OverlayCursor(const OverlayCursor&) = delete;
  OverlayCursor& operator=(const OverlayCursor&) = delete;

  bool Valid() const override { return shown_ != nullptr; }

  void SeekToFirst() override {
    position_.SeekToFirst();
    SettleForward();
  }
  void SeekToLast() override {
    position_.SeekToLast();
    SettleBackward();
  }
  void Seek(std::string_view target) override {
    position_.Seek(target);
    SettleForward();
  }
  void SeekForPrev(std::string_view target) override {
    position_.SeekForPrev(target);
    SettleBackward();
  }
  void Next() override {
    FindAgain();
    position_.Next();
    SettleForward();
  }
  void Prev() override {
    FindAgain();
    position_.Prev();
    SettleBackward();
  }

  std::string_view key() const override { return position_.entry().key(); }
  RecordType type() const override { return shown_->type; }
  std::string_view value() override { return shown_->value(); }
  size_t Ahead(size_t most, UpcomingRecord* records) override {
    if (seen_version_ != *version_) return 0;
    return RecordsAhead(position_, kLatest, most, records);
  }
  void MovePast(const UpcomingRecord& record) override {
    position_.Skip(static_cast<int>(record.steps) + 1);
    SettleForward();
  }
  Kept Keeps() const override { return Kept::kKeyAndValue; }
  Status status() const override { return Ok(); }

 private:
  // Entries are never removed, so the one we stand at is still there.
  void FindAgain() {
    if (seen_version_ != *version_) position_.Seek(key());
  }
  bool HasVersion() {
    shown_ = position_.entry().At(kLatest);
    return shown_ != nullptr;
  }
  void SettleForward() {
    seen_version_ = *version_;
    shown_ = nullptr;
    while (position_.Valid() && !HasVersion()) position_.Next();
  }
  void SettleBackward() {
    seen_version_ = *version_;
    shown_ = nullptr;
    while (position_.Valid() && !HasVersion()) position_.Prev();
  }

  const Overlay& overlay_;
  const uint64_t* const version_;
  DeltaIndex::Position position_;
  const DeltaIndex::Version* shown_ = nullptr;
  uint64_t seen_version_ = 0;
};

Overlay::Overlay(uint64_t base_mark, uint64_t last_serial)
    : base_mark_(base_mark), last_serial_(last_serial) {}
Overlay::~Overlay() = default;

void Overlay::PutAgain(uint64_t serial, std::string_view internal_key, RecordType type,
                       std::string_view value) {
  const Arena::Position before = versions_.position();
  const DeltaIndex::Inserted inserted = index_.FindOrInsert(internal_key);
  DeltaIndex::Entry& entry = *inserted.entry;
  if (inserted.is_new) NoteKey(entry);
  if (const DeltaIndex::Version* const old = entry.At(kLatest)) {
    bytes_ -= old->value_bytes;
  } else {
    ++records_;
    bytes_ += entry.key_bytes;
  }
  bytes_ += value.size();
  DeltaIndex::AddVersion(versions_, entry, serial, type, value);
  log_.push_back({entry.newest.load(std::memory_order_relaxed), &entry, before});
  changes_.Note(internal_key);
}

void Overlay::NoteKey(const DeltaIndex::Entry& entry) {
  ++keys_;
  if (keys_ == 1 || (greatest_ != nullptr && greatest_->key() < entry.key())) {
    greatest_ = &entry;
    if (keys_ == 1) least_ = &entry;
  } else if (greatest_ != nullptr) {
    least_ = greatest_ = nullptr;
    if (keys_ >= kFewKeys) FillFilter();
  } else if (keys_ > kFewKeys) {
    filter_.Add(base::Checksum(entry.key()));
  } else if (keys_ == kFewKeys) {
    FillFilter();
  }
}

void Overlay::FillFilter() {
  DeltaIndex::Position position(index_);
  for (position.SeekToFirst(); position.Valid(); position.Next()) {
    filter_.Add(base::Checksum(position.entry().key()));
  }
}

// Whether the key is worth searching for.
bool Overlay::MayHave(std::string_view internal_key) const {
  if (greatest_ != nullptr) {
    return least_->key() <= internal_key && internal_key <= greatest_->key();
  }
  return keys_ < kFewKeys || filter_.MayContain(base::Checksum(internal_key));
}

std::optional<OverlayEntry> Overlay::Find(std::string_view internal_key) const {
  if (!MayHave(internal_key)) return std::nullopt;
  const DeltaIndex::Entry* const entry = index_.Find(internal_key);
  if (entry == nullptr) return std::nullopt;
  const DeltaIndex::Version* const version = entry->At(kLatest);
  if (version == nullptr) return std::nullopt;
  return OverlayEntry{version->type, version->value()};
}

Status Overlay::RollbackTo(uint64_t mark) {
  const auto end = std::partition_point(
      log_.begin(), log_.end(), [mark](const Write& write) { return write.serial() <= mark; });
  const bool found = mark == base_mark_ || (end != log_.begin() && (end - 1)->serial() == mark);
  if (!found) {
    return Error{ErrorCode::kInvalidArgument,
                 "savepoint " + std::to_string(mark) + " was rolled back past, or never given"};
  }
  if (end == log_.end()) return Ok();
  const Arena::Position before = end->before;
  for (auto write = log_.end(); write != end;) Undo(*--write);
  log_.erase(end, log_.end());
  if (cursors_ == 0) versions_.RewindTo(before);
  changes_.NoteEverywhere();
  return Ok();
}

Status Overlay::RollbackTo(uint64_t mark, uint64_t last_serial) {
  last_serial_ = std::max(last_serial_, last_serial);
  return RollbackTo(mark);
}

void Overlay::Undo(const Write& write) {
  DeltaIndex::Entry& entry = *write.entry;
  const DeltaIndex::Version* const undone = entry.At(kLatest);
  bytes_ -= undone->value_bytes;
  if (undone->older != nullptr) {
    bytes_ += undone->older->value_bytes;
  } else {
    --records_;
    bytes_ -= entry.key_bytes;
  }
  entry.newest.store(undone->older, std::memory_order_relaxed);
}

// The log's in steps, as the others grow: who looks at the sum after each write sees it change
// rarely.
uint64_t Overlay::memory_bytes() const {
  constexpr uint64_t kStep = 64;
  const uint64_t log_writes = (log_.size() + kStep - 1) / kStep * kStep;
  return entries_.memory_bytes() + versions_.memory_bytes() + filter_.memory_bytes() +
         log_writes * sizeof(Write);
}

std::unique_ptr<Cursor> Overlay::NewCursor(std::optional<Tree> only) const {
  return std::make_unique<OverlayCursor>(*this, changes_.CounterOf(only));
}

Status Overlay::ForEach(
    const std::function<Status(std::string_view, const OverlayEntry&)>& visit) const {
  DeltaIndex::Position position(index_);
  for (position.SeekToFirst(); position.Valid(); position.Next()) {
    const DeltaIndex::Version* const version = position.entry().At(kLatest);
    if (version == nullptr) continue;
    Status status = visit(position.entry().key(), {version->type, version->value()});
    if (!status) return status;
  }
  return Ok();
}

Status Overlay::ForEachWrite(
    uint64_t mark,
    const std::function<Status(uint64_t, std::string_view, const OverlayEntry&)>& visit) const {
  for (const Write& write : log_) {
    if (write.serial() > mark) break;
    const DeltaIndex::Version& version = *write.version;
    Status status = visit(write.serial(), write.entry->key(), {version.type, version.value()});
    if (!status) return status;
  }
  return Ok();
}

}  // namespace sibyl::engine
