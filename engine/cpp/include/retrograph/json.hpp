// The JSON of a built graph's metadata, read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <locale>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "error.hpp"

namespace retrograph {

// A value of JSON. Its accessors throw Error where it is of another kind.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json>;

  Json() = default;
  explicit Json(bool value) : value_(value) {}
  explicit Json(double value) : value_(value) {}
  explicit Json(std::string value) : value_(std::move(value)) {}
  explicit Json(Array value) : value_(std::move(value)) {}
  explicit Json(Object value) : value_(std::move(value)) {}

  // The value of a whole text. Throws Error where the text is no JSON.
  static Json parse(const std::string& text);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool boolean() const { return as<bool>("true or false"); }
  double number() const { return as<double>("a number"); }
  int64_t integer() const;
  // Of a value that is about to end they are copies, so that a loop may go through them.
  const std::string& text() const& { return as<std::string>("a text"); }
  const Array& array() const& { return as<Array>("an array"); }
  const Object& object() const& { return as<Object>("an object"); }
  std::string text() && { return as<std::string>("a text"); }
  Array array() && { return as<Array>("an array"); }
  Object object() && { return as<Object>("an object"); }

  // The member of an object; null where it has none of that name.
  const Json& operator[](const std::string& key) const& {
    static const Json null;
    const auto member = object().find(key);
    return member == object().end() ? null : member->second;
  }
  Json operator[](const std::string& key) && { return std::as_const(*this)[key]; }

  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const Json& each : array()) texts.push_back(each.text());
    return texts;
  }

 private:
  template <typename T>
  const T& as(const char* kind) const {
    const T* value = std::get_if<T>(&value_);
    if (!value) throw Error(std::string("JSON holds something else than ") + kind);
    return *value;
  }

  std::variant<std::monostate, bool, double, std::string, Array, Object> value_;
};

inline int64_t Json::integer() const {
  constexpr double most = 9007199254740992.0;  // 2^53: doubles hold every whole number up to it
  const double value = number();
  if (!(value >= -most && value <= most) || value != static_cast<double>(static_cast<int64_t>(value)))
    throw Error("JSON holds something else than a whole number");
  return static_cast<int64_t>(value);
}

namespace detail {

class JsonReader {
 public:
  explicit JsonReader(const std::string& text) : text_(text) {}

  Json whole() {
    Json value = read(0);
    skip_blanks();
    if (at_ != text_.size()) fail();
    return value;
  }

 private:
  static constexpr int deepest = 64;

  Json read(int depth) {
    if (depth > deepest) fail();
    skip_blanks();
    switch (peek()) {
      case '{': return read_object(depth);
      case '[': return read_array(depth);
      case '"': return Json(read_text());
      case 't': return literal("true", Json(true));
      case 'f': return literal("false", Json(false));
      case 'n': return literal("null", Json());
      default: return Json(read_number());
    }
  }

  Json read_object(int depth) {
    Json::Object members;
    ++at_;
    if (next_is('}')) return Json(std::move(members));
    do {
      skip_blanks();
      std::string key = read_text();
      if (!next_is(':')) fail();
      members[std::move(key)] = read(depth + 1);
    } while (next_is(','));
    if (!next_is('}')) fail();
    return Json(std::move(members));
  }

  Json read_array(int depth) {
    Json::Array values;
    ++at_;
    if (next_is(']')) return Json(std::move(values));
    do values.push_back(read(depth + 1));
    while (next_is(','));
    if (!next_is(']')) fail();
    return Json(std::move(values));
  }

  double read_number() {
    const size_t end = std::min(text_.find_first_not_of("0123456789+-.eE", at_), text_.size());
    std::istringstream digits(text_.substr(at_, end - at_));
    digits.imbue(std::locale::classic());  // a point is a point, whatever the program's language
    double value = 0;
    if (!(digits >> value) || digits.peek() != std::istringstream::traits_type::eof()) fail();
    at_ = end;
    return value;
  }

  std::string read_text() {
    if (peek() != '"') fail();
    std::string text;
    for (++at_; peek() != '"'; ++at_) {
      if (text_[at_] != '\\') {
        text += text_[at_];
        continue;
      }
      ++at_;
      read_escape(text);
    }
    ++at_;
    return text;
  }

  void read_escape(std::string& text) {
    static const std::string names = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    if (peek() == 'u') return append_utf8(text, read_code());
    const size_t place = names.find(peek());
    if (place == std::string::npos) fail();
    text += meant[place];
  }

  // The character of \uXXXX, or of two of them that are one; stays on its last digit.
  uint32_t read_code() {
    const uint32_t high = read_hex();
    if (high < 0xD800 || high > 0xDBFF) return high;
    if (text_.compare(at_ + 1, 2, "\\u") != 0) fail();
    at_ += 2;
    const uint32_t low = read_hex();
    if (low < 0xDC00 || low > 0xDFFF) fail();
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  uint32_t read_hex() {
    uint32_t code = 0;
    for (int digit = 0; digit < 4; ++digit) {
      ++at_;
      const size_t value = std::string("0123456789abcdef").find(static_cast<char>(peek() | 0x20));
      if (value == std::string::npos) fail();
      code = code * 16 + static_cast<uint32_t>(value);
    }
    return code;
  }

  static void append_utf8(std::string& text, uint32_t code) {
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint32_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    text += static_cast<char>(leads[more] | (code >> (6 * more)));
    for (int part = more - 1; part >= 0; --part)
      text += static_cast<char>(0x80 | ((code >> (6 * part)) & 0x3F));
  }

  Json literal(const std::string& word, Json value) {
    if (text_.compare(at_, word.size(), word) != 0) fail();
    at_ += word.size();
    return value;
  }

  bool next_is(char wanted) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  void skip_blanks() {
    while (at_ < text_.size() && std::string(" \t\n\r").find(text_[at_]) != std::string::npos) ++at_;
  }

  char peek() const {
    if (at_ >= text_.size()) fail();
    return text_[at_];
  }

  [[noreturn]] void fail() const {
    throw Error("no readable JSON at character " + std::to_string(at_ + 1));
  }

  const std::string& text_;
  size_t at_ = 0;
};

}  // namespace detail

inline Json Json::parse(const std::string& text) { return detail::JsonReader(text).whole(); }

}  // namespace retrograph
