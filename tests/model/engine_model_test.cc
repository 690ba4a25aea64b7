// Goal: whatever the sequence of operations, the database agrees with a std::map.
// Method: random operations (writes, batches, transactions, trees, snapshots, drains, compactions,
// ingestions, reopenings) from a printed seed; SIBYL_SEED replays one, SIBYL_STEPS makes it longer.

#include <atomic>
#include <random>

#include "tests/model/play.h"

namespace sibyl::testing {
namespace {

using Model = std::map<std::string, std::string>;

class Player {
 public:
  Player(uint64_t seed, Options options)
      : random_(seed), database_(WithClock(std::move(options), &now_seconds_)) {
    trees_[kDefaultTree];
  }

  void Step() {
    switch (Below(40)) {
      case 0:
        return Must(database_->Flush()), void();
      case 1:
        return Must(database_->Compact()), void();
      case 2:
        return Reopen();
      case 3:
        return TakeSnapshot();
      case 4:
        return DropSnapshot();
      case 5:
        return CreateTree();
      case 6:
        return DropTree();
      case 7:
        return Ingest();
      case 8:
      case 9:
        return RunTransaction();
      case 10:
      case 11:
        return CheckScan();
      case 12:
      case 13:
        return WriteBatchOfMany();
      case 14:
        return DeleteRange();
      case 15:
        return ChangeTreeOptions();
      case 16:
        return AdvanceClock();
      default:
        if (Below(2) == 0) return WriteOne();
        return CheckGets();
    }
  }

  void Finish() {
    for (const auto& [tree, model] : trees_) {
      REQUIRE(Everything(*database_, tree) == Records(model.begin(), model.end()));
    }
    REQUIRE(Must(database_->Verify()).problems == std::vector<std::string>{});
    REQUIRE(Must(database_->GetStats()).counters.model_bound_violations == 0);
  }

 private:
  // What a tree was made with: nothing, an operator that appends, or a time to live.
  enum class Kind { kPlain, kAppends, kExpires };
  static constexpr uint64_t kTtlSeconds = 20;

  // Values of trees that expire begin with their time, so that the model knows it.
  std::string RandomValueOf(Tree tree) {
    if (kinds_[tree] != Kind::kExpires) return RandomValue();
    return std::to_string(now_seconds_) + ":" + RandomValue();
  }

  void AdvanceClock() {
    now_seconds_ += Below(10);
    for (auto& [tree, model] : trees_) {
      if (kinds_[tree] != Kind::kExpires) continue;
      std::erase_if(model, [this](const auto& record) {
        return std::stoull(record.second) + kTtlSeconds <= now_seconds_;
      });
    }
  }

  // One write, to the model too: a merge where that is possible, half of the time.
  template <typename Writer>
  void WriteTo(Writer& writer, Tree tree, Model* model) {
    const std::string key = RandomKey();
    const std::string value = RandomValueOf(tree);
    if (kinds_[tree] == Kind::kAppends && Below(2) == 0) {
      Must(writer.Merge(tree, key, value));
      (*model)[key] += value;
    } else {
      Must(writer.Put(tree, key, value));
      (*model)[key] = value;
    }
  }

  uint64_t Below(uint64_t limit) { return random_() % limit; }

