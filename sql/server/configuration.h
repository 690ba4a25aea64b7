// The configuration file of `sibyl serve`: lines "name = value", "#" begins a comment.

#ifndef SIBYL_SQL_SERVER_CONFIGURATION_H_
#define SIBYL_SQL_SERVER_CONFIGURATION_H_

#include <string>
#include <string_view>

#include "sibyl/result.h"
#include "sql/server/server_options.h"

namespace sibyl::sql::server {

// Sets what `text` says, the content of the file `path`. kInvalidArgument names the file and the
// line with a name that does not exist or a value that does not fit.
Status ApplyConfiguration(std::string_view text, const std::string& path, ServerOptions* options);

// Reads the file and applies it.
Status ApplyConfigurationFile(const std::string& path, ServerOptions* options);

// One option by its name in the file.
Status SetOption(std::string_view name, std::string_view value, ServerOptions* options);

// A file with every option, its default and what it means.
std::string ConfigurationTemplate();

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CONFIGURATION_H_
