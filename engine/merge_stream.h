// MergeStream: many sorted cursors as one ascending stream, for compaction and for sorting.
//
// A tournament tree of losers (Knuth, The Art of Computer Programming, volume 3, section 5.4.1):
// each record costs log2(sources) comparisons, most of them of one 16-byte number. Unlike
// MergingCursor it goes one way only, and is meant for any number of sources.

#ifndef SIBYL_ENGINE_MERGE_STREAM_H_
#define SIBYL_ENGINE_MERGE_STREAM_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cursor.h"
#include "engine/key_window.h"
#include "sibyl/result.h"

namespace sibyl::engine {

// One record per key, that of the newest source that has the key, tombstones included. One thread
// at a time. Positioned at the first record when made.
class MergeStream {
 public:
  explicit MergeStream(std::vector<std::unique_ptr<ForwardCursor>> newest_first);

  bool Valid() const;

  // Precondition of the next five: Valid(). The bytes live until Next, or as long as the source
  // keeps them: see Cursor.
  void Next();

  // Goes to the next older record of the same key. False: there is none, and this was Next.
  bool NextOlder();

  std::string_view key() const { return sources_[winner_].key; }
  RecordType type() const { return sources_[winner_].cursor->type(); }

  // May read an out-of-line value: after an error the stream is invalid.
  std::string_view value();

  // The first error of any source. An error ends the stream.
  Status status() const;

 private:
  struct Source {
    std::unique_ptr<ForwardCursor> cursor;
    std::string_view key;
    KeyWindow window = 0;  // of the key
    bool valid = false;
  };

  void Refresh(Source* source);
  bool Precedes(size_t a, size_t b) const;  // sources by number; of equal keys the newer is first
  size_t PlayAll(size_t node);
  void Replay();
  void AdvanceWinner();

  std::vector<Source> sources_;  // newest first
  std::vector<size_t> losers_;   // of each inner node of the tournament, heap order from 1
  size_t winner_ = 0;
  std::string last_key_;  // what Next moves past
  bool failed_ = false;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_MERGE_STREAM_H_
