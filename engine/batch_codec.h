// The encoded records of write batches: what the commit log keeps and recovery replays.
//
// record := op:u8 (BatchOp) tree:varint key:string [value:string; not of kDelete and kDeleteToEnd]
// A batch that is not written yet may also have kMerge, which becomes a put. Ranges stand first.
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

// What a batch can ask for. The first two are records. Operands become records when the batch is
// written, and ranges do, if they have few keys.
enum class BatchOp : uint8_t {
  kPut = 0,
  kDelete = 1,
  kMerge = 2,        // value: the operand
  kDeleteRange = 3,  // key: the begin; value: the end
  kDeleteToEnd = 4,  // of the tree; key: the begin
};

struct BatchRequest {
  BatchOp op = BatchOp::kPut;
  Tree tree;
  std::string_view key;
  std::string_view value;
};

// A kPut or kDelete as the record that it is.
inline BatchRecord RecordOf(const BatchRequest& request) {
  return {request.tree, static_cast<storage::RecordType>(request.op), request.key, request.value};
}

void AppendBatchRequest(const BatchRequest& request, std::string* bytes);

void AppendBatchRecord(const BatchRecord& record, std::string* bytes);

// Errors: kInvalidArgument past the limits of sibyl/write_batch.h, naming key and size.
Status CheckRecordLimits(std::string_view key, std::string_view value);

// Walks encoded records. The views it returns point into the bytes it was given.
class BatchReader {
 public:
  explicit BatchReader(std::string_view bytes) : decoder_(bytes) {}

  // Reads the next record; false at the end or at the first malformed byte: check ok().
  bool Next(BatchRecord* record);

  // The same for all that a batch may have; and for what the log may.
  bool Next(BatchRequest* request);
  bool NextLogged(BatchRequest* request);

  // False if the bytes are not a sequence of whole records.
  bool ok() const { return ok_; }

 private:
  base::Decoder decoder_;
  bool ok_ = true;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_BATCH_CODEC_H_
