#include "storage/commit_log_rocksdb_forgetful.h"

#include <cstddef>
#include <new>
#include <string>

namespace sibyl::storage {
namespace {

// A buffer that grew beyond this for one large entry is given back.
constexpr size_t kMaxKeptBytes = 1 << 20;

class EmptyIterator final : public rocksdb::MemTableRep::Iterator {
 public:
  bool Valid() const override { return false; }
  const char* key() const override { return nullptr; }
  void Next() override {}
  void Prev() override {}
  void Seek(const rocksdb::Slice&, const char*) override {}
  void SeekForPrev(const rocksdb::Slice&, const char*) override {}
  void SeekToFirst() override {}
  void SeekToLast() override {}
};

// One thread writes at a time: the log holds a mutex for each write.
class ForgetfulRep final : public rocksdb::MemTableRep {
 public:
  explicit ForgetfulRep(rocksdb::Allocator* allocator) : MemTableRep(allocator) {}

  // RocksDB writes each entry somewhere before it inserts it: always here.
  rocksdb::KeyHandle Allocate(size_t size_bytes, char** buffer) override {
    if (buffer_.size() < size_bytes) {
      buffer_.resize(size_bytes);
    } else if (buffer_.size() > kMaxKeptBytes && size_bytes <= kMaxKeptBytes) {
      buffer_ = std::string(size_bytes, '\0');
    }
    *buffer = buffer_.data();
    return *buffer;
  }
  void Insert(rocksdb::KeyHandle) override {}
  bool Contains(const char*) const override { return false; }
  size_t ApproximateMemoryUsage() override { return 0; }

  // With an arena the caller ends the iterator's life, but does not free it: its memory is ours. It
  // has no state, so one place serves all.
  Iterator* GetIterator(rocksdb::Arena* arena) override {
    return arena == nullptr ? new EmptyIterator : new (iterator_memory_) EmptyIterator;
  }

 private:
  std::string buffer_;
  alignas(EmptyIterator) std::byte iterator_memory_[sizeof(EmptyIterator)];
};

class ForgetfulFactory final : public rocksdb::MemTableRepFactory {
 public:
  using MemTableRepFactory::CreateMemTableRep;
  rocksdb::MemTableRep* CreateMemTableRep(const rocksdb::MemTableRep::KeyComparator&,
                                          rocksdb::Allocator* allocator,
                                          const rocksdb::SliceTransform*,
                                          rocksdb::Logger*) override {
    return new ForgetfulRep(allocator);
  }
  const char* Name() const override { return "SibylForgetfulRep"; }
};

}  // namespace

std::shared_ptr<rocksdb::MemTableRepFactory> NewForgetfulMemTableFactory() {
  return std::make_shared<ForgetfulFactory>();
}

}  // namespace sibyl::storage
