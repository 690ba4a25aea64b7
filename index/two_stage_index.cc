#include "sibyl/two_stage_index.h"

#include <algorithm>
#include <string>

#include "base/status_macros.h"
#include "index/frame.h"
#include "index/two_stage.h"

namespace sibyl::index {
namespace {

constexpr FrameKind kFrame = {std::string_view("sibylTSX", 8), 1, "two-stage index"};
constexpr uint32_t kMostUnits = 32;
constexpr uint32_t kMostKnots = 65536;
constexpr uint32_t kMostLeaves = uint32_t{1} << 24;

Error Refuse(const std::string& what) {
  return {ErrorCode::kInvalidArgument, "two-stage index: " + what};
}

Status CheckInput(std::span<const uint64_t> keys, const TwoStageOptions& options) {
  const RootOptions& root = options.root;
  if (root.kind > RootKind::kNet2) return Refuse("no such root");
  if (options.leaves < 1 || options.leaves > kMostLeaves) {
    return Refuse(std::to_string(options.leaves) + " leaves are not 1 to 2^24");
  }
  if (root.hidden_units < 1 || root.hidden_units > kMostUnits) {
    return Refuse(std::to_string(root.hidden_units) + " hidden units are not 1 to 32");
  }
  if (root.spline_knots < 2 || root.spline_knots > kMostKnots) {
    return Refuse(std::to_string(root.spline_knots) + " knots are not 2 to 65536");
  }
  if (keys.size() > TwoStageIndex::kMaxKeys) {
    return Error{ErrorCode::kNotSupported, "two-stage index: " + std::to_string(keys.size()) +
                                               " keys are more than " +
                                               std::to_string(TwoStageIndex::kMaxKeys)};
  }
  const auto unsorted = std::is_sorted_until(keys.begin(), keys.end());
  if (unsorted == keys.end()) return Ok();
  return Refuse("keys are not sorted: the key at rank " + std::to_string(unsorted - keys.begin()) +
                " is smaller than the one before");
}

}  // namespace

TwoStageIndex::TwoStageIndex(std::unique_ptr<const TwoStageParts> parts)
    : parts_(std::move(parts)) {}

TwoStageIndex::TwoStageIndex(TwoStageIndex&&) noexcept = default;
TwoStageIndex& TwoStageIndex::operator=(TwoStageIndex&&) noexcept = default;
TwoStageIndex::~TwoStageIndex() = default;

Result<TwoStageIndex> TwoStageIndex::Build(std::span<const uint64_t> keys,
                                           const TwoStageOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckInput(keys, options));
  return TwoStageIndex(std::make_unique<TwoStageParts>(keys, options.root, options.leaves));
}

uint64_t TwoStageIndex::LowerBound(uint64_t key) const { return parts_->LowerBound(key); }

uint64_t TwoStageIndex::UpperBound(uint64_t key) const {
  return key == std::numeric_limits<uint64_t>::max() ? size() : LowerBound(key + 1);
}

uint64_t TwoStageIndex::size() const { return parts_->size(); }

uint64_t TwoStageIndex::memory_bytes() const { return parts_->memory_bytes(); }

double TwoStageIndex::MeanSearchedKeys() const { return parts_->MeanSearchedKeys(); }

void TwoStageIndex::Serialize(std::string* out) const {
  const size_t begin = BeginFrame(kFrame, out);
  base::Put64(out, size());
  base::Put64(out, FingerprintOf(parts_->keys()));
  parts_->Encode(out);
  FinishFrame(begin, out);
}

Result<TwoStageIndex> TwoStageIndex::Deserialize(std::string_view bytes,
                                                 std::span<const uint64_t> keys) {
  SIBYL_ASSIGN_OR_RETURN(base::Decoder decoder, OpenFrame(kFrame, bytes));
  const uint64_t key_count = decoder.Get64();
  const uint64_t fingerprint = decoder.Get64();
  if (!decoder.ok()) return kFrame.Corrupt("truncated");
  if (key_count != keys.size() || fingerprint != FingerprintOf(keys)) {
    return BuiltOverAnotherArray(kFrame.name, key_count, keys.size());
  }
  auto parts = TwoStageParts::Decode(&decoder, keys);
  if (parts == nullptr) return kFrame.Corrupt("its root or its leaves are malformed");
  return TwoStageIndex(std::move(parts));
}

Status TwoStageIndex::Verify() const {
  const std::optional<uint64_t> wrong = parts_->FirstWrong();
  if (!wrong) return Ok();
  return kFrame.Corrupt("key " + std::to_string(*wrong) + " is not found where it belongs");
}

}  // namespace sibyl::index
