#include "tools/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace sibyl::tools {
namespace {

constexpr size_t kHelpColumns = 26;

}  // namespace

void Command::Positional(const char* name, std::string* value, const char* description) {
  app_->add_option(name, *value, description)->required();
}

void Command::OptionalPositional(const char* name, std::string* value, const char* description) {
  app_->add_option(name, *value, description);
}

void Command::Positionals(const char* name, std::vector<std::string>* values,
                          const char* description) {
  app_->add_option(name, *values, description)->required();
}

void Command::Option(const char* name, std::string* value, const char* shown,
                     const char* description) {
  app_->add_option(name, *value, description)->option_text(shown);
}

void Command::Option(const char* name, std::optional<std::string>* value, const char* shown,
                     const char* description) {
  app_->add_option(name, *value, description)->option_text(shown);
}

void Command::Option(const char* name, uint64_t* value, const char* shown,
                     const char* description) {
  app_->add_option(name, *value, description)->option_text(shown);
}

void Command::Flag(const char* name, bool* value, const char* description) {
  app_->add_flag(name, *value, description);
}

void Command::ChoiceOfWord(const char* name, const std::vector<std::string>& words,
                           std::function<void(size_t)> chosen, const char* shown,
                           const char* description) {
  const auto choose = [=](const std::string& word) {
    chosen(static_cast<size_t>(std::find(words.begin(), words.end(), word) - words.begin()));
  };
  app_->add_option_function<std::string>(name, choose, description)
      ->check(CLI::IsMember(words))
      ->option_text(shown);
}

void Command::Excludes(const char* name, std::initializer_list<const char*> others) {
  for (const char* other : others) app_->get_option(name)->excludes(app_->get_option(other));
}

void Command::TakeAllWords(std::vector<std::string>* words) {
  all_words_ = words;
  app_->prefix_command();
  app_->set_help_flag("--help", "Print this help message and exit");  // not -h: -header is theirs
}

void Command::Teach(const char* text) { app_->footer(text); }

CommandLine::CommandLine(const char* name, const char* description, const char* teaching,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->footer(teaching);
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->get_formatter()->column_width(kHelpColumns);
  app_->get_formatter()->label("TEXT", "");
  app_->get_formatter()->label("REQUIRED", "");
}

CommandLine::~CommandLine() = default;

Command& CommandLine::Add(const char* name, const char* description) {
  commands_.push_back(std::make_unique<Command>(app_->add_subcommand(name, description)));
  return *commands_.back();
}

ExitCode CommandLine::Run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    app_->exit(request);
    return ExitCode::kOk;
  } catch (const CLI::ParseError& error) {
    return Complain(ExitCode::kUsage, std::string(error.what()) + " (see sibyl --help)");
  }
  for (const auto& command : commands_) {
    if (!command->app_->parsed()) continue;
    if (command->all_words_ != nullptr) *command->all_words_ = command->app_->remaining();
    return command->action_();
  }
  return ExitCode::kUsage;  // not reached: one subcommand is required
}

}  // namespace sibyl::tools
