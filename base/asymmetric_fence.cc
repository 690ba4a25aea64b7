#include "base/asymmetric_fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

namespace sibyl::base {

namespace {

bool Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

bool CanUseHeavyFence() { return Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED); }

void HeavyFence() { SIBYL_CHECK(Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)); }

}  // namespace sibyl::base
