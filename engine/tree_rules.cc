#include "engine/tree_rules.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "base/status_macros.h"
#include "base/text.h"

namespace sibyl::engine {

namespace {

constexpr size_t kTimeBytes = sizeof(uint64_t);

class AddOperator final : public MergeOperator {
 public:
  std::string_view name() const override { return "uint64_add"; }
  std::string Merge(std::string_view older, std::string_view newer) const override {
    std::string sum;
    base::Put64(&sum, Number(older) + Number(newer));
    return sum;
  }

 private:
  static uint64_t Number(std::string_view bytes) {
    char padded[sizeof(uint64_t)] = {};
    bytes.copy(padded, sizeof(padded));
    return base::Load64(padded);
  }
};

class AppendOperator final : public MergeOperator {
 public:
  std::string_view name() const override { return "append"; }
  std::string Merge(std::string_view older, std::string_view newer) const override {
    return std::string(older).append(newer);
  }
};

class MaxOperator final : public MergeOperator {
 public:
  std::string_view name() const override { return "max"; }
  std::string Merge(std::string_view older, std::string_view newer) const override {
    return std::string(std::max(older, newer));
  }
};

// What an operand, or several, make of `older`.
std::string MergeWithinLimit(const MergeOperator& merge, std::string_view older,
                             std::string_view newer) {
  std::string merged = merge.Merge(older, newer);
  return merged.size() <= kMaxMergedBytes ? merged : std::string(older);
}

class RuledIterator final : public Iterator {
 public:
  RuledIterator(std::unique_ptr<Iterator> stored, const TreeRules& rules, uint64_t now_seconds,
                KeyReader read)
      : stored_(std::move(stored)),
        rules_(rules),
        now_seconds_(now_seconds),
        read_(std::move(read)) {}

  bool Valid() const override { return status_ && stored_->Valid(); }
  void SeekToFirst() override {
    Begin();
    stored_->SeekToFirst();
    Settle(&Iterator::Next);
  }
  void SeekToLast() override {
    Begin();
    stored_->SeekToLast();
    Settle(&Iterator::Prev);
  }
  void Seek(std::string_view target) override {
    Begin();
    stored_->Seek(target);
    Settle(&Iterator::Next);
  }
  void SeekForPrev(std::string_view target) override {
    Begin();
    stored_->SeekForPrev(target);
    Settle(&Iterator::Prev);
  }
  void Next() override {
    stored_->Next();
    Settle(&Iterator::Next);
  }
  void Prev() override {
    stored_->Prev();
    Settle(&Iterator::Prev);
  }
  std::string_view key() const override { return stored_->key(); }
  std::string_view value() const override {
    return merged_.found() ? merged_.view() : rules_.Unwrap(stored_->value());
  }
  Status status() const override { return status_ ? stored_->status() : status_; }

 private:
  void Begin() { status_ = Ok(); }

  // Goes on to what users see, and merges its value if it has to be.
  void Settle(void (Iterator::*move)()) {
    merged_.Clear();
    for (; stored_->Valid(); (*stored_.*move)()) {
      const std::string_view value = stored_->value();
      if (!stored_->Valid()) return;  // an out-of-line value could not be read
      if (rules_.IsExpired(value, now_seconds_)) continue;
      if (!rules_.IsOperand(value)) return;
      const auto found = read_(stored_->key(), &merged_);
      if (!found) status_ = found.error();
      if (!found || *found) return;
    }
  }

  const std::unique_ptr<Iterator> stored_;
  const TreeRules rules_;
  const uint64_t now_seconds_;
  const KeyReader read_;
  Value merged_;  // found: it is what is shown
  Status status_ = Ok();
};

}  // namespace

MergeOperators::MergeOperators(const Options& options) : operators_(options.merge_operators) {
  operators_.insert(operators_.begin(),
                    {std::make_shared<AddOperator>(), std::make_shared<AppendOperator>(),
                     std::make_shared<MaxOperator>()});
}

const MergeOperator* MergeOperators::Find(std::string_view name) const {
  for (const auto& known : operators_) {
    if (known->name() == name) return known.get();
  }
  return nullptr;
}

Status MergeOperators::Check(const TreeOptions& options) const {
  if (options.merge_operator.empty()) return Ok();
  if (options.ttl_seconds != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "a tree has a time to live or a merge operator, not both"};
  }
  if (Find(options.merge_operator) != nullptr) return Ok();
  return Error{ErrorCode::kInvalidArgument, "merge operator " +
                                                base::Quoted(options.merge_operator) +
                                                " is not among Options::merge_operators"};
}

Status MergeOperators::Check(Tree tree, const Catalogue& catalogue) const {
  const Status known = Check(catalogue.OptionsOf(tree));
  if (known) return Ok();
  return Error{known.error().code,
               "tree " + std::to_string(tree.id) + ": " + known.error().message};
}

