// What the bytes of a picture's file say beside its pixels: EXIF's orientation, and whether they are all there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace retrograph {
namespace detail {

// Numbers of a stretch of bytes; 0 behind its end.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size, bool is_little = false)
      : data_(data), size_(size), is_little_(is_little) {}

  size_t size() const { return size_; }

  uint32_t number(size_t at, size_t length) const {
    if (at > size_ || length > size_ - at) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < length; ++i)
      value |= static_cast<uint32_t>(data_[at + i]) << (8 * (is_little_ ? i : length - 1 - i));
    return value;
  }

  bool has(size_t at, const char* text, size_t length) const {
    return at <= size_ && length <= size_ - at && std::memcmp(data_ + at, text, length) == 0;
  }

  // What follows a place, at most so many bytes.
  Bytes from(size_t at, size_t most, bool is_little = false) const {
    const size_t left = at < size_ ? size_ - at : 0;
    return {data_ + (at < size_ ? at : size_), left < most ? left : most, is_little};
  }

 private:
  const uint8_t* data_;
  size_t size_;
  bool is_little_;
};

inline int orientation_of_tiff(const Bytes& exif) {
  constexpr uint32_t orientation = 0x0112;
  const Bytes tiff = exif.from(0, exif.size(), exif.has(0, "II", 2));
  const size_t first = tiff.number(4, 4);
  const uint32_t entries = tiff.number(first, 2);
  for (uint32_t entry = 0; entry < entries; ++entry) {
    const size_t at = first + 2 + 12 * static_cast<size_t>(entry);
    if (tiff.number(at, 2) == orientation) return static_cast<int>(tiff.number(at + 8, 2));
  }
  return 1;
}

inline int orientation_of_jpeg(const Bytes& file) {
  for (size_t at = 2; file.number(at, 1) == 0xFF; at += 2 + file.number(at + 2, 2)) {
    const uint32_t marker = file.number(at + 1, 1), length = file.number(at + 2, 2);
    if (marker == 0xDA || length < 2) break;
    if (marker == 0xE1 && file.has(at + 4, "Exif\0\0", 6)) return orientation_of_tiff(file.from(at + 10, length));
  }
  return 1;
}

inline int orientation_of_png(const Bytes& file) {
  for (size_t at = 8; at + 8 < file.size(); at += 12 + static_cast<size_t>(file.number(at, 4)))
    if (file.has(at + 4, "eXIf", 4)) return orientation_of_tiff(file.from(at + 8, file.number(at, 4)));
  return 1;
}

}  // namespace detail

// How a picture's file says that it is turned, for `upright`: 1 to 8, and 1 where it does not say.
inline int exif_orientation(const std::vector<uint8_t>& file) {
  const detail::Bytes bytes(file.data(), file.size());
  int orientation = 1;
  if (bytes.has(0, "\xFF\xD8", 2)) orientation = detail::orientation_of_jpeg(bytes);
  if (bytes.has(0, "\x89PNG", 4)) orientation = detail::orientation_of_png(bytes);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

// Whether a JPEG file ends before its picture does, which decoders such as stb fill up in silence.
inline bool is_cut_off(const std::vector<uint8_t>& file) {
  const detail::Bytes bytes(file.data(), file.size());
  if (!bytes.has(0, "\xFF\xD8", 2)) return false;
  for (size_t at = 2; at + 1 < file.size();) {
    const uint32_t marker = bytes.number(at, 2);
    if (marker == 0xFFD9) return false;
    const bool has_length = marker > 0xFF01 && marker < 0xFFFF && (marker < 0xFFD0 || marker > 0xFFD7);
    at += has_length ? 2 + static_cast<size_t>(bytes.number(at + 2, 2)) : 1;
  }
  return true;
}

}  // namespace retrograph
