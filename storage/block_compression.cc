#include "storage/block_compression.h"

#include <lz4.h>
#include <zstd.h>

#include <cstring>

#include "base/coding.h"
#include "sibyl/write_batch.h"

namespace sibyl::storage {
namespace {

// Compressing again and again in merges must not cost more than the merges: Zstd's default.
constexpr int kZstdLevel = 3;

constexpr size_t kChecksumBytes = 8;

Error Damaged(std::string what) { return Error{ErrorCode::kCorruption, std::move(what)}; }

struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

bool DecompressZstd(std::string_view compressed, char* plain, size_t plain_bytes) {
  // One per thread: making one takes longer than decompressing a block.
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  if (context == nullptr) return false;
  return ZSTD_decompressDCtx(context.get(), plain, plain_bytes, compressed.data(),
                             compressed.size()) == plain_bytes;
}

bool DecompressLz4(std::string_view compressed, char* plain, size_t plain_bytes) {
  if (compressed.size() > LZ4_MAX_INPUT_SIZE || plain_bytes > LZ4_MAX_INPUT_SIZE) return false;
  const int filled = LZ4_decompress_safe(compressed.data(), plain,
                                         static_cast<int>(compressed.size()),
                                         static_cast<int>(plain_bytes));
  return filled >= 0 && static_cast<size_t>(filled) == plain_bytes;
}

}  // namespace

struct Compressor::ZstdContext {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ~ZstdContext() { ZSTD_freeCCtx(context); }
};

Compressor::Compressor() = default;
Compressor::~Compressor() = default;

std::string_view Compressor::Compress(Compression method, std::string_view plain) {
  const size_t limit_bytes = plain.size() - plain.size() / 8;
  if (plain.size() > LZ4_MAX_INPUT_SIZE || limit_bytes == plain.size()) return {};
  buffer_.resize(limit_bytes);
  if (method == Compression::kLz4) {
    const int bytes =
        LZ4_compress_default(plain.data(), buffer_.data(), static_cast<int>(plain.size()),
                             static_cast<int>(limit_bytes));
    return std::string_view(buffer_).substr(0, static_cast<size_t>(bytes));  // 0: too long
  }
  if (method == Compression::kZstd) {
    if (zstd_ == nullptr) zstd_ = std::make_unique<ZstdContext>();
    const size_t bytes = ZSTD_compressCCtx(zstd_->context, buffer_.data(), limit_bytes,
                                           plain.data(), plain.size(), kZstdLevel);
    return std::string_view(buffer_).substr(0, ZSTD_isError(bytes) != 0 ? 0 : bytes);
  }
  return {};
}

bool Decompress(Compression method, std::string_view compressed, char* plain, size_t plain_bytes) {
  switch (method) {
    case Compression::kLz4: return DecompressLz4(compressed, plain, plain_bytes);
    case Compression::kZstd: return DecompressZstd(compressed, plain, plain_bytes);
    case Compression::kNone: break;
  }
  return false;
}

bool IsCompressedBlock(std::string_view stored) {
  return stored.size() >= kBlockHeaderBytes && CompressedBlockHeader(stored).is_compressed();
}

std::string_view CompressBlock(Compressor* compressor, Compression method, std::string_view plain,
                               uint32_t block, std::string* out) {
  const std::string_view payload = compressor->Compress(method, plain.substr(kChecksumBytes));
  if (payload.empty()) return {};
  CompressedBlockHeader header;
  header.records = base::Load32(plain.data() + kChecksumBytes);
  header.method = method;
  header.plain_bytes = static_cast<uint32_t>(plain.size());
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  out->clear();
  header.AppendTo(out);
  out->append(payload);
  out->resize(RoundUpToAlignment(out->size()));
  SetBlockChecksum(out->data(), out->size(), block);
  return *out;
}

bool DecompressValue(const ValueReference& reference, std::string_view stored, std::string* value) {
  if (reference.plain_bytes > kMaxValueBytes) return false;
  value->resize(reference.plain_bytes);
  return Decompress(reference.method, stored, value->data(), value->size());
}

Result<OwnedBytes> DecompressBlock(std::string_view stored) {
  const CompressedBlockHeader header(stored);
  if (BlockBytes(stored, stored.size()) != stored.size()) {
    return Damaged("the sizes in its header do not add up to its size");
  }
  OwnedBytes plain = OwnedBytes::OfSize(header.plain_bytes);
  std::memset(plain.bytes.get(), 0, kChecksumBytes);
  if (!Decompress(header.method, stored.substr(kBlockHeaderBytes, header.payload_bytes),
                  plain.bytes.get() + kChecksumBytes, plain.size_bytes - kChecksumBytes)) {
    return Damaged("it does not decompress");
  }
  if (base::Load32(plain.bytes.get() + kChecksumBytes) != header.records) {
    return Damaged("it counts its records in two ways");
  }
  return plain;
}

}  // namespace sibyl::storage
