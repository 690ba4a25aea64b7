#include "bench/micro/index_reports.h"

#include <cstdio>

#include "sibyl/range_report.h"
#include "sibyl/string_report.h"

namespace sibyl::bench {
namespace {

template <typename AnyDrift>
void PrintDrift(const AnyDrift& drift, const std::string& from, std::ostream* out) {
  char line[160];
  std::snprintf(line, sizeof line,
                "drift from %s: distance %.4f, %.2f %% below its smallest key, %.2f %% above its "
                "largest; most at ",
                from.c_str(), drift.distance, 100 * drift.share_below, 100 * drift.share_above);
  *out << line << drift.at_key << "\n";
}

}  // namespace

void PrintReport(const Dataset& data, const Dataset* before, std::ostream* out) {
  // Keys are sorted: Build cannot fail.
  *out << "\n"
       << data.FullName() << ": " << index::Report(index::RangeIndex::Build(data.keys).value());
  if (before == nullptr) return;
  const auto old = index::RangeIndex::Build(before->keys);
  PrintDrift(index::DriftFrom(*old, data.keys), before->FullName(), out);
}

void PrintReport(const StringSet& set, const StringSet* before, std::ostream* out) {
  *out << "\n" << set.name << ": " << index::Report(index::StringIndex::Build(set.keys).value());
  if (before == nullptr) return;
  const auto old = index::StringIndex::Build(before->keys);
  PrintDrift(index::DriftFrom(*old, set.keys), before->name, out);
}

}  // namespace sibyl::bench
