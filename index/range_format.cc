#include "index/range_format.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "base/checksum.h"
#include "base/coding.h"
#include "base/status_macros.h"
#include "index/frame.h"

namespace sibyl::index {
namespace {

constexpr std::string_view kMagic("sibylRIX", 8);
constexpr uint32_t kVersion = 2;
constexpr size_t kChecksumBytes = 8;

Error Corrupt(const std::string& what) { return {ErrorCode::kCorruption, "range index: " + what}; }

struct Header {
  LookupShape shape;
  LogRoot root;
  uint64_t keys = 0;
  uint64_t fingerprint = 0;
  uint64_t lines = 0;
};

void EncodeHeader(const Header& header, std::string* out) {
  out->append(kMagic);
  base::Put32(out, kVersion);
  base::Put8(out, static_cast<uint8_t>(header.shape.kind));
  base::Put8(out, static_cast<uint8_t>(header.shape.last_mile));
  base::Put8(out, header.shape.log_root ? 1 : 0);
  base::Put8(out, static_cast<uint8_t>(std::countr_zero(header.shape.window_keys)));
  base::Put64(out, header.keys);
  base::Put64(out, header.fingerprint);
  base::Put64(out, header.root.smallest_key);
  base::Put32(out, header.root.leading_bits);
  base::Put32(out, header.root.first);
  base::Put32(out, header.root.count);
  base::Put32(out, 0);  // reserved
  base::Put64(out, header.lines);
}

// Version 1 stored a window of 16, 32 or 64 keys, version 2 its logarithm. 0 if malformed.
uint32_t WindowOf(uint32_t version, uint8_t stored) {
  if (version == 1) return stored == 16 || stored == 32 || stored == 64 ? stored : 0;
  return stored >= 4 && stored < 32 ? uint32_t{1} << stored : 0;
}

Result<Header> DecodeHeader(base::Decoder* decoder) {
  if (decoder->GetBytes(kMagic.size()) != kMagic) return Corrupt("bad magic");
  const uint32_t version = decoder->Get32();
  if (version > kVersion) {
    return Error{ErrorCode::kNotSupported,
                 "range index: version " + std::to_string(version) + " is newer than this build"};
  }
  Header header;
  header.shape.kind = static_cast<RangeIndexKind>(decoder->Get8());
  header.shape.last_mile = static_cast<LastMile>(decoder->Get8());
  const uint8_t log_root = decoder->Get8();
  header.shape.log_root = log_root == 1;
  header.shape.window_keys = WindowOf(version, decoder->Get8());
  header.keys = decoder->Get64();
  header.fingerprint = decoder->Get64();
  header.root.smallest_key = decoder->Get64();
  header.root.leading_bits = decoder->Get32();
  header.root.first = decoder->Get32();
  header.root.count = decoder->Get32();
  const uint32_t reserved = decoder->Get32();
  header.lines = decoder->Get64();
  const uint32_t window = header.shape.window_keys;
  const bool learned = header.shape.kind == RangeIndexKind::kRecursive ||
                       header.shape.kind == RangeIndexKind::kPieces;
  if (!decoder->ok() || version == 0 || reserved != 0 || log_root > 1 ||
      (!learned && header.shape.kind != RangeIndexKind::kStaticBTree) ||
      header.shape.last_mile > LastMile::kBranchy || window == 0 ||
      (learned ? header.lines == 0 || header.keys <= window : header.lines != 0)) {
    return Corrupt("malformed header");
  }
  return header;
}

Status CheckPieces(std::span<const RankLine> lines, KeyRange queries) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const uint64_t first = i == 0 ? queries.first : lines[i].x0;
    const uint64_t last = i + 1 == lines.size() ? queries.last : lines[i + 1].x0;
    if (last < first || !IsLeaf(lines[i]) || !IsMonotoneOver(lines[i], {first, last})) {
      return Corrupt("malformed piece " + std::to_string(i));
    }
  }
  return Ok();
}

