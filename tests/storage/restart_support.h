// Pretends that the machine was restarted, to the commit log.

#ifndef SIBYL_TESTS_STORAGE_RESTART_SUPPORT_H_
#define SIBYL_TESTS_STORAGE_RESTART_SUPPORT_H_

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/checksum.h"
#include "base/coding.h"
#include "storage/commit_log_witness.h"

namespace sibyl::storage {

// Makes the witness of the closed log in `directory` one of an earlier run of the machine.
inline void PretendRestart(const Path& directory) {
  const Path path = directory / "WITNESS";
  if (!std::filesystem::exists(path)) return;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  std::string bytes(2 * 4096, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const std::string boot_id = CurrentBootId();
  REQUIRE_FALSE(boot_id.empty());
  for (size_t slot = 0; slot < bytes.size(); slot += 4096) {
    const size_t found = bytes.find(boot_id, slot);
    if (found >= slot + 4096) continue;  // not written yet
    bytes[found] = bytes[found] == '0' ? '1' : '0';
    const uint64_t checksum =
        base::Checksum(std::string_view(bytes).substr(slot + 20, base::Load32(&bytes[slot + 8])));
    std::memcpy(&bytes[slot + 12], &checksum, sizeof(checksum));
  }
  file.clear();
  file.seekp(0);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace sibyl::storage

#endif  // SIBYL_TESTS_STORAGE_RESTART_SUPPORT_H_
