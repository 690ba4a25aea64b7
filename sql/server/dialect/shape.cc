#include "sql/server/dialect/shape.h"

#include <array>
#include <limits>
#include <optional>

#include "base/text.h"
#include "sql/server/dialect/text.h"
#include "sql/server/type_oids.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostBytes = 4096;  // a longer text hardly comes again
constexpr size_t kMostConstants = 64;

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool IsOperator(char c) {
  return std::string_view("+-*/<>=~!@#%^&|`?:.").find(c) != std::string_view::npos;
}

enum class Kind : uint8_t {
  kEnd,
  kWord,        // a name without quotes, or a keyword
  kQuotedName,  // "..."
  kNumber,      // digits only
  kString,      // '...'
  kSymbol,      // one of ( ) , * and operators of one character
  kOther        // what no plain statement has
};

struct Lexeme {
  Kind kind = Kind::kEnd;
  size_t begin = 0;
  size_t end = 0;
};

// Reads the text from left to right, one lexeme ahead.
class Reader {
 public:
  explicit Reader(std::string_view sql) : sql_(sql) { Next(); }

  const Lexeme& now() const { return now_; }
  std::string_view text() const { return sql_.substr(now_.begin, now_.end - now_.begin); }
  bool at_end() const { return now_.kind == Kind::kEnd; }

  void Next() {
    size_t at = now_.end;
    while (at < sql_.size() && IsSpace(sql_[at])) ++at;
    now_.begin = at;
    now_.kind = KindAt(at, &now_.end);
  }

  bool IsWord(std::string_view word) const {
    return now_.kind == Kind::kWord && EqualIgnoringCase(text(), word);
  }
  bool IsSymbol(char symbol) const {
    return now_.kind == Kind::kSymbol && sql_[now_.begin] == symbol;
  }
  bool TakeWord(std::string_view word) { return TakeIf(IsWord(word)); }
  bool TakeSymbol(char symbol) { return TakeIf(IsSymbol(symbol)); }

 private:
  bool TakeIf(bool is_there) {
    if (is_there) Next();
    return is_there;
  }

  Kind KindAt(size_t at, size_t* end) const {
    *end = at;
    if (at == sql_.size()) return Kind::kEnd;
    const char c = sql_[at];
    if (IsNameStart(c)) return Word(at, end);
    if (IsDigit(c)) return Number(at, end);
    if (c == '\'' || c == '"') return Quoted(at, end);
    *end = at + 1;
    if (c == '(' || c == ')' || c == ',') return Kind::kSymbol;
    return IsOperator(c) && IsWholeOperator(at) ? Kind::kSymbol : Kind::kOther;
  }

  Kind Word(size_t at, size_t* end) const {
    while (at < sql_.size() && IsNamePart(sql_[at])) ++at;
    *end = at;
    return at < sql_.size() && sql_[at] == '\'' ? Kind::kOther : Kind::kWord;  // E'\n', x'00'
  }

  Kind Number(size_t at, size_t* end) const {
    while (at < sql_.size() && IsDigit(sql_[at])) ++at;
    *end = at;
    const bool goes_on = at < sql_.size() && (IsNamePart(sql_[at]) || sql_[at] == '.');
    return goes_on ? Kind::kOther : Kind::kNumber;
  }

  Kind Quoted(size_t at, size_t* end) const {
    const char quote = sql_[at++];
    for (;;) {
      at = sql_.find(quote, at);
      if (at == std::string_view::npos) return Kind::kOther;
      ++at;
      if (at == sql_.size() || sql_[at] != quote) break;
      ++at;
    }
    *end = at;
    return quote == '"' ? Kind::kQuotedName : Kind::kString;
  }

  // A sign after another operator is PostgreSQL's own lexeme; other pairs of operators are one.
  bool IsWholeOperator(size_t at) const {
    const char next = at + 1 < sql_.size() ? sql_[at + 1] : ' ';
    if (!IsOperator(next)) return true;
    return (sql_[at] == '=' || sql_[at] == '+') && next == '-';
  }

  const std::string_view sql_;
  Lexeme now_;
};

// Recognizes a statement and collects its constants. Each function that returns a bool says whether
// what it is called after was there, and reads it.
class ShapeFinder {
 public:
  ShapeFinder(std::string_view sql, Shape* shape) : sql_(sql), shape_(shape), reader_(sql) {}

  bool Find() {
    if (!Statement() || shape_->constants.empty()) return false;
    shape_->text.append(sql_.substr(copied_));
    return true;
  }

 private:
  bool Statement() {
    if (reader_.TakeWord("select")) return SkipToWhere() && Conditions() && Rest();
    if (reader_.TakeWord("insert")) return reader_.TakeWord("into") && Insert() && Rest();
    if (reader_.TakeWord("update")) return Update() && Rest();
    return reader_.TakeWord("delete") && reader_.TakeWord("from") && Name() &&
           reader_.TakeWord("where") && Conditions() && Rest();
  }

