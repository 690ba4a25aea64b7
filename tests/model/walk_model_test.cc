// Goal: iterators agree with a std::map wherever they are sent, whatever lies below them.
// Method: several live iterators, of the latest state, of snapshots and of a transaction, with and
// without bounds, take random walks (seeks, runs of steps, turns) between random writes, deleted
// ranges, drains, compactions, ingestions and the transaction's own writes and rollbacks, on trees
// that are plain, merged into or expiring. SIBYL_SEED replays one, SIBYL_STEPS makes it longer.

#include <algorithm>
#include <atomic>
#include <random>

#include "base/text.h"
#include "tests/model/play.h"

namespace sibyl::testing {
namespace {

using Model = std::map<std::string, std::string>;
using State = std::map<Tree, Model>;

constexpr uint64_t kTtlSeconds = 20;

// An iterator, and where it should be.
class Walker {
 public:
  // `model` outlives it; it may change between movements if the iterator is a transaction's.
  Walker(std::unique_ptr<Iterator> iterator, IteratorOptions bounds,
         std::shared_ptr<const State> state, Tree tree)
      : state_(std::move(state)),
        tree_(tree),
        bounds_(std::move(bounds)),
        iterator_(std::move(iterator)) {}

  void SeekToFirst() {
    iterator_->SeekToFirst();
    Arrive(FirstFrom(""));
  }
  void SeekToLast() {
    iterator_->SeekToLast();
    Arrive(bounds_.upper_bound ? LastBefore(*bounds_.upper_bound) : LastBefore(model().end()));
  }
  void Seek(const std::string& target) {
    iterator_->Seek(target);
    Arrive(FirstFrom(target));
  }
  void SeekForPrev(const std::string& target) {
    iterator_->SeekForPrev(target);
    const bool beyond = bounds_.upper_bound && target >= *bounds_.upper_bound;
    Arrive(beyond ? LastBefore(*bounds_.upper_bound) : LastBefore(model().upper_bound(target)));
  }
  void Next() {
    iterator_->Next();
    Arrive(InBounds(model().upper_bound(*at_)));
  }
  void Prev() {
    iterator_->Prev();
    Arrive(LastBefore(model().lower_bound(*at_)));
  }
  bool Valid() const { return at_.has_value(); }

  // What was shown stays until the next movement.
  void CheckStill() const {
    if (iterator_->Valid() != Valid()) FAIL("became " << (Valid() ? "invalid" : "valid"));
    if (!Valid()) return;
    if (iterator_->key() != *at_ || key_ != *at_ || value_ != expected_value_) {
      FAIL(base::Quoted(*at_) << " changed under the iterator");
    }
  }

 private:
  using Place = Model::const_iterator;

  const Model& model() const { return state_->at(tree_); }
  Place InBounds(Place place) const {
    const bool in = place != model().end() &&
                    (!bounds_.lower_bound || place->first >= *bounds_.lower_bound) &&
                    (!bounds_.upper_bound || place->first < *bounds_.upper_bound);
    return in ? place : model().end();
  }
  Place FirstFrom(const std::string& target) const {
    return InBounds(model().lower_bound(std::max(target, bounds_.lower_bound.value_or(""))));
  }
  Place LastBefore(Place end) const {
    return end == model().begin() ? model().end() : InBounds(std::prev(end));
  }
  Place LastBefore(const std::string& end) const { return LastBefore(model().lower_bound(end)); }

  // One assertion per movement would be slow: Catch's are.
  void Arrive(Place expected) {
    at_.reset();
    if (!iterator_->status()) FAIL(iterator_->status().error().ToString());
    if (iterator_->Valid() != (expected != model().end())) {
      FAIL("valid is " << iterator_->Valid() << ", expected "
                       << (expected == model().end() ? "nothing" : base::Quoted(expected->first)));
    }
    if (expected == model().end()) return;
    key_ = iterator_->key();
    value_ = iterator_->value();
    if (key_ != expected->first) {
      FAIL("at " << base::Quoted(key_) << ", not " << base::Quoted(expected->first));
    }
    if (value_ != expected->second) {
      FAIL(base::Quoted(key_) << " has " << base::Quoted(value_) << ", not "
                              << base::Quoted(expected->second));
    }
    at_ = expected->first;
    expected_value_ = expected->second;
  }

