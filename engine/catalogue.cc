#include "engine/catalogue.h"

#include <algorithm>
#include <utility>

#include "base/coding.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "engine/internal_key.h"

namespace sibyl::engine {

namespace {

constexpr char kOptionsKeySuffix = 1;
constexpr uint8_t kPlainOptionsVersion = 1;
constexpr uint8_t kTreeOptionsVersion = 2;  // with a time to live and a merge operator

Error MalformedRecord() {
  return {ErrorCode::kCorruption, "the catalogue of trees has a malformed record"};
}

}  // namespace

std::string CatalogueKey(Tree tree) {
  std::string key;
  base::PutBig32(&key, tree.id);
  return key;
}

std::string TreeOptionsKey(Tree tree) { return CatalogueKey(tree) + kOptionsKeySuffix; }

std::string EncodeTreeOptions(const TreeOptions& options) {
  std::string bytes;
  const uint8_t version = HasRules(options) ? kTreeOptionsVersion : kPlainOptionsVersion;
  base::Put8(&bytes, version);
  base::Put8(&bytes, static_cast<uint8_t>(options.compression));
  base::Put8(&bytes, options.packed_keys ? 1 : 0);
  if (version == kPlainOptionsVersion) return bytes;  // which older programs read too
  base::PutVarint(&bytes, options.ttl_seconds);
  base::PutString(&bytes, options.merge_operator);
  return bytes;
}

Result<TreeOptions> DecodeTreeOptions(std::string_view bytes) {
  base::Decoder decoder(bytes);
  const uint8_t version = decoder.Get8();
  if (decoder.ok() && version > kTreeOptionsVersion) {
    return Error{ErrorCode::kNotSupported, "a tree has options of version " +
                                               std::to_string(version) +
                                               ", which is newer than this library"};
  }
  TreeOptions options;
  const uint8_t compression = decoder.Get8();
  const uint8_t packed_keys = decoder.Get8();
  if (version > kPlainOptionsVersion) {
    options.ttl_seconds = decoder.GetVarint();
    options.merge_operator = decoder.GetString();
  }
  if (!decoder.ok() || !decoder.done() || compression > static_cast<uint8_t>(Compression::kZstd) ||
      packed_keys > 1) {
    return MalformedRecord();
  }
  options.compression = static_cast<Compression>(compression);
  options.packed_keys = packed_keys != 0;
  return options;
}

Error NoSuchTree(Tree tree) {
  return {ErrorCode::kInvalidArgument, "tree " + std::to_string(tree.id) + " does not exist"};
}

Error NoMergeOperator(Tree tree) {
  return {ErrorCode::kInvalidArgument,
          "tree " + std::to_string(tree.id) + " was made without a merge operator"};
}

Error CannotChangeRules(Tree tree) {
  return {ErrorCode::kInvalidArgument,
          "the time to live and the merge operator of tree " + std::to_string(tree.id) +
              " are those that it was made with: its values are stored by them"};
}

Error TreeNameTaken(std::string_view name) {
  return {ErrorCode::kInvalidArgument, "a tree named " + base::Quoted(name) + " exists already"};
}

Error CannotDropDefaultTree() {
  return {ErrorCode::kInvalidArgument, "the default tree cannot be dropped"};
}

Status CheckTreeName(std::string_view name) {
  if (name.size() <= kMaxTreeNameBytes) return Ok();
  return Error{ErrorCode::kInvalidArgument, "tree name " + base::Quoted(name) +
                                                " is longer than the limit of " +
                                                std::to_string(kMaxTreeNameBytes) + " bytes"};
}

Catalogue::Catalogue() : live_{1} { Add(kDefaultTree, "default"); }

Result<Catalogue> Catalogue::Load(Cursor* cursor) {
  Catalogue catalogue;
  for (cursor->Seek(EncodeInternalKey(kCatalogueTree, {})); cursor->Valid(); cursor->Next()) {
    if (TreeOf(cursor->key()) != kCatalogueTree) break;
    const BatchRecord record{kCatalogueTree, cursor->type(), UserKeyOf(cursor->key()),
                             cursor->value()};
    SIBYL_RETURN_IF_ERROR(catalogue.Apply(record));
  }
  if (auto status = cursor->status(); !status) return std::move(status).error();
  return catalogue;
}

std::optional<Tree> Catalogue::Find(std::string_view name) const {
  for (const TreeInfo& info : trees_) {
    if (!name.empty() && info.name == name) return info.tree;
  }
  return std::nullopt;
}

uint32_t Catalogue::largest_id() const { return trees_.back().tree.id; }

const TreeOptions& Catalogue::OptionsOf(Tree tree) const {
  const auto at = Position(tree);
  return at != trees_.end() && at->tree == tree ? at->options : default_options_;
}

Status Catalogue::Apply(const BatchRecord& record) {
  if (record.key.size() < sizeof(uint32_t)) return MalformedRecord();
  const Tree tree{base::LoadBig32(record.key.data())};
  if (tree == kCatalogueTree) return MalformedRecord();
  if (IsTreeNameKey(record.key)) {
    if (tree == kDefaultTree) return MalformedRecord();
    Remove(tree);
    if (record.type == RecordType::kValue) Add(tree, record.value);
    return Ok();
  }
  if (record.key != TreeOptionsKey(tree)) return MalformedRecord();
  TreeOptions options;
  if (record.type == RecordType::kValue) {
    SIBYL_ASSIGN_OR_RETURN(options, DecodeTreeOptions(record.value));
  }
  SetOptions(tree, std::move(options));
  return Ok();
}

std::vector<TreeInfo>::const_iterator Catalogue::Position(Tree tree) const {
  return std::lower_bound(trees_.begin(), trees_.end(), tree,
                          [](const TreeInfo& info, Tree wanted) { return info.tree < wanted; });
}

void Catalogue::Add(Tree tree, std::string_view name) {
  trees_.insert(Position(tree), TreeInfo{tree, std::string(name), {}});
  if (live_.size() <= tree.id / 64) live_.resize(tree.id / 64 + 1);
  live_[tree.id / 64] |= uint64_t{1} << (tree.id % 64);
}

void Catalogue::Remove(Tree tree) {
  if (!Contains(tree)) return;
  std::erase_if(trees_, [tree](const TreeInfo& info) { return info.tree == tree; });
  live_[tree.id / 64] &= ~(uint64_t{1} << (tree.id % 64));
  ClearRules(tree);
}

void Catalogue::SetOptions(Tree tree, TreeOptions options) {
  if (!Contains(tree)) return;
  ClearRules(tree);
  if (engine::HasRules(options)) {
    if (with_rules_.size() <= tree.id / 64) with_rules_.resize(tree.id / 64 + 1);
    with_rules_[tree.id / 64] |= uint64_t{1} << (tree.id % 64);
  }
  trees_[static_cast<size_t>(Position(tree) - trees_.begin())].options = std::move(options);
}

void Catalogue::ClearRules(Tree tree) {
  if (HasRules(tree)) with_rules_[tree.id / 64] &= ~(uint64_t{1} << (tree.id % 64));
}

}  // namespace sibyl::engine
