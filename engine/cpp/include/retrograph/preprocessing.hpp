// How a picture becomes a model's input: the recipe that a built graph stores (docs/CONTRACT.md).
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "error.hpp"
#include "json.hpp"

namespace retrograph {

// The fields determine the arithmetic; those that a text leaves out have these values.
struct Preprocessing {
  double scale = 1.0 / 255;
  std::vector<double> mean{0.0};  // one value a channel in the model's order, or one for all
  std::vector<double> std{1.0};
  std::string order = "rgb";                // rgb, bgr or gray
  std::string resize = "crop";              // crop, pad, stretch or none
  double crop_fraction = 1.0;               // of crop: the share of the shorter side that is kept
  std::string interpolation = "bilinear";   // nearest, bilinear, bicubic or lanczos
  std::string layout = "nchw";              // nchw or nhwc

  // Reads the text that a built graph stores. Throws Error where a field is unknown or impossible.
  static Preprocessing parse(const std::string& text);

  size_t channels() const { return order == "gray" ? 1 : 3; }
};

namespace detail {

inline std::vector<double> numbers(const Json& json) {
  std::vector<double> values;
  for (const Json& each : json.array()) values.push_back(each.number());
  return values;
}

inline void check_choice(const std::string& field, const std::string& value,
                         const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  std::string all;
  for (const std::string& each : choices) all += (all.empty() ? "" : ", ") + each;
  throw Error(field + " is '" + value + "'; choose one of " + all);
}

inline void check_channels(const std::string& field, const std::vector<double>& values, size_t channels) {
  if (values.size() != 1 && values.size() != channels)
    throw Error(field + " has " + std::to_string(values.size()) + " values for " +
                std::to_string(channels) + " channels; give one a channel, or one for all");
  for (const double value : values)
    if (!std::isfinite(value)) throw Error(field + " has a value that is not finite; give plain numbers");
}

inline void check(const Preprocessing& recipe) {
  check_choice("order", recipe.order, {"rgb", "bgr", "gray"});
  check_choice("resize", recipe.resize, {"stretch", "crop", "pad", "none"});
  check_choice("layout", recipe.layout, {"nchw", "nhwc"});
  check_choice("interpolation", recipe.interpolation, {"nearest", "bilinear", "bicubic", "lanczos"});
  if (!std::isfinite(recipe.scale) || recipe.scale == 0)
    throw Error("scale is no number other than 0; give one, such as 1/255");
  if (!(recipe.crop_fraction > 0 && recipe.crop_fraction <= 1))
    throw Error("crop_fraction is " + std::to_string(recipe.crop_fraction) +
                "; give a fraction above 0, at most 1");
  check_channels("mean", recipe.mean, recipe.channels());
  check_channels("std", recipe.std, recipe.channels());
  if (std::find(recipe.std.begin(), recipe.std.end(), 0.0) != recipe.std.end())
    throw Error("std has a 0, which would divide by zero; give other values");
}

inline void read_field(Preprocessing& recipe, const std::string& name, const Json& value) {
  if (name == "scale") recipe.scale = value.number();
  else if (name == "mean") recipe.mean = numbers(value);
  else if (name == "std") recipe.std = numbers(value);
  else if (name == "order") recipe.order = value.text();
  else if (name == "resize") recipe.resize = value.text();
  else if (name == "crop_fraction") recipe.crop_fraction = value.number();
  else if (name == "interpolation") recipe.interpolation = value.text();
  else if (name == "layout") recipe.layout = value.text();
  else
    throw Error("preprocessing has the unknown field " + name +
                "; it may come from a newer retrograph: update this one");
}

}  // namespace detail

inline Preprocessing Preprocessing::parse(const std::string& text) {
  Preprocessing recipe;
  for (const auto& [name, value] : Json::parse(text).object()) detail::read_field(recipe, name, value);
  detail::check(recipe);
  return recipe;
}

}  // namespace retrograph
