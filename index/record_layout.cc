#include "index/record_layout.h"

namespace sibyl::index {

void RecordLayout::Reserve(size_t records) {
  keys_.reserve(records);
  shared_with_previous_.reserve(records);
  places_.reserve(records + 1);
}

void RecordLayout::Clear() {
  longest_key_bytes_ = 0;
  keys_.clear();
  shared_with_previous_.clear();
  places_.resize(1);
}

}  // namespace sibyl::index
