#include "engine/pinned_get.h"

#include <utility>

#include "base/checksum.h"
#include "base/status_macros.h"

namespace sibyl::engine {

namespace {

using storage::LookupOutcome;

// A block, and the view whose segment it is of.
struct HeldBlock {
  std::shared_ptr<const View> view;
  storage::BlockHandle block;
};

// With the check of misses that LearnedSegment::Lookup makes.
Result<LookupOutcome> LookupCopy(const LearnedSegment& segment, std::string_view key,
                                 PinnedValue* value) {
  Value found;
  SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome, segment.Lookup(key, &found));
  if (outcome == LookupOutcome::kValue) value->Copy(found.view());
  return outcome;
}

// Where the lookup in place could not tell: the block is not verified yet, or lies in the cache, or
// the value is out of line.
Result<LookupOutcome> LookInBlock(const std::shared_ptr<const View>& view,
                                  const LearnedSegment& segment, std::string_view key,
                                  PinnedValue* value) {
  const SegmentReader& reader = segment.reader();
  SIBYL_ASSIGN_OR_RETURN(const index::BlockPosition position, segment.Locate(reader, key));
  SIBYL_ASSIGN_OR_RETURN(storage::BlockHandle block, reader.file().ReadBlock(position.block));
  const uint16_t fraction = reader.file().RecordFraction(position.block, position.fraction);
  const uint32_t slot = block.view().Find(key, fraction);
  if (slot == block.view().record_count()) return LookupCopy(segment, key, value);
  if (block.view().TypeAt(slot) == RecordType::kTombstone) return LookupOutcome::kTombstone;
  std::string scratch;
  SIBYL_ASSIGN_OR_RETURN(const std::string_view bytes,
                         reader.file().ValueAt(block.view(), slot, &scratch));
  if (bytes.data() == scratch.data() && !scratch.empty()) {
    value->Take(std::move(scratch));
  } else {
    value->Pin(bytes, std::make_shared<HeldBlock>(HeldBlock{view, std::move(block)}));
  }
  return LookupOutcome::kValue;
}

Result<LookupOutcome> LookInSegment(const std::shared_ptr<const View>& view,
                                    const LearnedSegment& segment, std::string_view key,
                                    PinnedValue* value) {
  const SegmentReader& reader = segment.reader();
  const index::BlockPosition position = reader.Predict(key);
  const storage::Segment::InPlace found =
      reader.file().LookupInPlace(key, position.block, position.fraction);
  switch (found.outcome) {
    case LookupOutcome::kValue:
      value->Pin(found.value_view(), view);
      return found.outcome;
    case LookupOutcome::kTombstone:
      return found.outcome;
    case LookupOutcome::kAbsent:
      if (!segment.IsSample(key)) return found.outcome;
      return LookupCopy(segment, key, value);
    case LookupOutcome::kUnknown:
      break;
  }
  return LookInBlock(view, segment, key, value);
}

}  // namespace

Result<bool> GetPinned(const std::shared_ptr<const View>& view, std::string_view internal_key,
                       uint64_t sequence, PinnedValue* value) {
  value->Reset();
  const uint64_t hash = base::Checksum(internal_key);
  const uint64_t deleted_before = NewestDeletion(view->range_deletions, internal_key);
  for (const auto& generation : view->generations) {
    if (generation->empty()) continue;
    if (const auto record = generation->Find(internal_key, hash, sequence)) {
      if (record->sequence < deleted_before) return false;
      if (record->type == RecordType::kValue) value->Copy(record->value);
      return value->found();
    }
  }
  FilterGate& gate = FilterGate::OfThisThread();
  for (const auto& level : view->levels) {
    const View::Candidate candidate =
        view->FindCandidate(level, internal_key, deleted_before, gate);
    if (candidate.segment == nullptr || candidate.Denies(hash)) continue;
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                           LookInSegment(view, *candidate.segment, internal_key, value));
    if (outcome != LookupOutcome::kAbsent) {
      gate.SawPresent();
      return outcome == LookupOutcome::kValue;
    }
  }
  gate.SawAbsent();
  return false;
}

}  // namespace sibyl::engine
