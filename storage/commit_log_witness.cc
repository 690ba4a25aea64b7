#include "storage/commit_log_witness.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "base/checksum.h"
#include "base/coding.h"
#include "base/status_macros.h"

namespace sibyl::storage {
namespace {

// A slot: magic, u32 payload size, u64 checksum of the payload, payload; zeros up to its size.
constexpr std::string_view kMagic = "SBLWIT01";
constexpr size_t kHeaderBytes = 8 + 4 + 8;
constexpr size_t kSlotBytes = 4096;
constexpr size_t kMaxLogFiles = 256;  // of a longer list the newest are kept: they fit any slot

struct Slot {
  uint64_t writes = 0;
  LogTestimony testimony;
};

std::string EncodeSlot(const Slot& slot) {
  std::string payload;
  base::Put64(&payload, slot.writes);
  base::Put64(&payload, slot.testimony.synced_next_sequence);
  base::Put64(&payload, slot.testimony.manifest_number);
  base::PutString(&payload, slot.testimony.boot_id);
  base::PutVarint(&payload, slot.testimony.log_files.size());
  for (const uint64_t number : slot.testimony.log_files) base::PutVarint(&payload, number);

  std::string bytes(kMagic);
  base::Put32(&bytes, static_cast<uint32_t>(payload.size()));
  base::Put64(&bytes, base::Checksum(payload));
  bytes += payload;
  return bytes;
}

std::optional<Slot> DecodeSlot(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const uint32_t payload_bytes = base::Load32(bytes.data() + 8);
  const uint64_t checksum = base::Load64(bytes.data() + 12);
  if (payload_bytes > bytes.size() - kHeaderBytes) return std::nullopt;
  const std::string_view payload = bytes.substr(kHeaderBytes, payload_bytes);
  if (base::Checksum(payload) != checksum) return std::nullopt;

  base::Decoder decoder(payload);
  Slot slot;
  slot.writes = decoder.Get64();
  slot.testimony.synced_next_sequence = decoder.Get64();
  slot.testimony.manifest_number = decoder.Get64();
  slot.testimony.boot_id = decoder.GetString();
  const uint64_t files = decoder.GetVarint();
  for (uint64_t i = 0; i < files && decoder.ok(); ++i) {
    slot.testimony.log_files.push_back(decoder.GetVarint());
  }
  if (!decoder.ok() || !decoder.done()) return std::nullopt;
  return slot;
}

Error IoError(const Path& path, const char* action) {
  return Error{ErrorCode::kIo, path.string() + ": cannot " + action + ": " +
                                   std::generic_category().message(errno)};
}

// The bytes of slot `index`, fewer if the file ends before.
Result<std::string> ReadSlot(const Path& path, int descriptor, int index) {
  std::string bytes(kSlotBytes, '\0');
  size_t done = 0;
  while (done < kSlotBytes) {
    const ssize_t got = pread(descriptor, bytes.data() + done, kSlotBytes - done,
                              static_cast<off_t>(index * kSlotBytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return IoError(path, "read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

std::string CurrentBootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot_id;
  std::getline(file, boot_id);
  return boot_id;
}

Result<std::unique_ptr<LogWitness>> LogWitness::Open(const Path& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return IoError(path, "open");
  std::unique_ptr<LogWitness> witness(new LogWitness(path, descriptor));
  SIBYL_ASSIGN_OR_RETURN(const bool written, witness->LoadSlots());
  if (!written) SIBYL_RETURN_IF_ERROR(witness->Initialize());
  return witness;
}

Result<LogTestimony> LogWitness::Read(const Path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return LogTestimony();
  if (descriptor < 0) return IoError(path, "open");
  LogWitness witness(path, descriptor);
  SIBYL_RETURN_IF_ERROR(witness.LoadSlots());
  return witness.testimony();
}

LogWitness::~LogWitness() { close(descriptor_); }

Result<bool> LogWitness::LoadSlots() {
  std::optional<Slot> newest;
  bool empty = true;
  for (int index = 0; index < 2; ++index) {
    SIBYL_ASSIGN_OR_RETURN(const std::string bytes, ReadSlot(path_, descriptor_, index));
    empty = empty && bytes.empty();
    std::optional<Slot> slot = DecodeSlot(bytes);
    if (slot && (!newest || slot->writes > newest->writes)) newest = std::move(slot);
  }
  if (empty) return false;
  if (!newest) {
    return Error{ErrorCode::kCorruption, path_.string() + ": both copies are damaged"};
  }
  testimony_ = std::move(newest->testimony);
  writes_ = newest->writes;
  return true;
}

// Both slots are written, so that later writes are in place and need no space.
Status LogWitness::Initialize() {
  SIBYL_RETURN_IF_ERROR(WriteSlot());
  SIBYL_RETURN_IF_ERROR(WriteSlot());
  return Sync();
}

LogTestimony LogWitness::testimony() const {
  const std::lock_guard lock(mutex_);
  return testimony_;
}

void LogWitness::RecordSynced(uint64_t next_sequence, uint64_t manifest_number,
                              std::optional<std::vector<uint64_t>> log_files) {
  const std::lock_guard lock(mutex_);
  LogTestimony& known = testimony_;
  known.synced_next_sequence = std::max(known.synced_next_sequence, next_sequence);
  known.manifest_number = std::max(known.manifest_number, manifest_number);
  if (log_files) {
    const size_t surplus = log_files->size() - std::min(log_files->size(), kMaxLogFiles);
    known.log_files.assign(log_files->begin() + static_cast<ptrdiff_t>(surplus), log_files->end());
  }
  known.boot_id = boot_id_;
  static_cast<void>(WriteSlot());  // see the header for why an error may be ignored
}

Status LogWitness::WriteSlot() {
  ++writes_;
  std::string bytes = EncodeSlot({writes_, testimony_});
  bytes.resize(kSlotBytes, '\0');
  const off_t offset = static_cast<off_t>(writes_ % 2 * kSlotBytes);
  const ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), offset);
  if (written != static_cast<ssize_t>(bytes.size())) return IoError(path_, "write");
  return Ok();
}

Status LogWitness::Sync() {
  if (fdatasync(descriptor_) != 0) return IoError(path_, "sync");
  return Ok();
}

}  // namespace sibyl::storage
