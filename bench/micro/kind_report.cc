#include "bench/micro/kind_report.h"

#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "bench/micro/pareto_plot.h"

namespace sibyl::bench {

std::string KindReport::ToJson() const {
  nlohmann::json tables = nlohmann::json::array();
  for (const KindTable& table : tables_) {
    nlohmann::json rows = nlohmann::json::array();
    for (const Row& row : table.rows) {
      rows.push_back({{"structure", row.structure},
                      {"single_ns", row.single_ns},
                      {"batch_ns", row.batch_ns},
                      {"serial_ns", row.serial_ns},
                      {"bytes_per_key", row.bytes_per_key},
                      {"build_seconds", row.build_seconds}});
    }
    tables.push_back({{"kind", table.kind}, {"dataset", table.dataset}, {"rows", rows}});
  }
  return nlohmann::json{{"tables", tables}}.dump(2) + "\n";
}

Status KindReport::Draw(const std::string& directory) const {
  for (const KindTable& table : tables_) {
    SIBYL_RETURN_IF_ERROR(DrawPareto(table.kind + " " + table.dataset, table.rows, directory));
  }
  return Ok();
}

std::string StructureName(const std::string& words) {
  std::string name;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == ',' && i + 1 < words.size() && words[i + 1] == ' ') {
      name += '-';
      ++i;
    } else {
      name += words[i] == ' ' || words[i] == '-' ? '_' : words[i];
    }
  }
  return name;
}

}  // namespace sibyl::bench
