// A picture made into a model's input (docs/CONTRACT.md).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "error.hpp"
#include "picture.hpp"
#include "preprocessing.hpp"
#include "resample.hpp"
#include "tensor.hpp"

namespace retrograph {

// A picture as a model takes it.
struct Prepared {
  Floats item;     // without a batch axis, its axes as the input's
  Picture seen;    // what of the picture the model sees, for an overlay
};

namespace detail {

constexpr double most_pixels = 89478485;  // as Pillow's bound on what is safe to decode

struct Size {
  int width, height;
};

// To the nearest whole number, the even one of two that are equally near.
inline int rounded(double value) { return static_cast<int>(std::nearbyint(value)); }

// The size that a picture is brought to; none where the model leaves height and width open.
inline std::optional<Size> wanted_size(int64_t height, int64_t width, const Picture& picture) {
  const int high = static_cast<int>(height), wide = static_cast<int>(width);
  if (height > 0 && width > 0) return Size{wide, high};
  if (height > 0)
    return Size{std::max(1, rounded(static_cast<double>(picture.width) * high / picture.height)), high};
  if (width > 0)
    return Size{wide, std::max(1, rounded(static_cast<double>(picture.height) * wide / picture.width))};
  return std::nullopt;
}

inline Picture cropped(const Picture& picture, Size size, const Preprocessing& recipe) {
  const int64_t wide = rounded(size.width / recipe.crop_fraction);
  const int64_t high = rounded(size.height / recipe.crop_fraction);
  const bool by_width = wide * picture.height >= high * picture.width;
  const int64_t scaled_width = by_width ? wide : high * picture.width / picture.height;
  const int64_t scaled_height = by_width ? wide * picture.height / picture.width : high;
  if (static_cast<double>(scaled_width) * static_cast<double>(scaled_height) > most_pixels)
    throw Error("a picture of " + picture.size() +
                " is too elongated to crop; choose the resize mode stretch or pad");
  const Picture scaled = resample(picture, static_cast<int>(scaled_width), static_cast<int>(scaled_height),
                                  recipe.interpolation);
  const int left = (scaled.width - size.width) / 2, top = (scaled.height - size.height) / 2;
  Picture centre(size.width, size.height);
  for (int y = 0; y < size.height; ++y) std::copy_n(scaled.at(left, top + y), size.width * 3, centre.at(0, y));
  return centre;
}

inline Picture padded(const Picture& picture, Size size, const Preprocessing& recipe) {
  const double ratio = std::min(static_cast<double>(size.width) / picture.width,
                                static_cast<double>(size.height) / picture.height);
  const Picture inner = resample(picture, std::max(1, rounded(picture.width * ratio)),
                                 std::max(1, rounded(picture.height * ratio)), recipe.interpolation);
  Picture page(size.width, size.height);
  const int left = (size.width - inner.width) / 2, top = (size.height - inner.height) / 2;
  for (int y = 0; y < inner.height; ++y) std::copy_n(inner.at(0, y), inner.width * 3, page.at(left, top + y));
  return page;
}

inline Picture sized(const Picture& picture, int64_t height, int64_t width, const Preprocessing& recipe) {
  const std::optional<Size> size = wanted_size(height, width, picture);
  if (!size) return picture;
  if (recipe.resize == "stretch") return resample(picture, size->width, size->height, recipe.interpolation);
  if (recipe.resize == "crop") return cropped(picture, *size, recipe);
  if (recipe.resize == "pad") return padded(picture, *size, recipe);
  if (picture.width != size->width || picture.height != size->height)
    throw Error("the picture is " + picture.size() + ", the model takes " + std::to_string(size->width) + "x" +
                std::to_string(size->height) + "; choose a resize mode other than none");
  return picture;
}

inline void make_grey(Picture& picture) {
  for (size_t pixel = 0; pixel < picture.pixels.size(); pixel += 3) {
    uint8_t* rgb = picture.pixels.data() + pixel;
    const int luma = (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16;
    std::fill_n(rgb, 3, static_cast<uint8_t>(luma));
  }
}

// Of each channel what the levels 0 to 255 become.
inline std::vector<std::array<float, 256>> level_tables(const Preprocessing& recipe) {
  std::vector<std::array<float, 256>> tables(recipe.channels());
  for (size_t c = 0; c < tables.size(); ++c) {
    const double mean = recipe.mean[recipe.mean.size() == 1 ? 0 : c];
    const double std = recipe.std[recipe.std.size() == 1 ? 0 : c];
    for (size_t level = 0; level < 256; ++level)
      tables[c][level] = static_cast<float>((static_cast<double>(level) * recipe.scale - mean) / std);
  }
  return tables;
}

// Whether axes are those of pictures: H and W in this order, C anywhere or not there.
inline bool are_of_pictures(const std::string& axes) {
  static const std::vector<std::string> known{"NCHW", "NHWC", "NHW", "CHW", "HWC", "HW"};
  return std::find(known.begin(), known.end(), axes) != known.end();
}

}  // namespace detail

// The input that a picture becomes.
//
// `axes` are the input's, such as NCHW, and `shape` its sizes, -1 where one is open. Throws Error
// where the input takes no pictures, or the two do not go together.
inline Prepared prepare(const Picture& picture, const Preprocessing& recipe, const std::string& axes,
                        const Shape& shape) {
  if (!detail::are_of_pictures(axes) || axes.size() != shape.size())
    throw Error("the model's input " + to_string(shape) + " takes no pictures; give it as a tensor");
  const size_t h = axes.find('H'), w = axes.find('W'), c = axes.find('C');
  const size_t channels = recipe.channels();
  const bool fits = c == std::string::npos ? channels == 1 : shape[c] < 0 || shape[c] == int64_t(channels);
  if (!fits)
    throw Error(recipe.order + " preprocessing does not make the model's input " + to_string(shape) +
                "; choose another order");
  Picture seen = detail::sized(picture, shape[h], shape[w], recipe);
  if (channels == 1) detail::make_grey(seen);
  const auto tables = detail::level_tables(recipe);
  const bool is_last = c != std::string::npos && c > w;
  const size_t count = Picture::count(seen.width, seen.height);
  const size_t pixel_step = is_last ? channels : 1, channel_step = is_last ? 1 : count;
  Floats item{{seen.height, seen.width}, std::vector<float>(count * channels)};
  if (c != std::string::npos) item.shape.insert(is_last ? item.shape.end() : item.shape.begin(), int64_t(channels));
  for (size_t channel = 0; channel < channels; ++channel) {
    const size_t colour = recipe.order == "bgr" ? 2 - channel : channel;
    for (size_t pixel = 0; pixel < count; ++pixel)
      item.values[pixel * pixel_step + channel * channel_step] = tables[channel][seen.pixels[3 * pixel + colour]];
  }
  return {std::move(item), std::move(seen)};
}

}  // namespace retrograph
