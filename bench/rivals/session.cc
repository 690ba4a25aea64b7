// What a session does where its engine has nothing better.

#include <string>
#include <vector>

#include "base/status_macros.h"
#include "bench/rivals/engine.h"

namespace sibyl::bench {

Status Session::Ingest(RecordFeed& feed) {
  constexpr size_t kBatchRecords = 10'000;
  std::vector<std::string> bytes(kBatchRecords);  // of a record each: key, value
  std::vector<KeyValue> batch;
  KeyValue record;
  for (bool more = feed.Next(&record); more;) {
    batch.clear();
    for (; more && batch.size() < kBatchRecords; more = feed.Next(&record)) {
      std::string& copy = bytes[batch.size()];
      copy.assign(record.key).append(record.value);
      const std::string_view view = copy;
      batch.push_back({view.substr(0, record.key.size()), view.substr(record.key.size())});
    }
    SIBYL_RETURN_IF_ERROR(Write(batch));
  }
  return Ok();
}

}  // namespace sibyl::bench
