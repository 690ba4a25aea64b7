// What a number depends on besides the code: machine, kernel, compiler, build.

#ifndef SIBYL_BENCH_WORKLOAD_ENVIRONMENT_H_
#define SIBYL_BENCH_WORKLOAD_ENVIRONMENT_H_

#include <string>
#include <utility>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::bench {

// Name and value, in the order to print them. What cannot be found out is "unknown".
std::vector<std::pair<std::string, std::string>> DescribeEnvironment();

// From here on the kernel maps nothing of this process with huge pages, neither memory nor files.
// Errors: kNotSupported.
Status ForbidHugePages();

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_ENVIRONMENT_H_
