// What the tests of cursors share: hostile keys, and a walk that compares a cursor with a std::map.

#ifndef SIBYL_TESTS_ENGINE_CURSOR_ORACLE_H_
#define SIBYL_TESTS_ENGINE_CURSOR_ORACLE_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/cursor.h"
#include "engine/internal_key.h"
#include "sibyl/iterator.h"
#include "storage/block_builder.h"

namespace sibyl::engine {

struct OracleRecord {
  RecordType type = RecordType::kValue;
  std::string value;
};
using Oracle = std::map<std::string, OracleRecord>;

inline std::string BigEndian(uint64_t number) {
  std::string key;
  base::PutBig64(&key, number);
  return key;
}

// The keys where indexes go wrong, as user keys: empty, prefixes of one another, NULs, 0xff runs,
// ends of the integers, shared prefixes longer than any window, and the longest key.
inline std::vector<std::string> EdgeKeys() {
  std::vector<std::string> keys = {""};
  for (const std::string& stem : {std::string("a"), std::string(16, 'p'), std::string(40, 'q')}) {
    for (size_t nuls = 0; nuls < 10; ++nuls) keys.push_back(stem + std::string(nuls, '\0'));
    for (size_t size = 1; size < stem.size(); ++size) keys.push_back(stem.substr(0, size));
    keys.push_back(stem + '\xff');
  }
  for (size_t size = 1; size <= 20; ++size) {
    keys.push_back(std::string(size, '\0'));
    keys.push_back(std::string(size, '\xff'));
  }
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, UINT64_MAX - 1, UINT64_MAX}) {
    keys.push_back(BigEndian(number));
  }
  const std::string longest(kMaxKeyBytes, 'z');
  keys.push_back(longest);
  keys.push_back(longest.substr(1));
  keys.push_back(longest.substr(1) + '\0');
  keys.push_back(longest.substr(1) + 'y');
  return keys;
}

// Short keys over few bytes, keys with long shared prefixes, and integers: they collide, nest and
// tie in every window.
inline std::string RandomUserKey(std::mt19937_64& random) {
  constexpr std::string_view kBytes(
      "\0\x01"
      "a\xff",
      4);
  const auto tail = [&](size_t most) {
    std::string bytes;
    for (size_t size = random() % (most + 1); size > 0; --size) bytes += kBytes[random() % 4];
    return bytes;
  };
  switch (random() % 4) {
    case 0:
      return tail(8);
    case 1:
      return std::string(random() % 60, 'c') + tail(3);
    case 2:
      return "/usr/share/doc/" + std::to_string(random() % 50) + "/copyright" + tail(3);
    default:
      return BigEndian(random() % 3 == 0 ? random() : random() % 500);
  }
}

inline std::string RandomInternalKey(std::mt19937_64& random) {
  constexpr uint32_t kTrees[] = {0, 1, 2, 0x01000000, 0xffffffff};
  return EncodeInternalKey(Tree{kTrees[random() % 5]}, RandomUserKey(random));
}

inline void CheckAt(Cursor& cursor, const Oracle& oracle, Oracle::const_iterator expected) {
  const bool valid = cursor.Valid();
  if (valid != (expected != oracle.end())) FAIL("valid is " << valid);
  if (!valid) return;
  // One assertion per record instead of three: Catch's are slow.
  const bool same = cursor.key() == expected->first && cursor.type() == expected->second.type &&
                    cursor.value() == expected->second.value;
  if (!same)
    FAIL("got " << base::Quoted(cursor.key()) << ", not " << base::Quoted(expected->first));
}

// The position SeekForPrev should reach.
inline Oracle::const_iterator LastAtMost(const Oracle& oracle, std::string_view target) {
  const auto after = oracle.upper_bound(std::string(target));
  return after == oracle.begin() ? oracle.end() : std::prev(after);
}

// Walks through all of it forward, then backward.
inline void CheckWholeWalk(Cursor& cursor, const Oracle& oracle) {
  cursor.SeekToFirst();
  for (auto expected = oracle.begin(); expected != oracle.end(); ++expected) {
    CheckAt(cursor, oracle, expected);
    cursor.Next();
  }
  CheckAt(cursor, oracle, oracle.end());
  cursor.SeekToLast();
  for (auto expected = oracle.rbegin(); expected != oracle.rend(); ++expected) {
    CheckAt(cursor, oracle, std::prev(expected.base()));
    cursor.Prev();
  }
  CheckAt(cursor, oracle, oracle.end());
  CHECK(cursor.status());
}