Status CheckRecursive(std::span<const RankLine> lines, const std::optional<LogRoot>& root,
                      KeyRange queries) {
  const bool root_fits =
      !root || (root->smallest_key == queries.first && root->leading_bits >= 1 &&
                root->leading_bits <= 16 && root->count >= 1 &&
                uint64_t{root->first} + root->count <= uint64_t{64} << root->leading_bits);
  if (!root_fits || !VisitLeaves(lines, root, queries, [](KeyRange) {})) {
    return Corrupt("its records do not form a tree");
  }
  return Ok();
}

Result<std::vector<RankLine>> DecodeLines(base::Decoder* decoder, uint64_t count) {
  if (count != decoder->remaining_bytes() / sizeof(RankLine) ||
      decoder->remaining_bytes() % sizeof(RankLine) != 0) {
    return Corrupt("its length does not match its header");
  }
  std::vector<RankLine> lines(count);
  for (RankLine& line : lines) {
    line.x0 = decoder->Get64();
    line.base = decoder->Get32();
    line.slope = SlopeFromPortable(decoder->Get32());
  }
  return lines;
}

}  // namespace

std::vector<RankLine> LinesOf(const RangeParts& parts) {
  if (parts.shape.kind == RangeIndexKind::kRecursive) {
    return {parts.lines.span().begin(), parts.lines.span().end()};
  }
  std::vector<RankLine> lines;
  for (const PieceBlock& block : parts.blocks.span()) {
    for (size_t i = 0; i < kPiecesPerBlock; ++i) {
      if (block.line[i] == 0) break;  // unused: every line in use has its leaf bit set
      lines.push_back({block.first_key[i], static_cast<uint32_t>(block.line[i]),
                       static_cast<uint32_t>(block.line[i] >> 32)});
    }
  }
  return lines;
}

void EncodeRangeParts(const RangeParts& parts, std::span<const uint64_t> keys, std::string* out) {
  const size_t start = out->size();
  const std::vector<RankLine> lines = LinesOf(parts);
  EncodeHeader({parts.shape, parts.lookup.root, keys.size(), FingerprintOf(keys), lines.size()},
               out);
  for (const RankLine& line : lines) {
    base::Put64(out, line.x0);
    base::Put32(out, line.base);
    base::Put32(out, PortableSlope(line));
  }
  base::Put64(out, base::Checksum(std::string_view(*out).substr(start)));
}

Result<std::unique_ptr<RangeParts>> DecodeRangeParts(std::string_view bytes,
                                                     std::span<const uint64_t> keys) {
  if (bytes.size() < kChecksumBytes) return Corrupt("truncated");
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  base::Decoder decoder(body);
  // The header first: a newer version may have its checksum elsewhere.
  SIBYL_ASSIGN_OR_RETURN(const Header header, DecodeHeader(&decoder));
  if (base::Checksum(body) != base::Load64(bytes.data() + body.size())) {
    return Corrupt("checksum mismatch");
  }
  SIBYL_ASSIGN_OR_RETURN(const std::vector<RankLine> lines, DecodeLines(&decoder, header.lines));
  if (header.keys != keys.size() || header.fingerprint != FingerprintOf(keys)) {
    return BuiltOverAnotherArray("range index", header.keys, keys.size());
  }
  switch (header.shape.kind) {
    case RangeIndexKind::kRecursive: {
      const auto root = header.shape.log_root ? std::optional(header.root) : std::nullopt;
      SIBYL_RETURN_IF_ERROR(CheckRecursive(lines, root, QueriesOf(keys)));
      return MakeRecursive(keys, header.shape, lines, root);
    }
    case RangeIndexKind::kPieces:
      SIBYL_RETURN_IF_ERROR(CheckPieces(lines, QueriesOf(keys)));
      return MakePieces(keys, header.shape, lines);
    default:
      return MakeStaticBTree(keys, header.shape);
  }
}

}  // namespace sibyl::index
