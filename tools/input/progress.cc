#include "tools/input/progress.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/clock.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

constexpr uint64_t kDrawEveryNs = 100'000'000;
constexpr uint64_t kRecordsBetweenClocks = 1024;  // so that asking the time costs nothing
constexpr uint64_t kBarCells = 30;

// "[######........] 45 %", or nothing for input of unknown size.
std::string Bar(const ByteSource& source) {
  const uint64_t size_bytes = source.size_bytes().value_or(0);
  if (size_bytes == 0) return "";
  const uint64_t done = source.consumed_bytes();
  std::string bar(kBarCells, '.');
  bar.replace(0, kBarCells * done / size_bytes, kBarCells * done / size_bytes, '#');
  return "[" + bar + "] " + std::to_string(100 * done / size_bytes) + " %  ";
}

}  // namespace

Progress::Progress()
    : enabled_(isatty(STDERR_FILENO) == 1),
      start_ns_(base::NowNs()),
      next_draw_ns_(start_ns_ + kDrawEveryNs) {}

void Progress::Update(uint64_t records, const ByteSource& source) {
  if (!enabled_ || records % kRecordsBetweenClocks != 0) return;
  const uint64_t now_ns = base::NowNs();
  if (now_ns < next_draw_ns_) return;
  next_draw_ns_ = now_ns + kDrawEveryNs;
  Draw(records, now_ns, source);
}

void Progress::Draw(uint64_t records, uint64_t now_ns, const ByteSource& source) {
  const double seconds = static_cast<double>(now_ns - start_ns_) / 1e9;
  const auto per_second = static_cast<uint64_t>(static_cast<double>(records) / seconds);
  const std::string line =
      Bar(source) + Grouped(records) + " records, " + Grouped(per_second) + "/s  " + source.name();
  std::fprintf(stderr, "\r%s\033[K", line.c_str());
  drawn_ = true;
}

void Progress::Clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace sibyl::tools
