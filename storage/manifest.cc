#include "storage/manifest.h"

#include <cinttypes>
#include <cstdio>
#include <set>

#include "base/coding.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "storage/sealed_record.h"

namespace sibyl::storage {
namespace {

constexpr SealedKind kManifest = {"manifest", "SIBYLMAN", 3};

Error Damaged(std::string what) {
  return Error{ErrorCode::kCorruption, "manifest: " + std::move(what)};
}

void EncodeSegment(const ManifestSegment& segment, std::string* out) {
  base::Put64(out, segment.id);
  base::Put64(out, segment.file_bytes);
  base::Put64(out, segment.records);
  base::Put64(out, segment.tombstones);
  base::PutString(out, segment.smallest_key);
  base::PutString(out, segment.largest_key);
  base::PutVarint(out, segment.settled_sequence);
}

ManifestSegment DecodeSegment(uint32_t version, base::Decoder* decoder) {
  ManifestSegment segment;
  segment.id = decoder->Get64();
  segment.file_bytes = decoder->Get64();
  segment.records = decoder->Get64();
  segment.tombstones = decoder->Get64();
  segment.smallest_key = decoder->GetString();
  segment.largest_key = decoder->GetString();
  if (version >= 3) segment.settled_sequence = decoder->GetVarint();
  return segment;
}

Status CheckSegments(const Manifest& manifest) {
  std::set<uint64_t> ids;
  for (const auto& level : manifest.levels) {
    const ManifestSegment* previous = nullptr;
    for (const ManifestSegment& segment : level) {
      const std::string name = "segment " + std::to_string(segment.id);
      if (segment.id == 0 || segment.id >= manifest.next_segment_id) {
        return Damaged(name + " was never given out");
      }
      if (!ids.insert(segment.id).second) return Damaged(name + " is named twice");
      if (segment.smallest_key > segment.largest_key || segment.tombstones > segment.records) {
        return Damaged(name + " has impossible keys or counts");
      }
      if (previous != nullptr && segment.smallest_key <= previous->largest_key) {
        return Damaged(name + " overlaps segment " + std::to_string(previous->id) + " at key " +
                       base::Quoted(segment.smallest_key));
      }
      previous = &segment;
    }
  }
  return Ok();
}

// Levels count up to what the bytes left could hold: a hostile count allocates nothing.
bool DecodeLevels(uint32_t version, base::Decoder* decoder, Manifest* manifest) {
  for (uint64_t levels = decoder->GetVarint(); levels > 0 && decoder->ok(); --levels) {
    auto& level = manifest->levels.emplace_back();
    for (uint64_t segments = decoder->GetVarint(); segments > 0 && decoder->ok(); --segments) {
      level.push_back(DecodeSegment(version, decoder));
    }
  }
  return decoder->ok();
}

bool DecodeDeletions(base::Decoder* decoder, Manifest* manifest) {
  uint64_t last_sequence = 0;
  for (uint64_t left = decoder->GetVarint(); left > 0 && decoder->ok(); --left) {
    ManifestDeletion& deletion = manifest->deletions.emplace_back();
    deletion.begin = decoder->GetString();
    deletion.end = decoder->GetString();
    deletion.sequence = decoder->GetVarint();
    const bool is_tree_key = deletion.begin.size() >= sizeof(uint32_t);  // its id stands first
    if (!is_tree_key || deletion.begin >= deletion.end) return false;
    if (deletion.sequence == 0 || deletion.sequence < last_sequence) return false;
    last_sequence = deletion.sequence;
  }
  return decoder->ok() && last_sequence <= manifest->last_sequence;
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  std::string bytes = BeginSealed(kManifest);
  base::Put64(&bytes, manifest.database_id);
  base::Put64(&bytes, manifest.next_segment_id);
  base::Put64(&bytes, manifest.generation_floor);
  base::Put64(&bytes, manifest.last_sequence);
  base::Put32(&bytes, manifest.next_tree_id);
  base::PutVarint(&bytes, manifest.runs);
  base::PutVarint(&bytes, manifest.levels.size());
  for (const auto& level : manifest.levels) {
    base::PutVarint(&bytes, level.size());
    for (const ManifestSegment& segment : level) EncodeSegment(segment, &bytes);
  }
  base::PutVarint(&bytes, manifest.deletions.size());
  for (const ManifestDeletion& deletion : manifest.deletions) {
    base::PutString(&bytes, deletion.begin);
    base::PutString(&bytes, deletion.end);
    base::PutVarint(&bytes, deletion.sequence);
  }
  Seal(&bytes);
  return bytes;
}

Result<Manifest> DecodeManifest(std::string_view bytes) {
  SIBYL_ASSIGN_OR_RETURN(Unsealed record, Unseal(kManifest, bytes));
  base::Decoder& decoder = record.content;
  Manifest manifest;
  manifest.database_id = decoder.Get64();
  manifest.next_segment_id = decoder.Get64();
  manifest.generation_floor = decoder.Get64();
  manifest.last_sequence = decoder.Get64();
  manifest.next_tree_id = decoder.Get32();
  const uint64_t runs = record.version >= 2 ? decoder.GetVarint() : 0;
  if (!DecodeLevels(record.version, &decoder, &manifest) || runs > manifest.levels.size()) {
    return Damaged("malformed");
  }
  if (record.version >= 3 && !DecodeDeletions(&decoder, &manifest)) return Damaged("malformed");
  if (!decoder.done()) return Damaged("malformed");
  manifest.runs = static_cast<uint32_t>(runs);
  if (const Status checked_segments = CheckSegments(manifest); !checked_segments) {
    return checked_segments.error();
  }
  return manifest;
}

std::string SegmentFileName(uint64_t id) {
  char name[32];
  std::snprintf(name, sizeof(name), "%016" PRIu64 ".segment", id);
  return name;
}

}  // namespace sibyl::storage
