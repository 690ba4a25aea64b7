// The encoded records of write batches: what the commit log keeps and recovery replays.
//
// record := op:u8 (0 put, 1 delete) tree:varint key:string [value:string, put only]
// string := length:varint bytes

#ifndef SIBYL_ENGINE_BATCH_CODEC_H_
#define SIBYL_ENGINE_BATCH_CODEC_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "sibyl/result.h"
#include "sibyl/tree.h"
#include "storage/segment_writer.h"

namespace sibyl::engine {

struct BatchRecord {
  Tree tree;
  storage::RecordType type = storage::RecordType::kValue;
  std::string_view key;
  std::string_view value;
};

void AppendBatchRecord(const BatchRecord& record, std::string* bytes);

// Errors: kInvalidArgument past the limits of sibyl/write_batch.h, naming key and size.
Status CheckRecordLimits(std::string_view key, std::string_view value);

// Walks encoded records. The views it returns point into the bytes it was given.
class BatchReader {
 public:
  explicit BatchReader(std::string_view bytes) : decoder_(bytes) {}

  // Reads the next record; false at the end or at the first malformed byte: check ok().
  bool Next(BatchRecord* record);

  // False if the bytes are not a sequence of whole records.
  bool ok() const { return ok_; }

 private:
  base::Decoder decoder_;
  bool ok_ = true;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_BATCH_CODEC_H_
