// The manifest: which segments make up the database, and what of the log is still needed.

#ifndef SIBYL_STORAGE_MANIFEST_H_
#define SIBYL_STORAGE_MANIFEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::storage {

// One segment as the manifest knows it. File name: SegmentFileName(id).
struct ManifestSegment {
  uint64_t id = 0;
  uint64_t file_bytes = 0;
  uint64_t records = 0;
  uint64_t tombstones = 0;
  std::string smallest_key;
  std::string largest_key;
  uint64_t settled_sequence = 0;  // range deletions up to here do not concern it: since version 3
  friend bool operator==(const ManifestSegment&, const ManifestSegment&) = default;
};

// A range deletion that hides records of segments: internal keys begin <= key < end, in all
// segments that are not settled up to its sequence.
struct ManifestDeletion {
  std::string begin;
  std::string end;
  uint64_t sequence = 0;
  friend bool operator==(const ManifestDeletion&, const ManifestDeletion&) = default;
};

struct Manifest {
  uint64_t database_id = 0;       // random, drawn at creation
  uint64_t next_segment_id = 1;   // ids are never reused
  uint64_t generation_floor = 1;  // generations below are in segments
  uint64_t last_sequence = 0;     // of what is in segments
  uint32_t next_tree_id = 2;      // ids below were given out
  uint32_t runs = 0;              // how many of the first levels are runs: since version 2
  std::vector<std::vector<ManifestSegment>> levels;  // newest first; segments in key order
  std::vector<ManifestDeletion> deletions;           // oldest first: since version 3
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

// Versioned, checksummed, little-endian: docs/file-format.md, "Manifest".
std::string EncodeManifest(const Manifest& manifest);

// Errors: kCorruption for anything EncodeManifest could not have written (overlapping segments
// within a level, a repeated or future id, trailing bytes included); kNotSupported for a newer
// version.
Result<Manifest> DecodeManifest(std::string_view bytes);

// "0000000000000001.segment" for id 1.
std::string SegmentFileName(uint64_t id);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_MANIFEST_H_
