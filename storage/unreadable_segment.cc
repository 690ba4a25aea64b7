// Stands for a segment whose index is damaged: every read of a record is the error that reading the
// index was.

#include "storage/segment.h"

namespace sibyl::storage {
namespace {

class UnreadableSegment final : public Segment {
 public:
  UnreadableSegment(SegmentFilePtr file, Error error)
      : Segment(std::move(file)), error_(std::move(error)) {
    block_count_ = static_cast<uint32_t>(properties().blocks);
  }

  Result<LookupOutcome> Lookup(std::string_view, uint32_t, uint16_t, Value*) const override {
    return error_;
  }
  Result<BlockHandle> ReadBlock(uint32_t) const override { return error_; }
  Result<std::string_view> ValueAt(const BlockView&, uint32_t, std::string*) const override {
    return error_;
  }
  Result<uint64_t> RankOfBlock(uint32_t) const override { return error_; }
  Status Verify() const override { return error_; }

 private:
  const Error error_;
};

}  // namespace

std::unique_ptr<Segment> MakeUnreadableSegment(SegmentFilePtr file, Error error) {
  return std::make_unique<UnreadableSegment>(std::move(file), std::move(error));
}

}  // namespace sibyl::storage
