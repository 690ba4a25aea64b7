#include "index/range_parts.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "index/piece_tree.h"

namespace sibyl::index {
namespace {

// A learned index of more than 2 bytes per key is four times the static B-tree and cannot win.
constexpr uint64_t kMaxBytesPerKey = 2;
constexpr size_t kMinLines = 256;

size_t MaxLines(std::span<const uint64_t> keys) {
  return kMinLines + keys.size() * kMaxBytesPerKey / sizeof(RankLine);
}

// Points the lookup at the array, or at a padded copy if it is shorter than a window that is
// compared whole.
std::unique_ptr<RangeParts> StartParts(std::span<const uint64_t> keys, const LookupShape& shape) {
  auto parts = std::make_unique<RangeParts>();
  parts->shape = shape;
  parts->functions = SelectLookup(shape);
  parts->lookup.keys = keys.data();
  parts->lookup.window = std::min<uint64_t>(shape.window_keys, keys.size());
  if (keys.size() > shape.window_keys) {
    parts->lookup.last_start = keys.size() - shape.window_keys;
  } else if (shape.window_keys <= kMaxSimdWindow) {
    parts->padded_keys = Table<uint64_t>(shape.window_keys);
    uint64_t* end = std::copy(keys.begin(), keys.end(), parts->padded_keys.data());
    std::fill(end, parts->padded_keys.data() + shape.window_keys,
              std::numeric_limits<uint64_t>::max());
    parts->lookup.keys = parts->padded_keys.data();
    parts->lookup.window = shape.window_keys;
  }
  if (!keys.empty()) parts->lookup.queries = QueriesOf(keys);
  return parts;
}

// A linear root that is no leaf and rises by less than a child from key to key is evaluated as one
// multiplication. Lookups begin with any other root itself.
void ReadyLinearRoot(Lookup* lookup) {
  const RankLine& root = lookup->lines[0];
  lookup->first_records = lookup->lines;
  if (IsLeaf(root) || root.x0 != lookup->queries.first || Shift(root) + kMantissaBits > 64) return;
  lookup->first_records += root.base;
  lookup->first_rise = uint64_t{Mantissa(root)} << Shift(root);
}

void ReadyLogRoot(const LogRoot& root, Lookup* lookup) {
  constexpr uint32_t kFractionBits = std::numeric_limits<double>::digits - 1;
  constexpr uint64_t kExponentBias = std::numeric_limits<double>::max_exponent - 1;
  lookup->root = root;
  lookup->first_records = lookup->lines;
  lookup->double_shift = kFractionBits - root.leading_bits;
  lookup->first_bias = (kExponentBias << root.leading_bits) + root.first;
  lookup->last_child = uint64_t{root.count} - 1;
}

}  // namespace

std::unique_ptr<RangeParts> MakeStaticBTree(std::span<const uint64_t> keys, LookupShape shape) {
  shape.kind = RangeIndexKind::kStaticBTree;
  shape.log_root = false;
  auto parts = StartParts(keys, shape);
  const uint64_t windows = (keys.size() + shape.window_keys - 1) / shape.window_keys;
  // The last key before a window: no key of the window can be the answer unless the query is
  // larger.
  parts->tree =
      StaticBTree(windows, [&](uint64_t window) { return keys[window * shape.window_keys - 1]; });
  parts->lookup.tree = parts->tree.view();
  return parts;
}

std::unique_ptr<RangeParts> MakeRecursive(std::span<const uint64_t> keys, LookupShape shape,
                                          std::span<const RankLine> lines,
                                          const std::optional<LogRoot>& root) {
  shape.kind = RangeIndexKind::kRecursive;
  shape.log_root = root.has_value();
  auto parts = StartParts(keys, shape);
  parts->lines = Table<RankLine>(lines);
  parts->lookup.lines = parts->lines.data();
  if (root) {
    ReadyLogRoot(*root, &parts->lookup);
  } else {
    ReadyLinearRoot(&parts->lookup);
  }
  return parts;
}

std::unique_ptr<RangeParts> MakePieces(std::span<const uint64_t> keys, LookupShape shape,
                                       std::span<const RankLine> lines) {
  shape.kind = RangeIndexKind::kPieces;
  shape.log_root = false;
  auto parts = StartParts(keys, shape);
  parts->blocks = Table<PieceBlock>(PackPieces(lines));
  const Table<PieceBlock>& blocks = parts->blocks;
  parts->tree =
      StaticBTree(blocks.size(), [&](uint64_t block) { return blocks[block].first_key[0]; });
  parts->lookup.blocks = blocks.data();
  parts->lookup.tree = parts->tree.view();
  return parts;
}

std::unique_ptr<RangeParts> Learn(std::span<const uint64_t> keys, LookupShape shape,
                                  size_t max_lines) {
  max_lines = std::min(max_lines, MaxLines(keys));
  if (shape.kind == RangeIndexKind::kPieces) {
    const auto lines = BuildPieces(keys, shape.window_keys, max_lines);
    return lines ? MakePieces(keys, shape, *lines) : nullptr;
  }
  const RootChoice root = shape.log_root ? RootChoice::kLogarithmic : RootChoice::kLinear;
  const auto array = BuildRecursiveArray(keys, shape.window_keys, root, max_lines);
  return array ? MakeRecursive(keys, shape, array->lines, array->root) : nullptr;
}

std::string NameOf(const LookupShape& shape) {
  const std::string last_mile = shape.last_mile == LastMile::kBranchy ? ", branchy" : "";
  const std::string window = ", window " + std::to_string(shape.window_keys) + last_mile;
  switch (shape.kind) {
    case RangeIndexKind::kRecursive:
      return "recursive" + window + (shape.log_root ? ", log-linear root" : ", linear root");
    case RangeIndexKind::kPieces:
      return "pieces" + window;
    default:
      return "static B-tree" + window;
  }
}

}  // namespace sibyl::index
