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

constexpr SealedKind kManifest = {"manifest", "SIBYLMAN", 2};

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
}

ManifestSegment DecodeSegment(base::Decoder* decoder) {
  ManifestSegment segment;
  segment.id = decoder->Get64();
  segment.file_bytes = decoder->Get64();
  segment.records = decoder->Get64();
  segment.tombstones = decoder->Get64();
  segment.smallest_key = decoder->GetString();
  segment.largest_key = decoder->GetString();
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
bool DecodeLevels(base::Decoder* decoder, Manifest* manifest) {
  for (uint64_t levels = decoder->GetVarint(); levels > 0 && decoder->ok(); --levels) {
    auto& level = manifest->levels.emplace_back();
    for (uint64_t segments = decoder->GetVarint(); segments > 0 && decoder->ok(); --segments) {
      level.push_back(DecodeSegment(decoder));
    }
  }
  return decoder->ok() && decoder->done();
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
  if (!DecodeLevels(&decoder, &manifest) || runs > manifest.levels.size()) {
    return Damaged("malformed");
  }
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
