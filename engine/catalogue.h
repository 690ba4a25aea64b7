// The catalogue: which trees a database has.
//
// It is stored as records of tree 0, which users cannot reach: key = tree id (4 bytes, big-endian),
// value = name; and, for a tree whose options are not all default, key = tree id and one byte more,
// value = options. So creating a tree commits, recovers and rolls back like any other write.

#ifndef SIBYL_ENGINE_CATALOGUE_H_
#define SIBYL_ENGINE_CATALOGUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/batch_codec.h"
#include "engine/cursor.h"
#include "sibyl/result.h"
#include "sibyl/tree.h"

namespace sibyl::engine {

inline constexpr Tree kCatalogueTree{0};
inline constexpr size_t kMaxTreeNameBytes = 1024;

// The key of `tree`'s record in the catalogue tree.
std::string CatalogueKey(Tree tree);

// The key of its options there, and their value. Decoding: kNotSupported for options of a newer
// version, kCorruption.
std::string TreeOptionsKey(Tree tree);
std::string EncodeTreeOptions(const TreeOptions& options);
Result<TreeOptions> DecodeTreeOptions(std::string_view bytes);

// Whether trees with these options need rules for their values (tree_rules.h).
inline bool HasRules(const TreeOptions& options) {
  return options.ttl_seconds != 0 || !options.merge_operator.empty();
}

// Whether a record of the catalogue tree with this key names a tree.
inline bool IsTreeNameKey(std::string_view catalogue_key) {
  return catalogue_key.size() == sizeof(uint32_t);
}

// The errors about trees, all kInvalidArgument.
Error NoSuchTree(Tree tree);
Error NoMergeOperator(Tree tree);
Error CannotChangeRules(Tree tree);
Error TreeNameTaken(std::string_view name);
Error CannotDropDefaultTree();
Status CheckTreeName(std::string_view name);

// A value type; thread-safe while nobody changes it.
class Catalogue {
 public:
  // The trees every database has: the catalogue itself and the default tree.
  Catalogue();

  // Reads the records of tree 0 from `cursor`, a view of the whole database. Errors: kCorruption.
  static Result<Catalogue> Load(Cursor* cursor);

  // Whether users may write to `tree`.
  bool IsUserTree(Tree tree) const { return tree != kCatalogueTree && Contains(tree); }

  // Whether records of `tree` are kept by compaction. A few nanoseconds.
  bool Contains(Tree tree) const {
    return tree.id / 64 < live_.size() && (live_[tree.id / 64] >> (tree.id % 64) & 1) != 0;
  }

  // Whether the values of `tree` are more than bytes: HasRules of its options. A few nanoseconds.
  bool HasRules(Tree tree) const {
    return tree.id / 64 < with_rules_.size() &&
           (with_rules_[tree.id / 64] >> (tree.id % 64) & 1) != 0;
  }

  std::optional<Tree> Find(std::string_view name) const;

  // Those of a tree that is not there, and of the catalogue itself, are the default ones.
  const TreeOptions& OptionsOf(Tree tree) const;
  const std::vector<TreeInfo>& trees() const { return trees_; }  // user trees by id
  uint32_t largest_id() const;

  // Applies a record of the catalogue tree. Errors: kCorruption if the record is malformed;
  // kNotSupported for options of a newer version.
  Status Apply(const BatchRecord& record);

 private:
  std::vector<TreeInfo>::const_iterator Position(Tree tree) const;
  void Add(Tree tree, std::string_view name);
  void Remove(Tree tree);
  void SetOptions(Tree tree, TreeOptions options);
  void ClearRules(Tree tree);

  std::vector<TreeInfo> trees_;
  std::vector<uint64_t> live_;        // bit per id, the catalogue's own included
  std::vector<uint64_t> with_rules_;  // bit per id
  TreeOptions default_options_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_CATALOGUE_H_
