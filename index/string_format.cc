#include "index/string_format.h"

#include <algorithm>
#include <utility>

#include "base/coding.h"
#include "base/status_macros.h"
#include "index/frame.h"

namespace sibyl::index {
namespace {

constexpr FrameKind kFrame = {std::string_view("sibylSIX", 8), 1, "string index"};

// `table` has its size already. False if the bytes end early.
template <typename T>
bool DecodeTable(base::Decoder* decoder, Table<T>* table) {
  const std::string_view bytes = decoder->GetBytes(table->size_bytes());
  if (bytes.size() != table->size_bytes()) return false;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(table->data()));
  return true;
}

template <typename T>
void EncodeTable(const Table<T>& table, std::string* out) {
  for (const T value : table.span()) base::AppendLittle(out, value);
}

bool AreStarts(std::span<const uint32_t> starts, size_t keys) {
  return starts.front() == 0 && starts.back() == keys &&
         std::is_sorted(starts.begin(), starts.end());
}

}  // namespace

bool AreValid(const StringIndexOptions& options) {
  return (options.kind == StringIndexKind::kRecursive || options.kind == StringIndexKind::kBTree) &&
         options.block_keys >= 4 && options.block_keys <= kMostBlockKeys &&
         options.landmark_keys <= options.block_keys;
}

void EncodeStringParts(const StringParts& parts, std::string* out) {
  const size_t begin = BeginFrame(kFrame, out);
  base::Put8(out, static_cast<uint8_t>(parts.options.kind));
  base::Put8(out, parts.has_duplicates ? 1 : 0);
  base::Put32(out, parts.options.block_keys);
  base::Put32(out, parts.options.landmark_keys);
  base::Put64(out, parts.keys.size());
  base::Put64(out, FingerprintOf(parts.keys));
  std::string model;
  parts.model.Serialize(&model);
  base::Put64(out, model.size());
  out->append(model);
  EncodeTable(parts.starts, out);
  EncodeTable(parts.landmarks, out);
  FinishFrame(begin, out);
}

Result<std::unique_ptr<StringParts>> DecodeStringParts(std::string_view bytes,
                                                       std::span<const std::string_view> keys) {
  SIBYL_ASSIGN_OR_RETURN(base::Decoder decoder, OpenFrame(kFrame, bytes));
  StringIndexOptions options;
  options.kind = static_cast<StringIndexKind>(decoder.Get8());
  const uint8_t has_duplicates = decoder.Get8();
  options.block_keys = decoder.Get32();
  options.landmark_keys = decoder.Get32();
  const uint64_t key_count = decoder.Get64();
  const uint64_t fingerprint = decoder.Get64();
  const std::string_view model_bytes = decoder.GetBytes(decoder.Get64());
  if (!decoder.ok() || !AreValid(options) || has_duplicates > 1) {
    return kFrame.Corrupt("malformed header");
  }
  if (key_count != keys.size() || fingerprint != FingerprintOf(keys)) {
    return BuiltOverAnotherArray(kFrame.name, key_count, keys.size());
  }
  SIBYL_ASSIGN_OR_RETURN(BlockModel model, BlockModel::Deserialize(model_bytes));
  auto parts = std::make_unique<StringParts>(keys, options, std::move(model));
  parts->has_duplicates = has_duplicates == 1;
  const uint64_t table_bytes =
      parts->start_count() * sizeof(uint32_t) + parts->landmark_count() * sizeof(BitPlace);
  if (decoder.remaining_bytes() != table_bytes) {
    return kFrame.Corrupt("its length does not match its header");
  }
  parts->starts = Table<uint32_t>(parts->start_count());
  parts->landmarks = Table<BitPlace>(parts->landmark_count());
  if (!DecodeTable(&decoder, &parts->starts) || !DecodeTable(&decoder, &parts->landmarks) ||
      !AreStarts(parts->starts.span(), keys.size())) {
    return kFrame.Corrupt("its blocks are out of order");
  }
  return parts;
}

}  // namespace sibyl::index
