// Goal: SET, SHOW and RESET know PostgreSQL's parameters, refuse what cannot be, and undo what was
// local; the configuration file says where it is wrong.
// Method: examples of each kind of parameter and of each error.

#include <catch2/catch.hpp>

#include "sql/server/authorizer.h"
#include "sql/server/configuration.h"
#include "sql/server/settings.h"
#include "sql/server/startup_options.h"

#include <sqlite3.h>

namespace sibyl::sql::server {
namespace {

TEST_CASE("parameters are checked", "[server][settings]") {
  Settings settings;
  CHECK(settings.Set("datestyle", "ISO"));
  CHECK(settings.Get("DATESTYLE") == "ISO");
  CHECK(settings.Set("client_encoding", "'utf-8'"));
  CHECK(settings.Get("client_encoding") == "UTF8");
  CHECK(settings.Set("client_encoding", "latin1").error().sqlstate == "0A000");
  CHECK(settings.Set("server_version", "16").error().sqlstate == "55P02");
  CHECK(settings.Set("standard_conforming_strings", "on"));
  CHECK_FALSE(settings.Set("standard_conforming_strings", "off"));
  CHECK(settings.Set("no_such_thing", "1").error().sqlstate == "42704");
  CHECK(settings.Set("my.own", "1"));
  CHECK(settings.Get("my.own") == "1");
  CHECK(settings.Set("enable_partitionwise_aggregate", "on"));
  CHECK(settings.Set("statement_timeout", "2s"));
  CHECK(settings.TimeLimitMs(TimeLimit::kStatement) == 2000);
  CHECK(settings.Set("statement_timeout", "1min"));
  CHECK(settings.TimeLimitMs(TimeLimit::kStatement) == 60'000);
  CHECK_FALSE(settings.Set("statement_timeout", "soon"));
  CHECK_FALSE(settings.Set("default_transaction_isolation", "chaos"));
  CHECK_FALSE(settings.Get("nothing").has_value());
}

TEST_CASE("what was local comes back, RESET too", "[server][settings]") {
  Settings settings;
  REQUIRE(settings.Set("application_name", "outer"));
  settings.KeepAsDefaults();
  settings.MakeLocal("application_name");
  REQUIRE(settings.Set("application_name", "inner"));
  settings.EndTransaction();
  CHECK(settings.Get("application_name") == "outer");
  REQUIRE(settings.Set("application_name", "other"));
  REQUIRE(settings.Reset("application_name"));
  CHECK(settings.Get("application_name") == "outer");
  CHECK(settings.Reset("nothing").error().sqlstate == "42704");
}

TEST_CASE("clients hear of changes of what is reported to them, once", "[server][settings]") {
  Settings settings;
  settings.TakeChanges();
  REQUIRE(settings.Set("timezone", "GMT"));
  REQUIRE(settings.Set("timezone", "GMT"));
  REQUIRE(settings.Set("search_path", "x"));
  const auto changes = settings.TakeChanges();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].name == "TimeZone");
  CHECK(changes[0].value == "GMT");
  CHECK(settings.TakeChanges().empty());
}

TEST_CASE("the configuration file", "[server][settings]") {
  ServerOptions options;
  REQUIRE(ApplyConfiguration("# comment\n\n listen = :7000 \nmax_connections=5\ntrust_tcp = on\r\n",
                             "f", &options));
  CHECK(options.listen == ":7000");
  CHECK(options.max_connections == 5);
  CHECK(options.trust_tcp);
  const auto wrong = [](const char* text) {
    ServerOptions untouched;
    const auto status = ApplyConfiguration(text, "server.conf", &untouched);
    return status ? std::string() : status.error().message;
  };
  CHECK(wrong("\nlissten = x\n") == "server.conf, line 2: there is no option \"lissten\"");
  CHECK(wrong("max_connections = many") == "server.conf, line 1: \"many\" is not a number");
  CHECK_FALSE(wrong("max_connections = -1").empty());
  CHECK_FALSE(wrong("trust_tcp = yes").empty());
  CHECK_FALSE(wrong("synchronous = maybe").empty());
  CHECK_FALSE(wrong("nonsense").empty());
}

TEST_CASE("the printed configuration is one, and changes nothing", "[server][settings]") {
  std::string text = ConfigurationTemplate();
  ServerOptions options;
  CHECK(ApplyConfiguration(text, "f", &options));
  // Every commented-out setting is the default, and valid.
  size_t settings = 0;
  for (size_t at = 0; (at = text.find("\n# ", at)) != std::string::npos; ++settings) {
    const size_t end = text.find('\n', at + 1);
    const std::string line = text.substr(at + 3, end - at - 3);
    at = end;
    const size_t equals = line.find(" = ");
    const bool is_setting = equals != std::string::npos && line.find(' ') == equals;
    if (!is_setting) continue;
    INFO(line);
    CHECK(ApplyConfiguration(line, "f", &options));
  }
  CHECK(settings > 20);
  CHECK(options.max_connections == ServerOptions().max_connections);
}

TEST_CASE("what reaches beyond the database is denied", "[server][authorizer]") {
  CHECK(WhyDenied(SQLITE_ATTACH, "/etc/passwd", nullptr));
  CHECK(WhyDenied(SQLITE_DETACH, "x", nullptr));
  CHECK(WhyDenied(SQLITE_FUNCTION, nullptr, "Load_Extension"));
  CHECK(WhyDenied(SQLITE_FUNCTION, nullptr, "writefile"));
  CHECK_FALSE(WhyDenied(SQLITE_FUNCTION, nullptr, "upper"));
  CHECK(WhyDenied(SQLITE_PRAGMA, "writable_schema", "1"));
  CHECK(WhyDenied(SQLITE_PRAGMA, "temp_store_directory", "/tmp"));
  CHECK(WhyDenied(SQLITE_PRAGMA, "foreign_keys", "0"));
  CHECK_FALSE(WhyDenied(SQLITE_PRAGMA, "foreign_keys", nullptr));
  CHECK_FALSE(WhyDenied(SQLITE_PRAGMA, "table_info", "t"));
  CHECK(WhyDenied(SQLITE_READ, "sibyl_users", "verifier"));
  CHECK(WhyDenied(SQLITE_UPDATE, "SIBYL_USERS", "verifier"));
  CHECK(WhyDenied(SQLITE_ALTER_TABLE, "main", "sibyl_users"));
  CHECK(WhyDenied(SQLITE_CREATE_TRIGGER, "t", "sibyl_users"));
  CHECK_FALSE(WhyDenied(SQLITE_READ, "t", "a"));
  CHECK(WhyDenied(SQLITE_TRANSACTION, "BEGIN", nullptr));
}

TEST_CASE("options of a startup packet", "[server][settings]") {
  const auto parsed =
      ParseStartupOptions("-c a=1  -cb=two\\ words --work-mem=4MB -c search_path=x=\\\\y ");
  REQUIRE(parsed);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"a", "1"}, {"b", "two words"}, {"work_mem", "4MB"}, {"search_path", "x=\\y"}};
  CHECK(*parsed == expected);
  CHECK(ParseStartupOptions(" ")->empty());
  for (const char* bad : {"-c", "-c a", "-d 5", "a=1", "--a", "-c =1", "--"}) {
    INFO(bad);
    CHECK(ParseStartupOptions(bad).error().sqlstate == "42601");
  }
}

}  // namespace
}  // namespace sibyl::sql::server
