#include "engine/planned_batch.h"

#include "engine/internal_key.h"

namespace sibyl::engine {

namespace {

// Records are not read further ahead than this: what was asked for must still be in the caches.
constexpr size_t kMostBytesAhead = 8 << 10;

}  // namespace

void PlannedBatch::Begin(std::string_view records, Generation* generation) {
  reader_ = BatchReader(records);
  generation_ = generation;
  ReadMore();
}

void PlannedBatch::Advance() {
  if (++next_ == count_) ReadMore();
}

void PlannedBatch::ReadMore() {
  next_ = 0;
  count_ = 0;
  size_t keys_bytes = 0;
  size_t values_bytes = 0;
  while (count_ < requests_.size() && keys_bytes + values_bytes < kMostBytesAhead &&
         reader_.NextLogged(&requests_[count_])) {
    const BatchRequest& request = requests_[count_++];
    keys_bytes += kTreePrefixBytes + request.key.size();
    values_bytes += request.value.size();
  }
  if (count_ == 0) return;
  SetKeys(keys_bytes);
  generation_->PlanFor({internal_keys_.data(), count_}, keys_bytes + values_bytes,
                       {plans_.data(), count_});
}

void PlannedBatch::SetKeys(size_t keys_bytes) {
  if (key_bytes_.size() < keys_bytes) key_bytes_.resize(keys_bytes);
  char* end = key_bytes_.data();
  for (size_t i = 0; i < count_; ++i) {
    char* const begin = end;
    end = WriteInternalKey(requests_[i].tree, requests_[i].key, begin);
    internal_keys_[i] = {begin, static_cast<size_t>(end - begin)};
  }
}

}  // namespace sibyl::engine
