#include "sql/server/dialect/array_text.h"

#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

using Elements = std::vector<std::optional<std::string>>;

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

Elements ParseVector(std::string_view text) {
  Elements elements;
  while (!(text = Trimmed(text)).empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    elements.emplace_back(std::string(text.substr(0, end)));
    text.remove_prefix(end);
  }
  return elements;
}

// Takes one element off the front of `text`, up to the comma or the end. False: malformed.
bool TakeElement(std::string_view* text, Elements* elements) {
  std::string value;
  bool quoted = false;
  size_t kept = 0;  // of `value`, what may not be trimmed
  while (!text->empty() && IsSpace(text->front())) text->remove_prefix(1);
  for (bool inside = false; !text->empty(); text->remove_prefix(1)) {
    const char c = text->front();
    if (c == '\\') {
      text->remove_prefix(1);
      if (text->empty()) return false;
      value += text->front();
      kept = value.size();
    } else if (c == '"') {
      if (!inside && quoted) return false;
      inside = !inside;
      quoted = true;
      kept = value.size();
    } else if (!inside && c == ',') {
      break;
    } else if (!inside && (c == '{' || c == '}')) {
      return false;
    } else {
      if (!inside && quoted && !IsSpace(c)) return false;
      value += c;
      if (inside || !IsSpace(c)) kept = value.size();
    }
    if (inside && text->size() == 1) return false;
  }
  value.resize(kept);
  if (!quoted && value.empty()) return false;
  if (!quoted && EqualIgnoringCase(value, "null")) {
    elements->push_back(std::nullopt);
  } else {
    elements->emplace_back(std::move(value));
  }
  return true;
}

bool MustBeQuoted(const std::string& element) {
  return element.empty() || EqualIgnoringCase(element, "null") ||
         element.find_first_of("{}\",\\ \t\n\r\v\f") != std::string::npos;
}

}  // namespace

std::optional<Elements> ParseArray(std::string_view text) {
  text = Trimmed(text);
  if (text.empty() || text.front() != '{') return ParseVector(text);
  if (text.size() < 2 || text.back() != '}') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  Elements elements;
  if (Trimmed(text).empty()) return elements;
  while (true) {
    if (!TakeElement(&text, &elements)) return std::nullopt;
    if (text.empty()) return elements;
    text.remove_prefix(1);  // the comma
    if (text.empty()) return std::nullopt;
  }
}

std::string FormatArray(const Elements& elements) {
  std::string text = "{";
  for (const auto& element : elements) {
    if (text.size() > 1) text += ',';
    if (!element) {
      text += "NULL";
    } else if (!MustBeQuoted(*element)) {
      text += *element;
    } else {
      text += '"';
      for (const char c : *element) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
      }
      text += '"';
    }
  }
  return text + "}";
}

}  // namespace sibyl::sql::server
