// LIKE, ILIKE, SIMILAR TO and regular expressions. RE2 takes time linear in the text, whatever the
// pattern; what it does not know (look-ahead, back references) is an error, not another answer.

#include <re2/re2.h>

#include <array>
#include <memory>
#include <utility>

#include "sql/server/catalogue/function_support.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostPatternBytes = 100'000;

// Wants the pattern, as argument `place` of the running function, compiled; keeps it as long as the
// argument is the same constant. nullptr after an error.
const re2::RE2* Compiled(sqlite3_context* context, int place, const std::string& regex,
                         bool ignore_case, bool anchored) {
  struct Kept {
    Kept(std::string text, const std::string& whole, const re2::RE2::Options& options)
        : regex(std::move(text)), compiled(whole, options) {}
    std::string regex;
    re2::RE2 compiled;
  };
  auto* kept = static_cast<Kept*>(sqlite3_get_auxdata(context, place));
  if (kept != nullptr && kept->regex == regex) return &kept->compiled;
  if (regex.size() > kMostPatternBytes) {
    FailFunction(context, "54000", "pattern is too long");
    return nullptr;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!ignore_case);
  options.set_dot_nl(true);
  options.set_never_capture(false);
  options.set_max_mem(16 << 20);
  const std::string whole = anchored ? "\\A(?:" + regex + ")\\z" : regex;
  auto fresh = std::make_unique<Kept>(regex, whole, options);
  if (!fresh->compiled.ok()) {
    FailFunction(context, "2201B", "invalid regular expression: " + fresh->compiled.error());
    return nullptr;
  }
  Kept* const raw = fresh.release();
  sqlite3_set_auxdata(context, place, raw, [](void* data) { delete static_cast<Kept*>(data); });
  // SQLite may already have thrown it away, when it is out of memory or the argument is no
  // constant.
  auto* stored = static_cast<Kept*>(sqlite3_get_auxdata(context, place));
  return stored != nullptr ? &stored->compiled : nullptr;
}

void AppendLiteral(char c, std::string* regex) {
  constexpr std::string_view kSpecial = "\\.+*?()[]{}|^$";
  if (kSpecial.find(c) != std::string_view::npos) *regex += '\\';
  *regex += c;
}

// A LIKE pattern as a regular expression. nullopt: it ends with its escape character.
std::optional<std::string> RegexOfLike(std::string_view pattern, std::string_view escape) {
  std::string regex;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (!escape.empty() && pattern.substr(i).starts_with(escape)) {
      i += escape.size();
      if (i >= pattern.size()) return std::nullopt;
      AppendLiteral(pattern[i], &regex);
    } else if (pattern[i] == '%') {
      regex += ".*";
    } else if (pattern[i] == '_') {
      regex += '.';
    } else {
      AppendLiteral(pattern[i], &regex);
    }
  }
  return regex;
}

// SIMILAR TO: LIKE's wildcards, and of regular expressions | * + ? {m,n} ( ) [ ].
std::optional<std::string> RegexOfSimilar(std::string_view pattern, std::string_view escape) {
  std::string regex;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (!escape.empty() && pattern.substr(i).starts_with(escape)) {
      i += escape.size();
      if (i >= pattern.size()) return std::nullopt;
      AppendLiteral(pattern[i], &regex);
    } else if (in_class) {
      if (c == '\\') regex += '\\';
      regex += c;
      in_class = c != ']';
    } else if (c == '%') {
      regex += ".*";
    } else if (c == '_') {
      regex += '.';
    } else if (c == '.' || c == '^' || c == '$' || c == '\\') {
      AppendLiteral(c, &regex);
    } else {
      in_class = c == '[';
      regex += c == '(' ? "(?:" : std::string(1, c);
    }
  }
  return regex;
}

void MatchWildcards(sqlite3_context* context, int count, sqlite3_value** values,
                    std::optional<std::string> (*translate)(std::string_view, std::string_view),
                    bool ignore_case) {
  const std::string_view escape = count > 2 ? TextArgument(values[2]) : "\\";
  const auto regex = translate(TextArgument(values[1]), escape);
  if (!regex) {
    FailFunction(context, "22025", "LIKE pattern must not end with escape character");
    return;
  }
  const re2::RE2* compiled = Compiled(context, 1, *regex, ignore_case, true);
  if (compiled == nullptr) return;
  const std::string_view text = TextArgument(values[0]);
  const bool matches =
      re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled);
  sqlite3_result_int(context, matches ? 1 : 0);
}

void LikeFunction(sqlite3_context* context, int count, sqlite3_value** values) {
  MatchWildcards(context, count, values, RegexOfLike, false);
}
void ILikeFunction(sqlite3_context* context, int count, sqlite3_value** values) {
  MatchWildcards(context, count, values, RegexOfLike, true);
}
void SimilarFunction(sqlite3_context* context, int count, sqlite3_value** values) {
  MatchWildcards(context, count, values, RegexOfSimilar, false);
}

