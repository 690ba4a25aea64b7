// The command line: subcommands, each with its words and what it runs.
//
// CLI11 does the work, in command_line.cc alone: its header takes longer to compile than all of the
// tool besides.

#ifndef SIBYL_TOOLS_COMMAND_LINE_H_
#define SIBYL_TOOLS_COMMAND_LINE_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/output.h"

namespace CLI {
class App;
}

namespace sibyl::tools {

// One subcommand. Values are written to the given places when the command line is parsed: these
// must live until the command has run. `shown` is what --help prints for an option's value.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  void Positional(const char* name, std::string* value, const char* description);
  void OptionalPositional(const char* name, std::string* value, const char* description);
  void Positionals(const char* name, std::vector<std::string>* values, const char* description);
  void Option(const char* name, std::string* value, const char* shown, const char* description);
  void Option(const char* name, std::optional<std::string>* value, const char* shown,
              const char* description);
  void Option(const char* name, uint64_t* value, const char* shown, const char* description);
  void Flag(const char* name, bool* value, const char* description);

  // An option that takes one of these words.
  template <typename T>
  void Choice(const char* name, std::initializer_list<std::pair<const char*, T>> choices, T* value,
              const char* shown, const char* description) {
    std::vector<std::string> words;
    std::vector<T> values;
    for (const auto& [word, meaning] : choices) {
      words.emplace_back(word);
      values.push_back(meaning);
    }
    ChoiceOfWord(
        name, words, [=](size_t chosen) { *value = values[chosen]; }, shown, description);
  }

  // Refuses `name` together with any of `others`, all added before.
  void Excludes(const char* name, std::initializer_list<const char*> others);

  // Takes every word after the command as it is, but --help.
  void TakeAllWords(std::vector<std::string>* words);

  // Printed at the end of --help.
  void Teach(const char* text);

  // What the command does.
  void Does(std::function<ExitCode()> action) { action_ = std::move(action); }

 private:
  friend class CommandLine;

  void ChoiceOfWord(const char* name, const std::vector<std::string>& words,
                    std::function<void(size_t)> chosen, const char* shown, const char* description);

  CLI::App* app_;
  std::vector<std::string>* all_words_ = nullptr;
  std::function<ExitCode()> action_;
};

class CommandLine {
 public:
  CommandLine(const char* name, const char* description, const char* teaching,
              const std::string& version);
  ~CommandLine();

  // The command lives as long as this object, at one place.
  Command& Add(const char* name, const char* description);

  // Parses the words and runs the command they choose. Complains where they cannot be understood.
  ExitCode Run(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  std::vector<std::unique_ptr<Command>> commands_;
};

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_COMMAND_LINE_H_
