// RuledStream: a merge of sources in which trees with options keep to their rules: operands are
// folded into one record per key, and what has expired becomes a deletion.

#ifndef SIBYL_ENGINE_RULED_STREAM_H_
#define SIBYL_ENGINE_RULED_STREAM_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/merge_stream.h"
#include "engine/tree_rules.h"

namespace sibyl::engine {

// As MergeStream, which it reads to its end. One thread at a time.
class RuledStream {
 public:
  using RulesOf = std::function<TreeRules(Tree)>;
  using MayBeOlder = std::function<bool(std::string_view internal_key)>;

  // `may_be_older` says whether sources outside this merge may have an older record of a key: where
  // there is none, operands become values.
  RuledStream(MergeStream stream, RulesOf rules_of, MayBeOlder may_be_older, uint64_t now_seconds);

  bool Valid() const { return changed_ ? !failed_ : stream_.Valid(); }

  // Precondition of the next four: Valid().
  void Next();
  std::string_view key() const { return changed_ ? std::string_view(key_) : stream_.key(); }
  RecordType type() const { return changed_ ? type_ : stream_.type(); }
  std::string_view value() { return changed_ ? std::string_view(value_) : stream_.value(); }

  Status status() const { return stream_.status(); }

 private:
  void Settle();
  void Fold();

  MergeStream stream_;
  const RulesOf rules_of_;
  const MayBeOlder may_be_older_;
  const uint64_t now_seconds_;
  Tree tree_ = kCatalogueTree;  // that rules_ are of
  TreeRules rules_;

  bool changed_ = false;  // what is shown is here, not in the stream
  bool passed_ = false;   // and the stream is at the next key already
  bool failed_ = false;
  std::string key_;
  std::string value_;
  RecordType type_ = RecordType::kValue;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_RULED_STREAM_H_
