#include "bench/workload/key_source.h"

#include <filesystem>

#include "base/status_macros.h"
#include "bench/data/generate.h"
#include "bench/data/key_files.h"

namespace sibyl::bench {
namespace {

template <typename T>
void Thin(std::vector<T>* keys, size_t max_keys) {
  if (max_keys == 0 || keys->size() <= max_keys) return;
  for (size_t i = 0; i < max_keys; ++i)
    (*keys)[i] = std::move((*keys)[keys->size() * i / max_keys]);
  keys->resize(max_keys);
}

Result<KeySet> FromIntegers(std::vector<uint64_t> keys, size_t max_keys) {
  Thin(&keys, max_keys);
  return KeySet::FromIntegers(std::move(keys));
}

}  // namespace

Result<KeySet> LoadKeySet(const std::string& spec, size_t max_key_bytes, size_t max_keys) {
  if (!std::filesystem::exists(spec)) {
    if (spec.find(':') == std::string::npos) {
      return Error{ErrorCode::kIo, "there is no file " + spec + ", nor is it KIND:COUNT"};
    }
    SIBYL_ASSIGN_OR_RETURN(const GeneratedSet set, ParseGeneratedSet(spec));
    SIBYL_ASSIGN_OR_RETURN(auto keys, GenerateKeys(set.kind, set.count));
    return FromIntegers(std::move(keys), max_keys);
  }
  SIBYL_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(spec));
  if (LooksLikeSosd(bytes)) {
    SIBYL_ASSIGN_OR_RETURN(auto keys, ReadSosd(spec));
    return FromIntegers(std::move(keys), max_keys);
  }
  SIBYL_ASSIGN_OR_RETURN(auto lines, ReadLines(spec));
  Thin(&lines, max_keys);
  return KeySet::FromLines(std::move(lines), max_key_bytes);
}

}  // namespace sibyl::bench
