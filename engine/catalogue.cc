#include "engine/catalogue.h"

#include <algorithm>

#include "base/coding.h"
#include "base/text.h"
#include "engine/internal_key.h"

namespace sibyl::engine {

std::string CatalogueKey(Tree tree) {
  std::string key;
  base::PutBig32(&key, tree.id);
  return key;
}

Error NoSuchTree(Tree tree) {
  return {ErrorCode::kInvalidArgument, "tree " + std::to_string(tree.id) + " does not exist"};
}

Error TreeNameTaken(std::string_view name) {
  return {ErrorCode::kInvalidArgument, "a tree named " + base::Quoted(name) + " exists already"};
}

Error CannotDropDefaultTree() {
  return {ErrorCode::kInvalidArgument, "the default tree cannot be dropped"};
}

Status CheckTreeName(std::string_view name) {
  if (name.size() <= kMaxTreeNameBytes) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               "tree name " + base::Quoted(name) + " is longer than the limit of " +
                   std::to_string(kMaxTreeNameBytes) + " bytes"};
}

Catalogue::Catalogue() : live_{1} { Add(kDefaultTree, "default"); }

Result<Catalogue> Catalogue::Load(Cursor* cursor) {
  Catalogue catalogue;
  for (cursor->Seek(EncodeInternalKey(kCatalogueTree, {})); cursor->Valid(); cursor->Next()) {
    if (TreeOf(cursor->key()) != kCatalogueTree) break;
    const BatchRecord record{kCatalogueTree, cursor->type(), UserKeyOf(cursor->key()),
                             cursor->value()};
    if (!catalogue.Apply(record)) {
      return Error{ErrorCode::kCorruption, "the catalogue of trees has a malformed record"};
    }
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

bool Catalogue::Apply(const BatchRecord& record) {
  if (record.key.size() != sizeof(uint32_t)) return false;
  const Tree tree{base::LoadBig32(record.key.data())};
  if (tree == kCatalogueTree || tree == kDefaultTree) return false;
  Remove(tree);
  if (record.type == RecordType::kValue) Add(tree, record.value);
  return true;
}

void Catalogue::Add(Tree tree, std::string_view name) {
  const auto at = std::lower_bound(
      trees_.begin(), trees_.end(), tree,
      [](const TreeInfo& info, Tree wanted) { return info.tree < wanted; });
  trees_.insert(at, TreeInfo{tree, std::string(name)});
  if (live_.size() <= tree.id / 64) live_.resize(tree.id / 64 + 1);
  live_[tree.id / 64] |= uint64_t{1} << (tree.id % 64);
}

void Catalogue::Remove(Tree tree) {
  if (!Contains(tree)) return;
  std::erase_if(trees_, [tree](const TreeInfo& info) { return info.tree == tree; });
  live_[tree.id / 64] &= ~(uint64_t{1} << (tree.id % 64));
}

}  // namespace sibyl::engine
