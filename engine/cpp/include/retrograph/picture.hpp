// Pictures: upright 8-bit RGB, and what files hold made into that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "error.hpp"

namespace retrograph {

// Rows from the top, pixels from the left, red, green, blue.
struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;

  Picture() = default;
  Picture(int width_, int height_, uint8_t level = 0)
      : width(width_), height(height_), pixels(count(width_, height_) * 3, level) {}
  Picture(int width_, int height_, std::vector<uint8_t> rgb)
      : width(width_), height(height_), pixels(std::move(rgb)) {
    if (pixels.size() != count(width, height) * 3)
      throw Error("a picture of " + size() + " has 3 bytes a pixel, not " +
                  std::to_string(pixels.size()) + " in all");
  }

  std::string size() const { return std::to_string(width) + "x" + std::to_string(height); }

  uint8_t* at(int x, int y) { return pixels.data() + place(x, y); }
  const uint8_t* at(int x, int y) const { return pixels.data() + place(x, y); }

  // The number of pixels. Throws Error where one side has none.
  static size_t count(int width, int height) {
    if (width < 1 || height < 1)
      throw Error("a picture has at least one pixel, not " + std::to_string(width) + "x" +
                  std::to_string(height));
    return static_cast<size_t>(width) * static_cast<size_t>(height);
  }

 private:
  size_t place(int x, int y) const {
    return (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3;
  }
};

// A picture of 4 bytes a pixel; what is transparent is laid on white.
inline Picture from_rgba(int width, int height, const uint8_t* rgba) {
  Picture picture(width, height);
  for (size_t pixel = 0; pixel < picture.pixels.size() / 3; ++pixel) {
    const uint32_t alpha = rgba[4 * pixel + 3];
    for (size_t colour = 0; colour < 3; ++colour) {
      const uint32_t blend = rgba[4 * pixel + colour] * alpha + 255 * (255 - alpha);
      const uint32_t rounded = 128 * (blend + 128);
      picture.pixels[3 * pixel + colour] =
          alpha == 0 ? 255 : static_cast<uint8_t>((rounded + (rounded >> 8)) >> 15);
    }
  }
  return picture;
}

// A picture turned as EXIF's orientation says, 1 to 8; any other number leaves it as it is.
inline Picture upright(const Picture& picture, int orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  const bool is_turned = orientation >= 5;
  const bool flips_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flips_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture turned(is_turned ? picture.height : picture.width, is_turned ? picture.width : picture.height);
  for (int y = 0; y < turned.height; ++y) {
    for (int x = 0; x < turned.width; ++x) {
      const int across = is_turned ? y : x, down = is_turned ? x : y;
      const uint8_t* from = picture.at(flips_x ? picture.width - 1 - across : across,
                                       flips_y ? picture.height - 1 - down : down);
      for (int colour = 0; colour < 3; ++colour) turned.at(x, y)[colour] = from[colour];
    }
  }
  return turned;
}

}  // namespace retrograph
