// The line that shows a person at a terminal how far a load is.

#ifndef SIBYL_TOOLS_INPUT_PROGRESS_H_
#define SIBYL_TOOLS_INPUT_PROGRESS_H_

#include <cstdint>

#include "tools/input/byte_source.h"

namespace sibyl::tools {

// Writes to standard error, and only if that is a terminal: scripts and logs stay clean.
class Progress {
 public:
  Progress();
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap: redraws at most ten times a second. `source` is the input being read.
  void Update(uint64_t records, const ByteSource& source);

  // Removes the line.
  void Clear();

 private:
  void Draw(uint64_t records, uint64_t now_ns, const ByteSource& source);

  bool enabled_;
  bool drawn_ = false;
  uint64_t start_ns_;
  uint64_t next_draw_ns_;
};

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_INPUT_PROGRESS_H_
