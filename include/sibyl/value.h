// Value: the caller-owned buffer that a point read fills. PinnedValue: the same without a copy.

#ifndef SIBYL_VALUE_H_
#define SIBYL_VALUE_H_

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sibyl {

// Holds what a read found. Reuse one object for many reads: its buffer keeps its capacity, so
// that reading allocates nothing once the buffer has grown to the largest value.
// Not thread-safe; the bytes are its own and outlive the database.
class Value {
 public:
  // True if the last read found the key.
  bool found() const { return found_; }

  // The bytes found; empty if found() is false. Valid until the next change of this object.
  std::string_view view() const { return found_ ? std::string_view(bytes_) : std::string_view(); }

  // Moves the bytes out and leaves the object empty.
  std::string Take() {
    if (!found_) bytes_.clear();
    found_ = false;
    std::string bytes = std::move(bytes_);
    bytes_.clear();
    return bytes;
  }

  void Assign(std::string_view bytes) {
    if (bytes.size() == bytes_.size() && !bytes.empty()) {  // the commonest case, and the cheapest
      std::memcpy(bytes_.data(), bytes.data(), bytes.size());
    } else {
      bytes_.assign(bytes.data(), bytes.size());
    }
    found_ = true;
  }
  // Keeps the buffer as it is, for the next Assign.
  void Clear() { found_ = false; }

 private:
  std::string bytes_;  // of the last value found, this time or earlier
  bool found_ = false;
};

// Holds what Database::GetPinned found, where it lies: in a mapped file or in the block cache, which it
// keeps there, with everything that was in the database then: deleted files stay on disk, memory stays
// in use. So keep it for as long as the bytes are looked at, not longer.
// Not thread-safe; ends before the database does.
class PinnedValue {
 public:
  PinnedValue() = default;
  PinnedValue(const PinnedValue&) = delete;
  PinnedValue& operator=(const PinnedValue&) = delete;

  // True if the last read found the key.
  bool found() const { return found_; }

  // The bytes found; empty if found() is false. Valid until the next change of this object.
  std::string_view view() const { return bytes_; }

  // False: the bytes are a copy of this object's own (see Database::GetPinned).
  bool is_pinned() const { return keeper_ != nullptr; }

  // Lets go of everything.
  void Reset() {
    bytes_ = {};
    found_ = false;
    keeper_.reset();
  }

  // ---- For the database ----

  void Pin(std::string_view bytes, std::shared_ptr<const void> keeper) {
    bytes_ = bytes;
    keeper_ = std::move(keeper);
    found_ = true;
  }
  void Copy(std::string_view bytes) {
    copy_.assign(bytes.data(), bytes.size());
    Pin(copy_, nullptr);
  }
  void Take(std::string bytes) {
    copy_ = std::move(bytes);
    Pin(copy_, nullptr);
  }

 private:
  std::string copy_;
  std::string_view bytes_;
  std::shared_ptr<const void> keeper_;
  bool found_ = false;
};

}  // namespace sibyl

#endif  // SIBYL_VALUE_H_
