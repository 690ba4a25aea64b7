#include "engine/ruled_stream.h"

#include <utility>

#include "engine/internal_key.h"

namespace sibyl::engine {

RuledStream::RuledStream(MergeStream stream, RulesOf rules_of, MayBeOlder may_be_older,
                         uint64_t now_seconds)
    : stream_(std::move(stream)),
      rules_of_(std::move(rules_of)),
      may_be_older_(std::move(may_be_older)),
      now_seconds_(now_seconds) {
  Settle();
}

void RuledStream::Next() {
  const bool at_next = changed_ && passed_;
  changed_ = false;
  if (!at_next) stream_.Next();
  Settle();
}

// Makes of the stream's record what the rules of its tree say.
void RuledStream::Settle() {
  if (!stream_.Valid()) return;
  const Tree tree = TreeOf(stream_.key());
  if (tree != tree_) {
    tree_ = tree;
    rules_ = rules_of_(tree);
  }
  if (rules_.plain() || stream_.type() == RecordType::kTombstone) return;
  const std::string_view value = stream_.value();
  if (!stream_.Valid()) return;
  if (rules_.IsExpired(value, now_seconds_)) {
    key_.assign(stream_.key());
    value_.clear();
    type_ = RecordType::kTombstone;
    changed_ = true;
    passed_ = false;
  } else if (rules_.IsOperand(value)) {
    Fold();
  }
}

// The stream is at an operand: takes all older records of its key up to one that is none.
void RuledStream::Fold() {
  key_.assign(stream_.key());
  value_.assign(stream_.value());
  type_ = RecordType::kValue;
  changed_ = true;
  do {
    passed_ = !stream_.NextOlder();
    if (passed_) break;
    if (stream_.type() == RecordType::kTombstone) {
      value_ = rules_.FoldAfter(nullptr, value_);
      break;
    }
    const std::string_view older = stream_.value();
    if (!stream_.Valid()) break;  // an out-of-line value could not be read
    value_ = rules_.FoldAfter(&older, value_);
  } while (rules_.IsOperand(value_));
  failed_ = !stream_.status();
  if (rules_.IsOperand(value_) && !may_be_older_(key_)) value_ = rules_.FoldAfter(nullptr, value_);
}

}  // namespace sibyl::engine
