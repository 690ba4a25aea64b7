// A session's parameters: what SET, SHOW and the startup packet are about.

#ifndef SIBYL_SQL_SERVER_SETTINGS_H_
#define SIBYL_SQL_SERVER_SETTINGS_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

enum class TimeLimit : uint8_t { kStatement, kLock, kIdleInTransaction, kIdleSession };

// Names are compared without case.
class Settings {
 public:
  struct Change {
    std::string name;  // as ParameterStatus writes it
    std::string value;
  };

  Settings();

  std::optional<std::string> Get(std::string_view name) const;

  // Checks and sets. 42704 for a parameter that does not exist, 22023 for a value it does not take,
  // 55P02 for one that cannot be changed, 0A000 for one whose other values we do not serve.
  SqlStatus Set(std::string_view name, std::string_view value);

  // The same for the server itself: without checks.
  void Force(std::string_view name, std::string_view value);

  // Back to what it was when the session began (see KeepAsDefaults).
  SqlStatus Reset(std::string_view name);
  void ResetAll();
  void KeepAsDefaults() { defaults_ = values_; }

  // The value that `name` has now comes back at EndTransaction.
  void MakeLocal(std::string_view name);
  void EndTransaction();

  // In milliseconds; 0: none.
  uint64_t TimeLimitMs(TimeLimit limit) const {
    return time_limits_ms_[static_cast<size_t>(limit)];
  }

  // All, by name.
  std::vector<Change> All() const;

  // Those of which clients are told, at the start; and those that changed since the last call.
  std::vector<Change> Reported() const;
  std::vector<Change> TakeChanges();

 private:
  struct NoCase {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  using Values = std::map<std::string, std::string, NoCase>;

  void Store(std::string_view name, std::string value);
  void ReadTimeLimits();

  Values values_;
  std::array<uint64_t, 4> time_limits_ms_{};  // of values_, since every statement asks for them
  Values defaults_;
  Values local_;  // what to restore
  std::vector<Change> changes_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SETTINGS_H_
