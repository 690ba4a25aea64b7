// The ranges that options.h documents, checked once, when a database is opened.

#ifndef SIBYL_ENGINE_OPTION_LIMITS_H_
#define SIBYL_ENGINE_OPTION_LIMITS_H_

#include "sibyl/options.h"
#include "sibyl/result.h"

namespace sibyl::engine {

// Errors: kInvalidArgument naming the first option that is out of its range, its value, the range.
Status CheckOptions(const Options& options);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_OPTION_LIMITS_H_
