// Stats and verify reports as JSON, for programs. Field names are those of sibyl/stats.h.

#ifndef SIBYL_TOOLS_STATS_JSON_H_
#define SIBYL_TOOLS_STATS_JSON_H_

#include <string>

#include "sibyl/database.h"
#include "sibyl/stats.h"

namespace sibyl::tools {

std::string ToJson(const Stats& stats);
std::string ToJson(const VerifyReport& report);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_STATS_JSON_H_