// Seeks to random targets, some of them keys of the oracle, and takes a few random steps each way.
template <typename MakeTarget>
void CheckRandomWalk(Cursor& cursor, const Oracle& oracle, std::mt19937_64& random, int seeks,
                     MakeTarget make_target) {
  for (int seek = 0; seek < seeks; ++seek) {
    const std::string target = make_target();
    INFO("seek " << seek << " to " << base::Quoted(target));
    Oracle::const_iterator expected;
    switch (random() % 8) {
      case 0:
        cursor.SeekToFirst();
        expected = oracle.begin();
        break;
      case 1:
        cursor.SeekToLast();
        expected = oracle.empty() ? oracle.end() : std::prev(oracle.end());
        break;
      case 2:
      case 3:
      case 4:
        cursor.Seek(target);
        expected = oracle.lower_bound(target);
        break;
      default:
        cursor.SeekForPrev(target);
        expected = LastAtMost(oracle, target);
    }
    CheckAt(cursor, oracle, expected);
    for (int steps = static_cast<int>(random() % 30); steps > 0 && cursor.Valid(); --steps) {
      if (random() % 2 == 0) {
        cursor.Next();
        ++expected;
      } else {
        cursor.Prev();
        expected = expected == oracle.begin() ? oracle.end() : std::prev(expected);
      }
      CheckAt(cursor, oracle, expected);
    }
  }
}

// A cursor over a copy of an oracle, which can be told to fail. It keeps its values, or nothing.
class OracleCursor final : public Cursor {
 public:
  explicit OracleCursor(Oracle records, Kept kept = Kept::kNothing)
      : records_(std::move(records)), kept_(kept), at_(records_.end()) {
    storage::BlockBuilder builder;
    for (const auto& [key, record] : records_) {
      builder.Add(key, record.value, record.type, /*out_of_line=*/false);
    }
    if (!builder.empty()) block_ = builder.Finish(0);
  }

  // The n-th movement from now fails, and every one after it; so do values if `values` is true.
  void FailAfter(int movements, bool values = false) {
    movements_left_ = movements;
    fail_values_ = values;
  }

  bool Valid() const override { return !failed_ && at_ != records_.end(); }
  void SeekToFirst() override { MoveTo(records_.begin()); }
  void SeekToLast() override {
    MoveTo(records_.empty() ? records_.end() : std::prev(records_.end()));
  }
  void Seek(std::string_view target) override { MoveTo(records_.lower_bound(std::string(target))); }
  void SeekForPrev(std::string_view target) override { MoveTo(LastAtMost(records_, target)); }
  void Next() override {
    REQUIRE(Valid());
    MoveTo(std::next(at_));
  }
  void Prev() override {
    REQUIRE(Valid());
    MoveTo(at_ == records_.begin() ? records_.end() : std::prev(at_));
  }
  std::string_view key() const override { return key_; }
  RecordType type() const override { return at_->second.type; }
  Kept Keeps() const override { return kept_; }

  // Short ones, and none from a cursor that is to fail: movements are counted then.
  uint64_t StepsBelow(std::string_view key) const override {
    uint64_t steps = 0;
    for (auto next = std::next(at_); next != records_.end() && next->first < key; ++next) ++steps;
    return movements_left_ < 0 ? std::min(steps, kMostAhead) : 0;
  }
  CursorRun Run() const override {
    CursorRun run;
    if (movements_left_ >= 0 || fail_values_) return run;
    run.block = storage::BlockView::ParseTrusted(block_);
    run.slot = static_cast<uint32_t>(std::distance(records_.begin(), at_));
    run.records = run.block.PlainRecordsFrom(run.slot, kMostAhead);
    return run;
  }

  std::string_view value() override {
    failed_ = failed_ || fail_values_;
    return failed_ ? std::string_view() : at_->second.value;
  }
  Status status() const override {
    if (failed_) return Error{ErrorCode::kIo, "a failing source"};
    return Ok();
  }

 private:
  void MoveTo(Oracle::const_iterator position) {
    failed_ = movements_left_ == 0;
    if (movements_left_ > 0) --movements_left_;
    at_ = position;
    // A fresh buffer for every key, as a cursor over blocks has: a stale view is a bug that the
    // address sanitizer sees.
    key_ = at_ == records_.end() ? std::string() : at_->first;
    key_.shrink_to_fit();
  }

  static constexpr uint64_t kMostAhead = 3;

  const Oracle records_;
  const Kept kept_;
  std::string block_;  // the same, for runs
  Oracle::const_iterator at_;
  std::string key_;
  int movements_left_ = -1;
  bool failed_ = false;
  bool fail_values_ = false;
};

}  // namespace sibyl::engine

#endif  // SIBYL_TESTS_ENGINE_CURSOR_ORACLE_H_
