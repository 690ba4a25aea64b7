// A node of separators within a packed model: their first eight bytes are integers, searched
// without branches; what is behind those is read for the rare ties only.

#ifndef SIBYL_INDEX_SEPARATOR_NODE_H_
#define SIBYL_INDEX_SEPARATOR_NODE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/coding.h"
#include "index/line.h"
#include "index/packed_node.h"
#include "index/window.h"

namespace sibyl::index {

// Where its parts are, in bytes from the node: first and last block, text (shared bytes, then the
// prefix), the separators' windows, children, ends of tails, tails.
//
// A separator's tail is empty if the separator ends within its window and not with a NUL. Else it
// is the number of its bytes in the window, then its bytes behind the window.
struct SeparatorLayout {
  static constexpr size_t kBlocks = sizeof(NodeHeader);
  static constexpr size_t kText = kBlocks + 2 * sizeof(uint32_t);

  size_t windows;
  size_t children;
  size_t ends;
  size_t tails;

  explicit SeparatorLayout(const NodeHeader& header) {
    windows = kText + RoundUp(header.shared_bytes + header.router_or_prefix, sizeof(uint64_t));
    children = windows + header.count * sizeof(uint64_t);
    ends = children + (header.is(NodeHeader::kInner) ? (header.count + 1) * sizeof(uint32_t) : 0);
    tails = ends + header.count * (header.is(NodeHeader::kWideEnds) ? 4 : 2);
  }
};

class SeparatorNode {
 public:
  explicit SeparatorNode(const std::byte* node)
      : node_(node), header_(HeaderOf(node)), layout_(header_) {}

  uint32_t count() const { return header_.count; }
  bool has_children() const { return header_.is(NodeHeader::kInner); }
  uint32_t first_block() const { return load32(SeparatorLayout::kBlocks); }
  uint32_t last_block() const { return load32(SeparatorLayout::kBlocks + 4); }
  size_t shared_bytes() const { return header_.shared_bytes; }
  std::string_view text() const {  // the shared bytes, then the prefix
    return TextAt(node_ + SeparatorLayout::kText, header_.shared_bytes + header_.router_or_prefix);
  }
  uint64_t child_offset(uint32_t index) const {
    return uint64_t{load32(layout_.children + index * sizeof(uint32_t))} * kNodeAlignment;
  }
  uint64_t window(uint32_t index) const { return windows()[index]; }

  std::string_view tail(uint32_t index) const {
    const size_t begin = index == 0 ? 0 : end_of_tail(index - 1);
    return TextAt(node_ + layout_.tails + begin, end_of_tail(index) - begin);
  }

  // How many of a separator's bytes its window holds.
  size_t bytes_in_window(uint32_t index) const {
    const std::string_view bytes = tail(index);
    if (!bytes.empty()) return static_cast<size_t>(bytes.front());
    return SignificantBytes(window(index));
  }

  // Asks for all windows: a binary search would wait for one cache line of them after the other.
  void PrefetchWindows() const {
    constexpr uint32_t kWindowsPerLine = kCacheLineBytes / sizeof(uint64_t);
    for (uint32_t i = 0; i < count(); i += kWindowsPerLine) __builtin_prefetch(windows() + i);
  }

  // The number of separators that are not greater than `rest`.
  uint32_t CountNotGreater(std::string_view rest) const {
    const uint64_t window = WindowAt(rest, 0);
    uint32_t low = FirstNotBelow(window);
    uint32_t high = low;  // separators in [low, high) share the window
    while (high < count() && windows()[high] == window) ++high;
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (NotGreaterBehindWindow(middle, rest)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // How far a key with this window, which `rank` separators are not greater than, lies between the
  // two separators beside it.
  uint16_t FractionAt(uint32_t rank, uint64_t window) const {
    const uint64_t low = rank == 0 ? 0 : windows()[rank - 1];
    const uint64_t high = rank == count() ? UINT64_MAX : windows()[rank];
    return FractionBetween(low, high, window);
  }

  static size_t SignificantBytes(uint64_t window) {
    if (window == 0) return 0;
    return kWindowBytes - static_cast<size_t>(__builtin_ctzll(window)) / 8;
  }

 private:
  uint32_t load32(size_t offset) const {
    return base::Load32(reinterpret_cast<const char*>(node_ + offset));
  }

  const uint64_t* windows() const {
    return reinterpret_cast<const uint64_t*>(node_ + layout_.windows);
  }

  size_t end_of_tail(uint32_t index) const {
    if (header_.is(NodeHeader::kWideEnds)) return load32(layout_.ends + 4 * index);
    return base::Load16(reinterpret_cast<const char*>(node_ + layout_.ends + 2 * index));
  }

  uint32_t FirstNotBelow(uint64_t window) const {
    const uint64_t* first = windows();
    uint32_t length = count();
    while (length > 1) {
      const uint32_t half = length / 2;
      first +=
          -uint64_t{first[half - 1] < window} & half;  // compilers make this a branch otherwise
      length -= half;
    }
    const auto index = static_cast<uint32_t>(first - windows());
    return index + (length == 1 && *first < window);
  }

  // Of a separator whose window equals that of `rest`.
  bool NotGreaterBehindWindow(uint32_t index, std::string_view rest) const {
    const std::string_view bytes = tail(index);
    if (rest.size() < bytes_in_window(index)) return false;
    if (bytes.size() <= 1) return true;
    return rest.size() >= kWindowBytes && rest.substr(kWindowBytes) >= bytes.substr(1);
  }

  const std::byte* node_;
  const NodeHeader& header_;
  SeparatorLayout layout_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_SEPARATOR_NODE_H_