  const std::shared_ptr<const State> state_;
  const Tree tree_;
  const IteratorOptions bounds_;
  const std::unique_ptr<Iterator> iterator_;
  std::optional<std::string> at_;
  std::string expected_value_;
  std::string_view key_;  // as they were shown
  std::string_view value_;
};

class Player {
 public:
  Player(uint64_t seed, Options options)
      : random_(seed), database_(WithClock(std::move(options), &now_seconds_)) {
    trees_ = {kDefaultTree, Must(database_->CreateTree("appends", {.merge_operator = "append"})),
              Must(database_->CreateTree(
                  "expires", {.compression = Compression::kLz4, .ttl_seconds = kTtlSeconds})),
              Must(database_->CreateTree("packed", {.packed_keys = true}))};
    for (const Tree tree : trees_) state_[tree];
  }

  void Step() {
    switch (Below(24)) {
      case 0:
        return Must(database_->Flush()), void();
      case 1:
        return Below(3) == 0 ? Must(database_->Compact()), void() : void();
      case 2:
        return Ingest();
      case 3:
        return AdvanceClock();
      case 4:
        return DeleteRange();
      case 5:
      case 6:
      case 7:
        return WriteSome();
      case 8:
        return TakeSnapshot();
      case 9:
      case 10:
        return AddWalker();
      case 11:
        return EndTransaction();
      case 12:
      case 13:
      case 14:
        return WriteInTransaction();
      default:
        return Walk();
    }
  }

  // Every walker to both ends, and everything that is there.
  void Finish() {
    for (auto& [kind, walker] : walkers_) {
      for (walker->SeekToFirst(); walker->Valid();) walker->Next();
      for (walker->SeekToLast(); walker->Valid();) walker->Prev();
    }
    walkers_.clear();
    transaction_.reset();
    for (const auto& [tree, model] : state_) {
      REQUIRE(Everything(*database_, tree) == Records(model.begin(), model.end()));
    }
    REQUIRE(Must(database_->Verify()).problems == std::vector<std::string>{});
  }

 private:
  enum class Kind { kLatest, kSnapshot, kTransaction };
  static constexpr size_t kMostWalkers = 8;

  uint64_t Below(uint64_t limit) { return random_() % limit; }
  Tree RandomTree() { return trees_[Below(trees_.size())]; }

  // Mostly dense, so that blocks, batches and runs are long; some that collide in windows.
  std::string RandomKey() {
    switch (Below(8)) {
      case 0:
        return std::string(Below(12), '\0');
      case 1:
        return "shared/prefix/" + std::string(Below(20), 'x') + std::to_string(Below(50));
      default:
        return BigEndianKey(Below(1500));
    }
  }
  std::string RandomValue(Tree tree) {
    const uint64_t size = Below(300) == 0 ? 60'000 + Below(10'000) : Below(40);
    const std::string value(size, static_cast<char>('a' + Below(26)));
    return tree == trees_[2] ? std::to_string(now_seconds_) + ":" + value : value;
  }

  // A few writes beside each other or apart, to the model too.
  template <typename Writer>
  void Write(Writer& writer, State* state) {
    const Tree tree = RandomTree();
    Model& model = (*state)[tree];
    const uint64_t first = Below(1500);
    const bool dense = Below(2) == 0;
    const bool deletes = Below(4) == 0;
    for (uint64_t i = 0, count = 1 + Below(80); i < count; ++i) {
      const std::string key = dense ? BigEndianKey(first + i) : RandomKey();
      if (deletes) {
        Must(writer.Delete(tree, key));
        model.erase(key);
        continue;
      }
      const std::string value = RandomValue(tree);
      if (tree == trees_[1] && Below(2) == 0) {
        Must(writer.Merge(tree, key, value));
        model[key] += value;
      } else {
        Must(writer.Put(tree, key, value));
        model[key] = value;
      }
    }
  }