  // Few enough keys to collide, of shapes that collide in windows and prefixes.
  std::string RandomKey() {
    switch (Below(4)) {
      case 0:
        return BigEndianKey(Below(500));
      case 1:
        return std::string(Below(12), '\0');
      case 2:
        return "shared/prefix/" + std::string(Below(20), 'x') + std::to_string(Below(50));
      default:
        return BigEndianKey(Below(300) << 40) + std::string(Below(3), '\xff');
    }
  }
  std::string RandomValue() {
    const uint64_t size = Below(50) == 0 ? Below(100'000) : Below(60);
    return std::string(size, static_cast<char>('a' + Below(26)));
  }
  std::pair<const Tree, Model>& RandomTree() {
    return *std::next(trees_.begin(), static_cast<ptrdiff_t>(Below(trees_.size())));
  }

  void WriteOne() {
    auto& [tree, model] = RandomTree();
    const std::string key = RandomKey();
    if (Below(4) == 0) {
      Must(database_->Delete(tree, key));
      model.erase(key);
    } else {
      WriteTo(*database_, tree, &model);
    }
  }

  // Ends that are keys, beside keys, in the wrong order, and the end of the tree.
  void DeleteRange() {
    auto& [tree, model] = RandomTree();
    const std::string begin = RandomKey();
    const std::string end = RandomKey();
    const bool to_the_end = Below(8) == 0;
    const std::optional<std::string_view> bound =
        to_the_end ? std::nullopt : std::optional<std::string_view>(end);
    if (Below(2) == 0) {
      const auto transaction = Must(database_->BeginTransaction());
      Must(transaction->DeleteRange(tree, begin, bound));
      Must(transaction->Commit());
    } else {
      Must(database_->DeleteRange({}, tree, begin, bound));
    }
    if (!to_the_end && end <= begin) return;
    model.erase(model.lower_bound(begin), to_the_end ? model.end() : model.lower_bound(end));
  }

  void WriteBatchOfMany() {
    WriteBatch batch;
    for (uint64_t i = Below(60); i > 0; --i) {
      auto& [tree, model] = RandomTree();
      WriteTo(batch, tree, &model);
      if (Below(50) != 0) continue;
      const std::string begin = RandomKey();
      const std::string end = RandomKey();
      Must(batch.DeleteRange(tree, begin, end));
      if (begin < end) model.erase(model.lower_bound(begin), model.lower_bound(end));
    }
    Must(database_->Write({.sync = Below(20) == 0}, batch));
  }

  // One in four is large enough to spill, again and again where the budget is small.
  void RunTransaction() {
    const auto transaction = Must(database_->BeginTransaction());
    std::map<Tree, Model> mine = trees_;
    std::vector<std::pair<uint64_t, std::map<Tree, Model>>> savepoints;
    const uint64_t savepoint_interval = 2 + Below(60);
    for (uint64_t i = Below(Below(4) == 0 ? 800 : 30); i > 0; --i) {
      auto& [tree, model] = *std::next(mine.begin(), static_cast<ptrdiff_t>(Below(mine.size())));
      if (Below(savepoint_interval) == 0) savepoints.emplace_back(transaction->Savepoint(), mine);
      if (Below(20) == 0) {
        const std::string key = RandomKey();
        const std::string end = RandomKey();
        Must(transaction->DeleteRange(tree, key, end));
        if (key < end) model.erase(model.lower_bound(key), model.lower_bound(end));
      } else {
        WriteTo(*transaction, tree, &model);
      }
      if (savepoints.empty()) continue;
      if (Below(2 * savepoint_interval) == 0) {
        savepoints.resize(1 + Below(savepoints.size()));
        Must(transaction->RollbackTo(savepoints.back().first));
        mine = savepoints.back().second;
      } else if (Below(2 * savepoint_interval) == 0) {
        transaction->ReleaseSavepoint(savepoints.back().first);
        savepoints.pop_back();
      }
    }
    Value value;
    for (const auto& [tree, model] : mine) {
      const auto iterator = Must(transaction->NewIterator(tree));
      REQUIRE(ScanForward(*iterator) == Records(model.begin(), model.end()));
      REQUIRE(ScanBackward(*iterator) == Records(model.begin(), model.end()));
      for (const auto& [key, expected] : model) {
        if (Below(4) != 0) continue;
        REQUIRE(Must(transaction->Get(tree, key, &value)));
        REQUIRE(value.view() == expected);
      }
    }
    if (Below(3) == 0) return;  // roll back
    Must(transaction->Commit());
    trees_ = std::move(mine);
  }

  // How a tree of this kind may be stored.
  TreeOptions RandomTreeOptions(Kind kind) {
    TreeOptions options;
    options.compression = static_cast<Compression>(Below(3));
    options.packed_keys = Below(2) == 0;
    if (kind == Kind::kAppends) options.merge_operator = "append";
    if (kind == Kind::kExpires) options.ttl_seconds = kTtlSeconds;
    return options;
  }

  void ChangeTreeOptions() {
    const Tree tree = RandomTree().first;
    const TreeOptions options = RandomTreeOptions(kinds_[tree]);
    Must(database_->SetTreeOptions(tree, options));
    for (const TreeInfo& info : Must(database_->ListTrees())) {
      if (info.tree == tree) REQUIRE(info.options == options);
    }
  }

  // Alone, or with what spills in one transaction.
  void CreateTree() {
    if (trees_.size() >= 5) return;
    const std::string name = "tree" + std::to_string(next_name_++);
    const auto kind = static_cast<Kind>(Below(3));
    const TreeOptions options = RandomTreeOptions(kind);
    if (Below(2) == 0) {
      const Tree made = Must(database_->CreateTree(name, options));
      kinds_[made] = kind;
      trees_[made];
      return;
    }
    const auto transaction = Must(database_->BeginTransaction());
    const Tree tree = Must(transaction->CreateTree(name, options));
    kinds_[tree] = kind;
    Model model;
    for (uint64_t i = Below(400); i > 0; --i) WriteTo(*transaction, tree, &model);
    Must(transaction->Commit());
    trees_[tree] = std::move(model);
  }

  void DropTree() {
    const Tree tree = RandomTree().first;
    if (tree == kDefaultTree) return;
    Must(database_->DropTree(tree));
    trees_.erase(tree);
  }

  void Ingest() {
    auto& [tree, model] = RandomTree();
    Records records;
    for (uint64_t i = Below(300); i > 0; --i) {
      records.emplace_back(RandomKey(), RandomValueOf(tree));
    }
    for (const auto& [key, value] : records) model[key] = value;
    Must(database_->Ingest(tree, SourceOf(records)));
  }

  // One range, one place, one lookup of many.
  void CheckRanks(Tree tree, const Model& model) {
    const std::string begin = RandomKey();
    const std::string end = RandomKey();
    const auto first = model.lower_bound(begin);
    const auto past = end <= begin ? first : model.lower_bound(end);
    REQUIRE(Must(database_->Count({}, tree, {begin, end})) ==
            static_cast<uint64_t>(std::distance(first, past)));
    const uint64_t rank = Below(model.size() + 1);
    const auto at = Must(database_->At({}, tree, rank));
    REQUIRE(at.has_value() == (rank < model.size()));
    if (at) REQUIRE(at->key == std::next(model.begin(), static_cast<ptrdiff_t>(rank))->first);
    std::vector<std::string> keys(40);
    for (std::string& key : keys) key = RandomKey();
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::vector<Value> values(keys.size());
    Must(database_->MultiGet({}, tree, views, values));
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto expected = model.find(keys[i]);
      REQUIRE(values[i].found() == (expected != model.end()));
      if (values[i].found()) REQUIRE(values[i].view() == expected->second);
    }
  }