Status MergeOperators::CheckAllKnown(const Catalogue& catalogue) const {
  for (const TreeInfo& info : catalogue.trees()) {
    SIBYL_RETURN_IF_ERROR(Check(info.tree, catalogue));
  }
  return Ok();
}

TreeRules TreeRules::Of(const Catalogue& catalogue, const MergeOperators& operators, Tree tree) {
  TreeRules rules;
  if (!catalogue.HasRules(tree)) return rules;
  const TreeOptions& options = catalogue.OptionsOf(tree);
  rules.ttl_seconds_ = options.ttl_seconds;
  if (options.merge_operator.empty()) return rules;
  rules.merge_ = operators.Find(options.merge_operator);
  SIBYL_CHECK(rules.merge_ != nullptr);  // checked when the tree was made, and at opening
  return rules;
}

std::string TreeRules::Wrap(std::string_view value, uint64_t now_seconds) const {
  std::string stored;
  if (merges()) stored.push_back(kWhole);
  if (expires()) base::Put64(&stored, now_seconds);
  return stored.append(value);
}

std::string TreeRules::WrapOperand(std::string_view operand) const {
  return std::string(1, kOperand).append(operand);
}

std::string TreeRules::FoldAfter(const std::string_view* older, std::string_view newer) const {
  std::string folded(newer);
  folded.front() = kWhole;
  if (older == nullptr || older->empty()) return folded;
  folded.assign(1, older->front());
  return folded.append(MergeWithinLimit(*merge_, older->substr(1), newer.substr(1)));
}

bool TreeRules::IsExpired(std::string_view stored, uint64_t now_seconds) const {
  if (!expires() || stored.size() < kTimeBytes) return false;
  const uint64_t written = base::Load64(stored.data());
  return now_seconds >= written && now_seconds - written >= ttl_seconds_;
}

std::string_view TreeRules::Unwrap(std::string_view stored) const {
  const size_t wrapping_bytes = (merges() ? 1 : 0) + (expires() ? kTimeBytes : 0);
  return stored.substr(std::min(wrapping_bytes, stored.size()));
}

void AddByRules(const TreeRules& rules, std::string_view internal_key, uint64_t sequence,
                uint64_t deleted_before, RecordType type, std::string_view stored,
                Generation* generation) {
  if (type == RecordType::kValue && rules.IsOperand(stored)) {
    if (const auto older = generation->Find(internal_key, UINT64_MAX)) {
      const std::string_view* const value =
          older->type == RecordType::kValue && older->sequence >= deleted_before ? &older->value
                                                                                 : nullptr;
      return generation->Add(internal_key, sequence, type, rules.FoldAfter(value, stored));
    }
  }
  generation->Add(internal_key, sequence, type, stored);
}

bool TreeRules::ShowNewest(uint64_t now_seconds, Value* value) const {
  if (!value->found()) return true;
  const std::string_view stored = value->view();
  if (IsOperand(stored)) return false;
  if (IsExpired(stored, now_seconds)) {
    value->Clear();
  } else {
    value->Assign(Unwrap(stored));
  }
  return true;
}

Result<bool> ReadByRules(const TreeRules& rules, uint64_t now_seconds, const RecordWalk& walk,
                         Value* value) {
  value->Clear();
  std::string folded;  // of the operands so far
  SIBYL_RETURN_IF_ERROR(walk([&](RecordType type, std::string_view stored) {
    if (type == RecordType::kTombstone || rules.IsExpired(stored, now_seconds)) return false;
    if (!folded.empty()) {
      folded = rules.FoldAfter(&stored, folded);
    } else if (rules.IsOperand(stored)) {
      folded = stored;
    } else {
      value->Assign(rules.Unwrap(stored));
    }
    return rules.IsOperand(stored);
  }));
  if (!folded.empty()) value->Assign(rules.Unwrap(folded));
  return value->found();
}

std::unique_ptr<Iterator> NewRuledIterator(std::unique_ptr<Iterator> stored, const TreeRules& rules,
                                           uint64_t now_seconds, KeyReader read) {
  return std::make_unique<RuledIterator>(std::move(stored), rules, now_seconds, std::move(read));
}

Result<uint64_t> CountOneByOne(Iterator* iterator) {
  uint64_t count = 0;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++count;
  SIBYL_RETURN_IF_ERROR(iterator->status());
  return count;
}

Result<std::optional<OwnedRecord>> AtOneByOne(Iterator* iterator, uint64_t rank) {
  iterator->SeekToFirst();
  for (; iterator->Valid() && rank > 0; --rank) iterator->Next();
  SIBYL_RETURN_IF_ERROR(iterator->status());
  if (!iterator->Valid()) return std::optional<OwnedRecord>();
  return std::optional<OwnedRecord>({std::string(iterator->key()), std::string(iterator->value())});
}

}  // namespace sibyl::engine
