// Ends this process at a chosen system call that changes the disk, as a crash or a power cut would.
//
// Link disk_interposer.cc into an executable: its write, fdatasync, rename and so on take the place
// of the C library's, for shared libraries, too. Calls on files below one directory are counted.
//
// A power cut is simulated strictly: of a file, bytes that were never synced are lost, and so are
// files created, renamed or removed since their directory was last synced. (A real file system may
// keep more, and so may the variants below.) What was there before the process started is durable.

#ifndef SIBYL_TESTS_CRASH_DISK_INTERPOSER_H_
#define SIBYL_TESTS_CRASH_DISK_INTERPOSER_H_

#include <cstdint>
#include <string>

namespace sibyl::testing {

enum class CrashKind {
  kKill,            // SIGKILL before the call
  kTornWrite,       // SIGKILL after half of the call, if it is a write
  kPowerCut,        // all that is not synced is lost
  kPowerCutTail,    // as kPowerCut, but some of the unsynced tail of each file is kept
  kPowerCutGarbage  // as kPowerCutTail, with pages of noise or zeros in what is kept
};

// The process ends at call number `crash_at_call` (from 1; 0: never) that changes something below
// `directory`. Call it once, before anything opens a file there.
void ArmDiskInterposer(const std::string& directory, uint64_t crash_at_call, CrashKind kind);

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_CRASH_DISK_INTERPOSER_H_
