// Internal keys: a 4-byte big-endian tree id, then the user's key. One order over all trees.

#ifndef SIBYL_ENGINE_INTERNAL_KEY_H_
#define SIBYL_ENGINE_INTERNAL_KEY_H_

#include <cstring>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "sibyl/tree.h"
#include "sibyl/write_batch.h"

namespace sibyl::engine {

inline constexpr size_t kTreePrefixBytes = 4;
inline constexpr size_t kMaxInternalKeyBytes = kTreePrefixBytes + kMaxKeyBytes;

inline std::string EncodeInternalKey(Tree tree, std::string_view user_key) {
  std::string key;
  key.reserve(kTreePrefixBytes + user_key.size());
  base::PutBig32(&key, tree.id);
  key.append(user_key);
  return key;
}

// Precondition: the key has its tree prefix.
inline Tree TreeOf(std::string_view internal_key) {
  return Tree{base::LoadBig32(internal_key.data())};
}
inline std::string_view UserKeyOf(std::string_view internal_key) {
  return internal_key.substr(kTreePrefixBytes);
}

// Writes the internal key to `bytes`, which has room for it. Returns its end.
inline char* WriteInternalKey(Tree tree, std::string_view user_key, char* bytes) {
  const uint32_t prefix = __builtin_bswap32(tree.id);
  std::memcpy(bytes, &prefix, kTreePrefixBytes);
  bytes += kTreePrefixBytes;
  if (user_key.size() == sizeof(uint64_t)) {  // the commonest size: no call
    std::memcpy(bytes, user_key.data(), sizeof(uint64_t));
  } else if (!user_key.empty()) {
    std::memcpy(bytes, user_key.data(), user_key.size());
  }
  return bytes + user_key.size();
}

// An internal key built on the stack: point reads allocate nothing.
class InternalKeyBuffer {
 public:
  // Precondition: user_key.size() <= kMaxKeyBytes.
  InternalKeyBuffer(Tree tree, std::string_view user_key)
      : size_bytes_(kTreePrefixBytes + user_key.size()) {
    WriteInternalKey(tree, user_key, bytes_);
  }
  InternalKeyBuffer(const InternalKeyBuffer&) = delete;
  InternalKeyBuffer& operator=(const InternalKeyBuffer&) = delete;

  std::string_view view() const { return {bytes_, size_bytes_}; }

 private:
  size_t size_bytes_;
  char bytes_[kMaxInternalKeyBytes];  // only the first size_bytes_ are ever touched
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_INTERNAL_KEY_H_
