// Pictures brought to a size with the numbers of Pillow's resampling (docs/CONTRACT.md).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "picture.hpp"

namespace retrograph {
namespace detail {

constexpr int weight_bits = 22;

struct Filter {
  double reach;
  double (*weight)(double);
};

inline double triangle(double x) { return std::max(0.0, 1.0 - std::fabs(x)); }

inline double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

inline double sinc(double x) {
  constexpr double pi = 3.14159265358979323846;
  return x == 0 ? 1.0 : std::sin(x * pi) / (x * pi);
}

inline double lanczos(double x) { return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0.0; }

inline Filter filter_named(const std::string& interpolation) {
  if (interpolation == "bicubic") return {2, cubic};
  if (interpolation == "lanczos") return {3, lanczos};
  return {1, triangle};
}

// The source pixels of an output pixel along an axis: where they begin, and whole-number weights.
struct Taps {
  int first;
  std::vector<int32_t> weights;
};

inline std::vector<Taps> taps(int from, int to, const Filter& filter) {
  const double ratio = static_cast<double>(from) / to, widening = std::max(ratio, 1.0);
  const double reach = filter.reach * widening, narrowing = 1.0 / widening;
  std::vector<Taps> all(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * ratio;
    const int first = std::max(0, static_cast<int>(centre - reach + 0.5));
    const int last = std::min(from, static_cast<int>(centre + reach + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int j = first; j < last; ++j) {
      weights.push_back(filter.weight((j - centre + 0.5) * narrowing));
      sum += weights.back();
    }
    Taps& one = all[static_cast<size_t>(i)];
    one.first = first;
    for (const double weight : weights) {
      const double scaled = (sum == 0 ? weight : weight / sum) * (1 << weight_bits);
      one.weights.push_back(static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
    }
  }
  return all;
}

inline uint8_t weighted(const Taps& taps, const uint8_t* first, size_t step) {
  int32_t sum = 1 << (weight_bits - 1);
  for (size_t j = 0; j < taps.weights.size(); ++j) sum += taps.weights[j] * first[j * step];
  return static_cast<uint8_t>(std::clamp(sum >> weight_bits, 0, 255));
}

inline Picture with_width(const Picture& picture, int width, const Filter& filter) {
  Picture resampled(width, picture.height);
  const std::vector<Taps> columns = taps(picture.width, width, filter);
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < width; ++x) {
      const Taps& one = columns[static_cast<size_t>(x)];
      for (int colour = 0; colour < 3; ++colour)
        resampled.at(x, y)[colour] = weighted(one, picture.at(one.first, y) + colour, 3);
    }
  return resampled;
}

inline Picture with_height(const Picture& picture, int height, const Filter& filter) {
  Picture resampled(picture.width, height);
  const std::vector<Taps> rows = taps(picture.height, height, filter);
  const size_t stride = static_cast<size_t>(picture.width) * 3;
  for (int y = 0; y < height; ++y) {
    const Taps& one = rows[static_cast<size_t>(y)];
    for (size_t byte = 0; byte < stride; ++byte)
      resampled.at(0, y)[byte] = weighted(one, picture.at(0, one.first) + byte, stride);
  }
  return resampled;
}

// The source of each output along an axis, the nearest one.
inline std::vector<int> nearest(int from, int to) {
  const double ratio = static_cast<double>(from) / to;
  std::vector<int> places;
  double place = ratio * 0.5;
  for (int i = 0; i < to; ++i, place += ratio) places.push_back(std::min(static_cast<int>(place), from - 1));
  return places;
}

inline Picture with_nearest(const Picture& picture, int width, int height) {
  Picture resampled(width, height);
  const std::vector<int> columns = nearest(picture.width, width), rows = nearest(picture.height, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      std::copy_n(picture.at(columns[static_cast<size_t>(x)], rows[static_cast<size_t>(y)]), 3, resampled.at(x, y));
  return resampled;
}

}  // namespace detail

// A picture of another size; `interpolation` is nearest, bilinear, bicubic or lanczos.
inline Picture resample(const Picture& picture, int width, int height, const std::string& interpolation) {
  Picture::count(picture.width, picture.height);
  if (width == picture.width && height == picture.height) return picture;
  if (interpolation == "nearest") return detail::with_nearest(picture, width, height);
  const detail::Filter filter = detail::filter_named(interpolation);
  Picture resampled = width == picture.width ? picture : detail::with_width(picture, width, filter);
  return height == picture.height ? resampled : detail::with_height(resampled, height, filter);
}

}  // namespace retrograph