  void Reopen() {
    snapshots_.clear();
    database_.Reopen();
  }

  void TakeSnapshot() {
    if (snapshots_.size() < 4) snapshots_.emplace_back(Must(database_->GetSnapshot()), trees_);
  }

  void DropSnapshot() {
    if (!snapshots_.empty()) {
      snapshots_.erase(snapshots_.begin() + static_cast<ptrdiff_t>(Below(snapshots_.size())));
    }
  }

  void CheckGets() {
    const auto& [tree, model] = RandomTree();
    Value value;
    for (int i = 0; i < 10; ++i) {
      const std::string key = RandomKey();
      const auto expected = model.find(key);
      REQUIRE(Must(database_->Get({}, tree, key, &value)) == (expected != model.end()));
      if (value.found()) REQUIRE(value.view() == expected->second);
      PinnedValue pinned;
      REQUIRE(Must(database_->GetPinned({}, tree, key, &pinned)) == (expected != model.end()));
      if (pinned.found()) REQUIRE(pinned.view() == expected->second);
    }
  }

  void CheckScan() {
    const auto& [tree, model] = RandomTree();
    REQUIRE(Everything(*database_, tree) == Records(model.begin(), model.end()));
    REQUIRE(ScanBackward(*Must(database_->NewIterator(tree))) ==
            Records(model.begin(), model.end()));
    CheckRanks(tree, model);
    if (snapshots_.empty()) return;
    const auto& [snapshot, state] = snapshots_[Below(snapshots_.size())];
    for (const auto& [then_tree, then_model] : state) {
      IteratorOptions options;
      options.snapshot = snapshot.get();
      REQUIRE(ScanForward(*Must(database_->NewIterator(then_tree, options))) ==
              Records(then_model.begin(), then_model.end()));
    }
  }

  std::mt19937_64 random_;
  std::atomic<uint64_t> now_seconds_ = 1'000'000;
  std::map<Tree, Kind> kinds_;
  TestDatabase database_;
  std::map<Tree, Model> trees_;
  std::vector<std::pair<std::unique_ptr<Snapshot>, std::map<Tree, Model>>> snapshots_;
  int next_name_ = 0;
};

TEST_CASE("random operations agree with std::map", "[engine][model]") {
  PlaySeeds<Player>(4, 200, OptionsFor);
}

}  // namespace
}  // namespace sibyl::testing