  // Past the WHERE that is not in brackets.
  bool SkipToWhere() {
    int depth = 0;
    while (depth > 0 || !reader_.IsWord("where")) {
      if (reader_.at_end() || reader_.now().kind == Kind::kOther) return false;
      if (reader_.IsSymbol('(')) ++depth;
      if (reader_.IsSymbol(')')) --depth;
      reader_.Next();
    }
    reader_.Next();
    return true;
  }

  bool Insert() {
    if (!Name()) return false;
    if (reader_.TakeSymbol('(')) {
      do {
        if (!Name()) return false;
      } while (reader_.TakeSymbol(','));
      if (!reader_.TakeSymbol(')')) return false;
    }
    if (!reader_.TakeWord("values") || !reader_.TakeSymbol('(')) return false;
    do {
      if (!Constant() && !Name()) return false;
    } while (reader_.TakeSymbol(','));
    return reader_.TakeSymbol(')');
  }

  bool Update() {
    if (!Name() || !reader_.TakeWord("set")) return false;
    do {
      if (!Name() || !reader_.TakeSymbol('=') || !NewValue()) return false;
    } while (reader_.TakeSymbol(','));
    return !reader_.TakeWord("where") || Conditions();
  }

  bool NewValue() {
    if (Constant()) return true;
    if (!Name()) return false;
    return (!reader_.TakeSymbol('+') && !reader_.TakeSymbol('-')) || Constant();
  }

  bool Conditions() {
    do {
      if (!Name() || !reader_.TakeSymbol('=')) return false;
      if (!Constant() && !Name()) return false;
    } while (reader_.TakeWord("and"));
    return true;
  }

  bool Name() {
    do {
      const Kind kind = reader_.now().kind;
      if (kind != Kind::kWord && kind != Kind::kQuotedName) return false;
      reader_.Next();
    } while (reader_.TakeSymbol('.'));
    return true;
  }

  bool Constant() {
    const size_t begin = reader_.now().begin;
    if (reader_.now().kind == Kind::kString) return TakeString(begin);
    const bool is_negative = reader_.TakeSymbol('-');
    return reader_.now().kind == Kind::kNumber && TakeNumber(begin, is_negative);
  }

  bool TakeNumber(size_t begin, bool is_negative) {
    const auto magnitude = base::ParseNumber<int64_t>(reader_.text());
    if (!magnitude) return false;
    const int64_t value = is_negative ? -*magnitude : *magnitude;
    const bool is_int4 = value >= std::numeric_limits<int32_t>::min() &&
                         value <= std::numeric_limits<int32_t>::max();
    return Replace(begin, OwnedValue::Integer(value), is_int4 ? kInt4Oid : kInt8Oid);
  }

  bool TakeString(size_t begin) {
    const std::string_view quoted = reader_.text();
    std::string text;
    for (size_t i = 1; i + 1 < quoted.size(); ++i) {
      if (quoted[i] == '\'') ++i;  // doubled
      text += quoted[i];
    }
    return Replace(begin, OwnedValue::Text(std::move(text)), kUnspecifiedOid);
  }

  // What begins at `begin` and ends with the lexeme that is read now becomes a parameter.
  bool Replace(size_t begin, OwnedValue value, uint32_t oid) {
    if (shape_->constants.size() == kMostConstants) return false;
    shape_->constants.push_back(std::move(value));
    shape_->declared_oids.push_back(oid);
    shape_->text.append(sql_.substr(copied_, begin - copied_));
    shape_->text += '$';
    shape_->text += std::to_string(shape_->constants.size());
    copied_ = reader_.now().end;
    reader_.Next();
    return true;
  }

  bool Rest() const {
    constexpr std::array kBeginnings = {"order", "group", "limit",    "offset",
                                        "for",   "on",    "returning"};
    if (reader_.at_end()) return true;
    for (const char* word : kBeginnings) {
      if (reader_.IsWord(word)) return true;
    }
    return false;
  }

  const std::string_view sql_;
  Shape* const shape_;
  Reader reader_;
  size_t copied_ = 0;  // so much of the text is in the shape
};

// Whether something may have another meaning than the forms above say: parameters, which would be
// mixed up with ours, and dollar quotes; backslashes; comments; further statements.
bool HasStrangeParts(std::string_view sql) {
  return sql.find_first_of("$\\;") != std::string_view::npos ||
         sql.find("--") != std::string_view::npos || sql.find("/*") != std::string_view::npos;
}

}  // namespace

bool FindShape(std::string_view sql, Shape* shape) {
  if (sql.size() > kMostBytes) return false;
  while (!sql.empty() && (IsSpace(sql.back()) || sql.back() == ';')) sql.remove_suffix(1);
  if (HasStrangeParts(sql)) return false;
  shape->text.clear();
  shape->constants.clear();
  shape->declared_oids.clear();
  return ShapeFinder(sql, shape).Find();
}

}  // namespace sibyl::sql::server