// PostgreSQL's word boundaries have names of their own.
std::string RegexOfPostgres(std::string_view pattern) {
  std::string regex;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool escape = pattern[i] == '\\' && i + 1 < pattern.size();
    if (!escape) {
      regex += pattern[i];
      continue;
    }
    const char c = pattern[++i];
    regex += '\\';
    regex += c == 'y' || c == 'm' || c == 'M' ? 'b' : c == 'Y' ? 'B' : c == 'Z' ? 'z' : c;
  }
  return regex;
}

void MatchRegex(sqlite3_context* context, sqlite3_value** values, bool ignore_case) {
  const re2::RE2* compiled =
      Compiled(context, 1, RegexOfPostgres(TextArgument(values[1])), ignore_case, false);
  if (compiled == nullptr) return;
  const std::string_view text = TextArgument(values[0]);
  const bool matches =
      re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled);
  sqlite3_result_int(context, matches ? 1 : 0);
}

void RegexMatch(sqlite3_context* context, int, sqlite3_value** values) {
  MatchRegex(context, values, false);
}
void RegexMatchNoCase(sqlite3_context* context, int, sqlite3_value** values) {
  MatchRegex(context, values, true);
}

// False after an error: flags are letters of "gi".
bool ReadFlags(sqlite3_context* context, std::string_view flags, bool* global, bool* ignore_case) {
  for (const char flag : flags) {
    if (flag == 'g' && global != nullptr) {
      *global = true;
    } else if (flag == 'i') {
      *ignore_case = true;
    } else if (flag != 'c') {
      FailFunction(context, "22023",
                   std::string("invalid regular expression option: \"") + flag + "\"");
      return false;
    }
  }
  return true;
}

void RegexpLike(sqlite3_context* context, int count, sqlite3_value** values) {
  bool ignore_case = false;
  if (count > 2 && !ReadFlags(context, TextArgument(values[2]), nullptr, &ignore_case)) return;
  MatchRegex(context, values, ignore_case);
}

// regexp_replace(text, pattern, replacement [, flags]): \1 to \9 and \& stand for what matched.
void RegexpReplace(sqlite3_context* context, int count, sqlite3_value** values) {
  bool global = false;
  bool ignore_case = false;
  if (count > 3 && !ReadFlags(context, TextArgument(values[3]), &global, &ignore_case)) return;
  const re2::RE2* compiled =
      Compiled(context, 1, RegexOfPostgres(TextArgument(values[1])), ignore_case, false);
  if (compiled == nullptr) return;
  std::string replacement(TextArgument(values[2]));
  for (size_t i = 0; i + 1 < replacement.size(); ++i) {
    if (replacement[i] == '\\' && replacement[i + 1] == '&') replacement[i + 1] = '0';
    if (replacement[i] == '\\') ++i;
  }
  std::string text(TextArgument(values[0]));
  if (global) {
    re2::RE2::GlobalReplace(&text, *compiled, replacement);
  } else {
    re2::RE2::Replace(&text, *compiled, replacement);
  }
  ResultText(context, std::string_view(text));
}

// What matches, or its first group where the pattern has groups; NULL if nothing does.
void SubstringByPattern(sqlite3_context* context, int, sqlite3_value** values) {
  const re2::RE2* compiled =
      Compiled(context, 1, RegexOfPostgres(TextArgument(values[1])), false, false);
  if (compiled == nullptr) return;
  const std::string_view text = TextArgument(values[0]);
  std::array<re2::StringPiece, 2> found;  // the whole, the first group
  const int groups = compiled->NumberOfCapturingGroups() > 0 ? 2 : 1;
  if (!compiled->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                       re2::RE2::UNANCHORED, found.data(), groups)) {
    return;
  }
  const re2::StringPiece& part = found[static_cast<size_t>(groups - 1)];
  if (part.data() != nullptr) ResultText(context, std::string_view(part.data(), part.size()));
}

constexpr SqlFunction kFunctions[] = {
    {"pg_ilike", 2, ILikeFunction},
    {"pg_ilike", 3, ILikeFunction},
    {"pg_like", 2, LikeFunction},
    {"pg_like", 3, LikeFunction},
    {"pg_regex_imatch", 2, RegexMatchNoCase},
    {"pg_regex_match", 2, RegexMatch},
    {"pg_regexp_like", 2, RegexpLike},
    {"pg_regexp_like", 3, RegexpLike},
    {"pg_regexp_replace", 3, RegexpReplace},
    {"pg_regexp_replace", 4, RegexpReplace},
    {"pg_similar", 2, SimilarFunction},
    {"pg_similar", 3, SimilarFunction},
    {"pg_substring_by_pattern", 2, SubstringByPattern},
};

}  // namespace

int RegisterPatternFunctions(sqlite3* db) { return RegisterAll(db, kFunctions, nullptr, true); }

}  // namespace sibyl::sql::server
