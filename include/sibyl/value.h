// Value: the caller-owned buffer that a point read fills.

#ifndef SIBYL_VALUE_H_
#define SIBYL_VALUE_H_

#include <cstring>
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

}  // namespace sibyl

#endif  // SIBYL_VALUE_H_