  static void EraseRange(const std::string& begin, const std::string& end, Model* model) {
    if (begin < end) model->erase(model->lower_bound(begin), model->lower_bound(end));
  }

  void WriteSome() {
    if (Below(2) == 0) return Write(*database_, &state_);
    WriteBatch batch;
    Write(batch, &state_);
    Must(database_->Write({}, batch));
  }

  void DeleteRange() {
    const Tree tree = RandomTree();
    const std::string begin = RandomKey();
    const std::string end = RandomKey();
    Must(database_->DeleteRange({}, tree, begin, end));
    EraseRange(begin, end, &state_[tree]);
  }

  void Ingest() {
    const Tree tree = RandomTree();
    Records records;
    const uint64_t first = Below(1500);
    for (uint64_t i = Below(400); i > 0; --i) {
      records.emplace_back(BigEndianKey(first + i), RandomValue(tree));
    }
    for (const auto& [key, value] : records) state_[tree][key] = value;
    Must(database_->Ingest(tree, SourceOf(records)));
  }

  void AdvanceClock() {
    now_seconds_ += Below(8);
    Expire();
  }
  void Expire() {
    std::erase_if(state_[trees_[2]], [this](const auto& record) {
      return std::stoull(record.second) + kTtlSeconds <= now_seconds_;
    });
  }

  void TakeSnapshot() {
    DropWalkers(Kind::kSnapshot);
    snapshot_ = Must(database_->GetSnapshot());
    snapshot_state_ = std::make_shared<State>(state_);
  }

  void WriteInTransaction() {
    if (transaction_ == nullptr) {
      transaction_ = Must(database_->BeginTransaction());
      begin_state_ = state_;
      mine_ = std::make_shared<State>(state_);
      savepoints_.clear();
    }
    if (Below(3) == 0) savepoints_.emplace_back(transaction_->Savepoint(), *mine_);
    if (Below(4) == 0 && !savepoints_.empty()) {
      savepoints_.resize(1 + Below(savepoints_.size()));
      Must(transaction_->RollbackTo(savepoints_.back().first));
      *mine_ = savepoints_.back().second;
    } else if (Below(5) == 0) {
      const Tree tree = RandomTree();
      const std::string begin = RandomKey();
      const std::string end = RandomKey();
      Must(transaction_->DeleteRange(tree, begin, end));
      EraseRange(begin, end, &(*mine_)[tree]);
    } else {
      Write(*transaction_, mine_.get());
    }
    for (const auto& [kind, walker] : walkers_) walker->CheckStill();
  }

  // Commits, or not. A conflict is right if a key of the difference was changed by others, and has
  // to be if its value differs.
  void EndTransaction() {
    if (transaction_ == nullptr) return;
    DropWalkers(Kind::kTransaction);
    if (Below(4) != 0) {
      State merged = state_;
      const bool overtaken = MergeMineInto(&merged);
      const Status committed = transaction_->Commit();
      if (!committed && committed.error().code != ErrorCode::kConflict) Must(committed);
      if (committed && overtaken) FAIL("a conflict went unnoticed");
      if (committed) state_ = std::move(merged);
      Expire();
    }
    transaction_.reset();
  }

  // Returns whether others changed what the transaction did, by more than expiry.
  bool MergeMineInto(State* merged) {
    bool overtaken = false;
    for (const auto& [tree, mine] : *mine_) {
      const Model& before = begin_state_[tree];
      Model& after = (*merged)[tree];
      Model all = before;
      all.insert(mine.begin(), mine.end());
      for (const auto& [key, ignored] : all) {
        const auto was = Find(before, key);
        const auto is = Find(mine, key);
        if (was == is) continue;
        overtaken = overtaken || (tree != trees_[2] && Find(after, key) != was);
        after.erase(key);
        if (is) after[key] = *is;
      }
    }
    return overtaken;
  }
  static std::optional<std::string> Find(const Model& model, const std::string& key) {
    const auto found = model.find(key);
    return found == model.end() ? std::nullopt : std::optional<std::string>(found->second);
  }

