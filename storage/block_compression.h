// Compressed blocks: a plain block (storage/block.h) squeezed by LZ4 or Zstd, byte by byte in
// docs/file-format.md, "Compressed block".

#ifndef SIBYL_STORAGE_BLOCK_COMPRESSION_H_
#define SIBYL_STORAGE_BLOCK_COMPRESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sibyl/result.h"
#include "sibyl/tree.h"
#include "storage/block.h"

namespace sibyl::storage {

// Bytes that have one owner.
struct OwnedBytes {
  std::unique_ptr<char[]> bytes;
  size_t size_bytes = 0;

  static OwnedBytes OfSize(size_t size_bytes) {
    return {std::make_unique_for_overwrite<char[]>(size_bytes), size_bytes};
  }
  std::string_view view() const { return {bytes.get(), size_bytes}; }
};

// ---- Any bytes ----

// Compresses. One thread at a time; keeps its working memory from one call to the next.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // `plain` compressed, valid until the next call; empty if that does not make it smaller by at
  // least an eighth, so that reading it back would not be worth its time.
  std::string_view Compress(Compression method, std::string_view plain);

 private:
  struct ZstdContext;
  std::unique_ptr<ZstdContext> zstd_;
  std::string buffer_;
};

// Fills the `plain_bytes` at `plain` from `compressed`. False: that is not what it holds. Thread-safe.
bool Decompress(Compression method, std::string_view compressed, char* plain, size_t plain_bytes);

// ---- Blocks and values out of line ----

// Whether `stored`, a block's bytes or its header, says that it is a compressed one.
bool IsCompressedBlock(std::string_view stored);

// Makes `plain`, a block as BlockBuilder makes it, the compressed block numbered `block`. Empty if
// compressing does not pay. Valid until the next use of `compressor`, or of `*out`.
std::string_view CompressBlock(Compressor* compressor, Compression method, std::string_view plain,
                               uint32_t block, std::string* out);

// The plain form of a compressed block whose checksum was found right; its own checksum field is 0.
// Errors: kCorruption, saying what is wrong; the caller adds file and block.
Result<OwnedBytes> DecompressBlock(std::string_view stored);

// The value of which `stored`, whose checksum was found right, is the compressed form. False: it does
// not decompress to what `reference` says.
bool DecompressValue(const ValueReference& reference, std::string_view stored, std::string* value);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_BLOCK_COMPRESSION_H_
