// What trees with options (sibyl/tree.h, TreeOptions) make of their records.
//
// Their values are stored in a wrapping, and only there. With a merge operator: a byte, 0 before a
// value, 1 before an operand that older records of the key still have to be merged with. With a
// time to live: the second of the write, u64, before the value. Everything below reading and
// writing of values treats them as bytes, but for two places where records of one key meet: a
// generation, or a transaction, folds an operand into what it has of the key already, and a merge
// of segments folds the records that it passes (RuledStream). So each source has one record of a
// key, as for other trees.

#ifndef SIBYL_ENGINE_TREE_RULES_H_
#define SIBYL_ENGINE_TREE_RULES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/catalogue.h"
#include "engine/cursor.h"
#include "engine/generation.h"
#include "sibyl/iterator.h"
#include "sibyl/key_range.h"
#include "sibyl/merge_operator.h"
#include "sibyl/options.h"
#include "sibyl/result.h"
#include "sibyl/value.h"

namespace sibyl::engine {

// The operators that a database knows. Immutable.
class MergeOperators {
 public:
  explicit MergeOperators(const Options& options);

  // Null: unknown.
  const MergeOperator* Find(std::string_view name) const;

  // Errors: kInvalidArgument naming a tree of `catalogue`, any or this one, and its operator, which
  // is not known.
  Status CheckAllKnown(const Catalogue& catalogue) const;
  Status Check(Tree tree, const Catalogue& catalogue) const;

  // kInvalidArgument for options that no tree can have.
  Status Check(const TreeOptions& options) const;

 private:
  std::vector<std::shared_ptr<const MergeOperator>> operators_;
};

// The rules of one tree. A value type.
class TreeRules {
 public:
  // Those of `tree`: of a tree without options, or that `catalogue` does not have, plain.
  static TreeRules Of(const Catalogue& catalogue, const MergeOperators& operators, Tree tree);

  bool plain() const { return merge_ == nullptr && ttl_seconds_ == 0; }
  bool merges() const { return merge_ != nullptr; }
  bool expires() const { return ttl_seconds_ != 0; }

  // `value` as it is stored.
  std::string Wrap(std::string_view value, uint64_t now_seconds) const;

  // Precondition: merges().
  std::string WrapOperand(std::string_view operand) const;

  // Whether `stored` is an operand, of a tree that merges.
  bool IsOperand(std::string_view stored) const {
    return merge_ != nullptr && !stored.empty() && stored.front() == kOperand;
  }

  // `newer`, a stored operand, after what came before it; null: a deletion, or nothing ever.
  std::string FoldAfter(const std::string_view* older, std::string_view newer) const;

  // Whether `stored` is a value that is not there any more.
  bool IsExpired(std::string_view stored, uint64_t now_seconds) const;

  // The bytes that users see. Precondition: not an operand. Bytes of another wrapping are empty.
  std::string_view Unwrap(std::string_view stored) const;

  // Makes of `value`, what is stored as the newest record of a key, what users see. False, and left
  // as it was: it is an operand, and older records count.
  bool ShowNewest(uint64_t now_seconds, Value* value) const;

 private:
  static constexpr char kWhole = 0;
  static constexpr char kOperand = 1;

  const MergeOperator* merge_ = nullptr;
  uint64_t ttl_seconds_ = 0;
};

// Adds a record as the log has it, an operand folded into what the generation has of its key; of
// that, what is below `deleted_before` is gone.
void AddByRules(const TreeRules& rules, std::string_view internal_key, uint64_t sequence,
                uint64_t deleted_before, RecordType type, std::string_view stored,
                Generation* generation);

// Calls its argument with the records of one key, newest source first, until that returns false.
using RecordVisitor = std::function<bool(RecordType, std::string_view stored)>;
using RecordWalk = std::function<Status(const RecordVisitor&)>;

// What a user reads where `walk` leads: fills `value` and returns whether there is one.
// Errors: those of `walk`.
Result<bool> ReadByRules(const TreeRules& rules, uint64_t now_seconds, const RecordWalk& walk,
                         Value* value);

// `stored`, an iterator over what is stored in a tree with these rules, as users see it. `read`
// reads the value of a key in the same state.
using KeyReader = std::function<Result<bool>(std::string_view user_key, Value* value)>;
std::unique_ptr<Iterator> NewRuledIterator(std::unique_ptr<Iterator> stored, const TreeRules& rules,
                                           uint64_t now_seconds, KeyReader read);

// How many records `iterator` shows, and the one after `rank` others: only the records themselves
// know whether they have expired. Errors: the iterator's.
Result<uint64_t> CountOneByOne(Iterator* iterator);
Result<std::optional<OwnedRecord>> AtOneByOne(Iterator* iterator, uint64_t rank);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_TREE_RULES_H_