  void AddWalker() {
    if (walkers_.size() == kMostWalkers) walkers_.erase(walkers_.begin());
    IteratorOptions options;
    if (Below(3) == 0) options.lower_bound = RandomKey();
    if (Below(3) == 0) options.upper_bound = RandomKey();
    const Tree tree = RandomTree();
    const auto kind = static_cast<Kind>(Below(3));
    if (kind == Kind::kTransaction && transaction_ != nullptr) {
      return Keep(kind, Must(transaction_->NewIterator(tree, options)), options, mine_, tree);
    }
    if (kind == Kind::kSnapshot && snapshot_ != nullptr) {
      IteratorOptions of_snapshot = options;
      of_snapshot.snapshot = snapshot_.get();
      return Keep(kind, Must(database_->NewIterator(tree, of_snapshot)), options, snapshot_state_,
                  tree);
    }
    Keep(Kind::kLatest, Must(database_->NewIterator(tree, options)), options,
         std::make_shared<State>(state_), tree);
  }
  void Keep(Kind kind, std::unique_ptr<Iterator> iterator, const IteratorOptions& bounds,
            std::shared_ptr<const State> state, Tree tree) {
    walkers_.emplace_back(
        kind, std::make_unique<Walker>(std::move(iterator), bounds, std::move(state), tree));
  }
  void DropWalkers(Kind kind) {
    std::erase_if(walkers_, [kind](const auto& walker) { return walker.first == kind; });
  }

  void Walk() {
    if (walkers_.empty()) return AddWalker();
    Walker& walker = *walkers_[Below(walkers_.size())].second;
    walker.CheckStill();
    if (!walker.Valid() || Below(3) == 0) Position(&walker);
    for (uint64_t runs = 1 + Below(4); runs > 0 && walker.Valid(); --runs) {
      constexpr uint64_t kLengths[] = {1, 2, 5, 20, 60, 400};
      const bool forward = Below(3) != 0;
      for (uint64_t steps = 1 + Below(kLengths[Below(6)]); steps > 0 && walker.Valid(); --steps) {
        forward ? walker.Next() : walker.Prev();
      }
    }
  }
  void Position(Walker* walker) {
    switch (Below(6)) {
      case 0:
        return walker->SeekToFirst();
      case 1:
        return walker->SeekToLast();
      case 2:
        return walker->SeekForPrev(RandomKey());
      default:
        return walker->Seek(RandomKey());
    }
  }

  std::mt19937_64 random_;
  std::atomic<uint64_t> now_seconds_ = 1'000'000;
  TestDatabase database_;
  std::vector<Tree> trees_;
  State state_;

  std::unique_ptr<Snapshot> snapshot_;
  std::shared_ptr<State> snapshot_state_;

  std::unique_ptr<Transaction> transaction_;  // null: none is open
  State begin_state_;                         // when it began
  std::shared_ptr<State> mine_;               // what it sees
  std::vector<std::pair<uint64_t, State>> savepoints_;

  std::vector<std::pair<Kind, std::unique_ptr<Walker>>> walkers_;  // before what they read goes
};

TEST_CASE("walks of iterators agree with std::map", "[engine][model]") {
  PlaySeeds<Player>(6, 400, [](uint64_t seed) {
    Options options = OptionsFor(seed);
    if (seed % 5 == 0) options.generation_bytes = 256 << 10;
    if (seed % 2 != 0) options.block_bytes = 4096;  // long runs
    return options;
  });
}

}  // namespace
}  // namespace sibyl::testing
