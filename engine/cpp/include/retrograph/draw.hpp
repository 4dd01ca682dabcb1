// Attributions drawn as pictures: signed, heat and overlay (docs/CONTRACT.md).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "error.hpp"
#include "picture.hpp"
#include "tensor.hpp"

namespace retrograph {
namespace detail {

constexpr double percentile = 99.5;

// [H, W, C] in doubles.
struct Planes {
  int height, width;
  size_t channels;
  std::vector<double> values;
};

// An attribution of a picture: of axes such as CHW (a batch axis is gone), channels last.
inline Planes planes(const Floats& item, std::string axes) {
  axes.erase(std::remove(axes.begin(), axes.end(), 'N'), axes.end());
  const size_t h = axes.find('H'), w = axes.find('W'), c = axes.find('C');
  if (h == std::string::npos || w == std::string::npos || axes.size() != item.shape.size())
    throw Error("an attribution " + to_string(item.shape) + " is none of a picture; draw it yourself");
  const size_t channels = c == std::string::npos ? 1 : static_cast<size_t>(item.shape[c]);
  Planes planes{static_cast<int>(item.shape[h]), static_cast<int>(item.shape[w]), channels, {}};
  const size_t count = Picture::count(planes.width, planes.height);
  const bool is_first = c != std::string::npos && c < h;
  planes.values.resize(count * channels);
  for (size_t pixel = 0; pixel < count; ++pixel)
    for (size_t channel = 0; channel < channels; ++channel)
      planes.values[pixel * channels + channel] =
          item.values[is_first ? channel * count + pixel : pixel * channels + channel];
  for (const double value : planes.values)
    if (!std::isfinite(value))
      throw Error("the attribution has NaN or infinite values; check the preprocessing, or run the model in float32");
  return planes;
}

// The percentile of the magnitudes that are not 0, linear between ranks; 1 where there are none.
inline double colour_scale(const std::vector<double>& values) {
  std::vector<double> sizes;
  for (const double value : values)
    if (value != 0) sizes.push_back(std::fabs(value));
  if (sizes.empty()) return 1;
  const double rank = percentile / 100 * static_cast<double>(sizes.size() - 1);
  const auto below = sizes.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(sizes.begin(), below, sizes.end());
  const double low = *below;
  if (below + 1 == sizes.end()) return low;
  const double high = *std::min_element(below + 1, sizes.end());
  return low + (high - low) * (rank - std::floor(rank));
}

inline void scale_to_unit(std::vector<double>& values) {
  const double scale = colour_scale(values);
  for (double& value : values) value = std::clamp(value / scale, -1.0, 1.0);
}

inline uint8_t level(double value) { return static_cast<uint8_t>(std::nearbyint(value)); }

// A colour of matplotlib's "magma", from 0 to 1: linear between every 17th of its colours.
inline std::array<double, 3> magma(double value) {
  static const std::array<uint32_t, 16> controls{
      0x000004, 0x0b0924, 0x20114b, 0x3b0f70, 0x57157e, 0x721f81, 0x8c2981, 0xa8327d,
      0xc43c75, 0xde4968, 0xf1605d, 0xfa7f5e, 0xfe9f6d, 0xfebf84, 0xfddea0, 0xfcfdbf};
  const double place = value * static_cast<double>(controls.size() - 1);
  const size_t below = std::min(static_cast<size_t>(place), controls.size() - 2);
  const double part = place - static_cast<double>(below);
  std::array<double, 3> colour{};
  for (size_t c = 0; c < 3; ++c) {
    const auto channel = [&](size_t i) { return static_cast<double>((controls[i] >> (16 - 8 * c)) & 255); };
    colour[c] = channel(below) * (1 - part) + channel(below + 1) * part;
  }
  return colour;
}

// The largest magnitude over the channels, from 0 to 1.
inline std::vector<double> magnitudes(const Planes& planes) {
  std::vector<double> largest(planes.values.size() / planes.channels, 0.0);
  for (size_t i = 0; i < planes.values.size(); ++i)
    largest[i / planes.channels] = std::max(largest[i / planes.channels], std::fabs(planes.values[i]));
  scale_to_unit(largest);
  return largest;
}

inline void sum_channels(Planes& planes) {
  std::vector<double> sums(planes.values.size() / planes.channels, 0.0);
  for (size_t i = 0; i < planes.values.size(); ++i) sums[i / planes.channels] += planes.values[i];
  planes.values = std::move(sums);
  planes.channels = 1;
}

}  // namespace detail

// Grey is 0, brighter is positive, darker negative, each colour by itself: of a derivative, raising
// this colour value raises the unit's activation, or lowers it.
//
// `item` is one attribution, `axes` what its axes count (CHW, HWC, HW), `order` that of its channels.
inline Picture draw_signed(const Floats& item, const std::string& axes, const std::string& order = "rgb") {
  detail::Planes planes = detail::planes(item, axes);
  if (planes.channels != 1 && planes.channels != 3) detail::sum_channels(planes);
  detail::scale_to_unit(planes.values);
  Picture drawn(planes.width, planes.height);
  for (size_t byte = 0; byte < drawn.pixels.size(); ++byte) {
    const size_t colour = order == "bgr" ? 2 - byte % 3 : byte % 3;
    const size_t place = planes.channels == 1 ? byte / 3 : byte / 3 * 3 + colour;
    drawn.pixels[byte] = detail::level(128 + 127 * planes.values[place]);
  }
  return drawn;
}

// Black is 0, brighter matters more, whatever the sign.
inline Picture draw_heat(const Floats& item, const std::string& axes) {
  const detail::Planes planes = detail::planes(item, axes);
  const std::vector<double> heat = detail::magnitudes(planes);
  Picture drawn(planes.width, planes.height);
  for (size_t pixel = 0; pixel < heat.size(); ++pixel) {
    const auto colour = detail::magma(heat[pixel]);
    for (size_t c = 0; c < 3; ++c) drawn.pixels[3 * pixel + c] = detail::level(colour[c]);
  }
  return drawn;
}

// Heat as light cast on the picture that was explained, greyed and dimmed.
inline Picture draw_overlay(const Floats& item, const std::string& axes, const Picture& seen) {
  constexpr double dimmed = 0.55;
  const detail::Planes planes = detail::planes(item, axes);
  if (seen.width != planes.width || seen.height != planes.height)
    throw Error("the picture is " + seen.size() + " and the attribution " + std::to_string(planes.width) + "x" +
                std::to_string(planes.height) + "; give the picture that Explainer::prepare has seen");
  const std::vector<double> heat = detail::magnitudes(planes);
  Picture drawn(planes.width, planes.height);
  for (size_t pixel = 0; pixel < heat.size(); ++pixel) {
    const uint8_t* rgb = seen.pixels.data() + 3 * pixel;
    const double grey = dimmed * (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]);
    const auto colour = detail::magma(heat[pixel]);
    for (size_t c = 0; c < 3; ++c)
      drawn.pixels[3 * pixel + c] = detail::level(255 - (255 - grey) * (255 - colour[c]) / 255);
  }
  return drawn;
}

}  // namespace retrograph
