#include "engine/merge_stream.h"

#include <cassert>
#include <utility>

#include "base/status_macros.h"

namespace sibyl::engine {

MergeStream::MergeStream(std::vector<std::unique_ptr<ForwardCursor>> newest_first)
    : losers_(newest_first.size()) {
  sources_.reserve(newest_first.size());
  for (auto& cursor : newest_first) {
    Source& source = sources_.emplace_back();
    source.cursor = std::move(cursor);
    source.cursor->SeekToFirst();
    Refresh(&source);
  }
  if (!sources_.empty()) winner_ = PlayAll(1);
}

bool MergeStream::Valid() const { return !failed_ && !sources_.empty() && sources_[winner_].valid; }

void MergeStream::Refresh(Source* source) {
  source->valid = source->cursor->Valid();
  if (!source->valid) {
    if (!source->cursor->status()) failed_ = true;
    return;
  }
  source->key = source->cursor->key();
  source->window = KeyWindowOf(source->key);
}

bool MergeStream::Precedes(size_t a, size_t b) const {
  const Source& left = sources_[a];
  const Source& right = sources_[b];
  if (!left.valid || !right.valid) return left.valid || (!right.valid && a < b);
  if (left.window != right.window) return left.window < right.window;
  const int comparison = left.key.compare(right.key);
  return comparison != 0 ? comparison < 0 : a < b;
}

// Decides all matches below `node` and returns their winner. With n sources the inner nodes are 1
// to n - 1, and source i is the leaf n + i.
size_t MergeStream::PlayAll(size_t node) {
  if (node >= sources_.size()) return node - sources_.size();
  const size_t left = PlayAll(2 * node);
  const size_t right = PlayAll(2 * node + 1);
  const bool left_wins = Precedes(left, right);
  losers_[node] = left_wins ? right : left;
  return left_wins ? left : right;
}

// Decides again the matches that the winner took part in, from its leaf up.
void MergeStream::Replay() {
  for (size_t node = (winner_ + sources_.size()) / 2; node >= 1; node /= 2) {
    if (Precedes(losers_[node], winner_)) std::swap(losers_[node], winner_);
  }
}

void MergeStream::AdvanceWinner() {
  Source& source = sources_[winner_];
  source.cursor->Next();
  Refresh(&source);
  Replay();
}

void MergeStream::Next() {
  assert(Valid());
  last_key_.assign(key());
  do {
    AdvanceWinner();
  } while (Valid() && key() == last_key_);  // older records of the same key
}

bool MergeStream::NextOlder() {
  assert(Valid());
  last_key_.assign(key());
  AdvanceWinner();
  return Valid() && key() == last_key_;
}

std::string_view MergeStream::value() {
  Source& source = sources_[winner_];
  const std::string_view value = source.cursor->value();
  if (!source.cursor->Valid()) failed_ = true;
  return value;
}

Status MergeStream::status() const {
  for (const Source& source : sources_) SIBYL_RETURN_IF_ERROR(source.cursor->status());
  return Ok();
}

}  // namespace sibyl::engine
