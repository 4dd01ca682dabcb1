// A built graph: pictures and arrays in, attributions out.
#pragma once

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract.hpp"
#include "draw.hpp"
#include "error.hpp"
#include "prepare.hpp"
#include "session.hpp"

namespace retrograph {

using Index = std::vector<int64_t>;

// Which units are explained; a graph that explains the most active one takes none.
struct Choice {
  Integers units;  // for `channel`, `unit`, and `top` with many
  Floats weights;  // for `cotangent`, as the graph takes it: [N, *layer]

  Choice() = default;
  // One unit, the same for each item: {207}, {17, 4, 5}; a class by its number in a layer [1000, 1, 1], too.
  Choice(std::initializer_list<int64_t> unit) : Choice(Index(unit)) {}
  explicit Choice(const Index& unit) : units{{static_cast<int64_t>(unit.size())}, unit}, weights{} {}
  // Units in an array: [r], one for each item [N, r], K for all items [K, r] or K for each [N, K, r].
  explicit Choice(Integers all) : units(std::move(all)), weights{} {}

  // The K most active units, of a graph built with many.
  static Choice most_active(int64_t count) { return Choice(Index{count}); }
  // A weighting of the layer.
  static Choice weighting(Floats weights) {
    Choice choice;
    choice.weights = std::move(weights);
    return choice;
  }
};

// What a graph gives for a batch of N items; with many K units of each.
struct Attribution {
  std::vector<Floats> attributions;     // [N, *input] for each explained input
  Floats score;                         // [N]
  Integers unit;                        // [N, r]
  std::optional<Floats> bias_relevance; // [N], of methods of relevance
  Tensors outputs;                      // the model's own

  const Floats& attribution() const { return attributions.front(); }
};

// Any number of threads may use one.
class Explainer {
 public:
  // Throws Error where the file is no graph that retrograph has built, or cannot be run here.
  explicit Explainer(const std::filesystem::path& file, const Options& options = {})
      : Explainer(Session(file, options), file.string() + ": ") {}
  Explainer(const void* data, size_t size, const Options& options = {})
      : Explainer(Session(data, size, options), "") {}

  const Contract& contract() const { return contract_; }
  const Session& session() const { return session_; }

  // How pictures become the input; Throws Error where nobody said.
  const Preprocessing& preprocessing() const;
  // In the place of what the graph stores.
  void set_preprocessing(const Preprocessing& recipe) { contract_.preprocessing = recipe; }

  // A picture as the model takes it, and what of it the model sees.
  Prepared prepare(const Picture& picture) const;
  // Items as the input that the graph takes, the last one repeated to fill a fixed batch.
  Tensor batch(const std::vector<Floats>& items) const;

  Attribution explain(const Picture& picture, const Choice& choice = {}) const {
    return explain(batch({prepare(picture).item}), choice);
  }
  // A batch of the first explained input.
  Attribution explain(const Tensor& x, const Choice& choice = {}) const {
    return explain(Tensors{{contract_.inputs[0], x}}, choice);
  }
  // All inputs of the model, by their names.
  Attribution explain(const Tensors& inputs, const Choice& choice = {}) const;

  // The attribution of item n, with many of its unit k: the first explained input's, without batch axis.
  Floats item(const Attribution& attribution, size_t n = 0, size_t k = 0) const;
  // One item's attribution as a picture; `style` is signed, heat or overlay.
  Picture draw(const Floats& item, const std::string& style, const Picture& seen = {}) const;

 private:
  Explainer(Session session, const std::string& name);
  const Input& input(const std::string& name) const;
  const std::string& axes() const;
  Tensor chosen(const Choice& choice, int64_t items) const;
  Integers full_indices(const Integers& units) const;
  Integers indices(const Integers& units, int64_t items) const;
  void check_in_range(const Attribution& attribution) const;

  Session session_;
  Contract contract_;
};

inline Explainer::Explainer(Session session, const std::string& name) : session_(std::move(session)) {
  try {
    contract_ = Contract::parse(session_.metadata());
    if (!contract_.onnxruntime.empty() && detail::release(runtime_version()) < detail::release(contract_.onnxruntime))
      throw Error("the graph needs ONNX Runtime " + contract_.onnxruntime + " or later, and " + runtime_version() +
                  " is there; update it");
    for (const std::string& each : contract_.attributions())
      if (std::find(session_.outputs().begin(), session_.outputs().end(), each) == session_.outputs().end())
        throw Error("the built graph lacks the output " + each + "; build it again");
  } catch (const Error& error) {
    throw Error(name + error.what());
  }
}

inline const Input& Explainer::input(const std::string& name) const {
  for (const Input& each : session_.inputs())
    if (each.name == name) return each;
  throw Error("the graph has no input '" + name + "'; build it again");
}

inline const Preprocessing& Explainer::preprocessing() const {
  if (contract_.preprocessing) return *contract_.preprocessing;
  throw Error("the graph does not say how a picture becomes its input; build it with --preprocess, "
              "call set_preprocessing, or give tensors");
}

inline const std::string& Explainer::axes() const {
  static const std::string unknown;
  const auto known = contract_.axes.find(contract_.inputs[0]);
  return known == contract_.axes.end() ? unknown : known->second;
}

inline Prepared Explainer::prepare(const Picture& picture) const {
  const bool is_picture = axes().find('H') != std::string::npos && axes().find('W') != std::string::npos;
  if (!axes().empty() && !is_picture)
    throw Error("input '" + contract_.inputs[0] + "' takes no pictures (its axes are " + axes() + "); give tensors");
  return retrograph::prepare(picture, preprocessing(), axes(), input(contract_.inputs[0]).shape);
}

inline Tensor Explainer::batch(const std::vector<Floats>& items) const {
  const Input& taken = input(contract_.inputs[0]);
  if (items.empty()) throw Error("a batch has at least one item; give one");
  if (axes().find('N') == std::string::npos) {
    if (items.size() > 1) throw Error("the model takes one item at a time; give one");
    return Tensor(taken.type, items[0]);
  }
  const size_t fixed = taken.shape[0] < 0 ? 0 : static_cast<size_t>(taken.shape[0]);
  if (fixed && items.size() > fixed)
    throw Error("the model takes " + std::to_string(fixed) + " items at a time, not " +
                std::to_string(items.size()) + "; give fewer");
  Floats all{items[0].shape, {}};
  for (size_t n = 0; n < std::max(fixed, items.size()); ++n) {
    const Floats& item = items[std::min(n, items.size() - 1)];
    if (item.shape != items[0].shape)
      throw Error("items of the shapes " + to_string(items[0].shape) + " and " + to_string(item.shape) +
                  " are no batch; give those of one shape");
    all.values.insert(all.values.end(), item.values.begin(), item.values.end());
  }
  all.shape.insert(all.shape.begin(), static_cast<int64_t>(std::max(fixed, items.size())));
  return Tensor(taken.type, all);
}

inline Attribution Explainer::explain(const Tensors& inputs, const Choice& choice) const {
  Tensors feeds = inputs;
  const std::string chooser = contract_.chooser();
  if (!chooser.empty()) {
    const auto first = inputs.find(contract_.inputs[0]);
    const bool has_items = first != inputs.end() && !first->second.shape().empty();
    feeds[chooser] = chosen(choice, has_items ? first->second.shape()[0] : 1);
  } else if (!choice.units.values.empty() || !choice.weights.values.empty()) {
    throw Error("this graph explains the most active unit: give no unit, or build one with --select unit");
  }
  Attribution result;
  result.outputs = session_.run(feeds);
  const auto take = [&](const std::string& name) {
    const auto output = result.outputs.find(name);
    if (output == result.outputs.end()) throw Error("the built graph lacks the output " + name + "; build it again");
    Tensor tensor = std::move(output->second);
    result.outputs.erase(output);
    return tensor;
  };
  for (const std::string& name : contract_.attributions()) result.attributions.push_back(take(name).floats());
  result.score = take(contract_.called("score")).floats();
  result.unit = take(contract_.called("unit")).integers();
  const std::string bias = contract_.called("bias_relevance");
  const bool has_bias = contract_.names.empty() ? result.outputs.count(bias) : contract_.names.count("bias_relevance");
  if (has_bias) result.bias_relevance = take(bias).floats();
  check_in_range(result);
  return result;
}

inline void Explainer::check_in_range(const Attribution& attribution) const {
  if (contract_.select != "channel" && contract_.select != "unit") return;
  for (const int64_t place : attribution.unit.values)
    if (place < 0)
      throw Error("a unit is out of range: an item of '" + contract_.layer + "' has the shape " +
                  to_string(contract_.shape));
}

inline Tensor Explainer::chosen(const Choice& choice, int64_t items) const {
  const Input& taken = input(contract_.chooser());
  if (contract_.select == "cotangent") {
    if (choice.weights.values.empty())
      throw Error("this graph explains a chosen cotangent: give Choice::weighting");
    return Tensor(taken.type, choice.weights);
  }
  if (choice.units.values.empty()) throw Error("this graph explains a chosen " + contract_.select + ": give a unit");
  if (contract_.select != "top") return Tensor(taken.type, indices(full_indices(choice.units), items));
  if (choice.units.values.size() != 1 || choice.units.values[0] < 1)
    throw Error("the number of most active units is one number from 1; give Choice::most_active(K)");
  return Tensor(taken.type, Integers{{1}, choice.units.values});
}

// The numbers of classes alone, [..., 1], as [..., r] of a layer whose other axes have size 1; all else stays.
inline Integers Explainer::full_indices(const Integers& units) const {
  const bool is_alone = !units.shape.empty() && units.shape.back() == 1;
  if (contract_.select != "unit" || contract_.shape.size() == 1 || !is_alone || !contract_.has_classes()) return units;
  Integers all{units.shape, {}};
  all.shape.back() = static_cast<int64_t>(contract_.shape.size());
  for (const int64_t number : units.values) {
    const Index unit = contract_.unit_of(number);
    all.values.insert(all.values.end(), unit.begin(), unit.end());
  }
  return all;
}

// Units [r], [N, r], [K, r] or [N, K, r] as the graph takes them: [N, r], with many [N, K, r].
inline Integers Explainer::indices(const Integers& units, int64_t items) const {
  const int64_t length = contract_.select == "channel" ? 1 : static_cast<int64_t>(contract_.shape.size());
  const size_t rank = contract_.many ? 3 : 2;
  if (units.shape.empty() || units.shape.back() != length || units.shape.size() > rank)
    throw Error("a " + contract_.select + " of '" + contract_.layer + "' (shape " + to_string(contract_.shape) +
                ") is chosen by " + std::to_string(length) + " numbers, not by an array " + to_string(units.shape));
  Integers all = units;
  while (all.shape.size() < rank) all.shape.insert(all.shape.begin(), 1);
  const int64_t fixed = input(contract_.chooser()).shape[0], rows = fixed < 0 ? items : fixed;
  if (all.shape[0] != 1 && all.shape[0] != rows)
    throw Error("there are units for " + std::to_string(all.shape[0]) + " items, and " + std::to_string(rows) +
                " items; give one for each, or one for all");
  if (all.shape[0] == rows) return all;
  all.values.clear();
  for (int64_t row = 0; row < rows; ++row)
    all.values.insert(all.values.end(), units.values.begin(), units.values.end());
  all.shape[0] = rows;
  return all;
}

inline Floats Explainer::item(const Attribution& attribution, size_t n, size_t k) const {
  const bool has_items = axes().empty() || axes().find('N') != std::string::npos;
  const Floats own = has_items ? attribution.attribution()[n] : attribution.attribution();
  return contract_.many ? own[k] : own;
}

inline Picture Explainer::draw(const Floats& item, const std::string& style, const Picture& seen) const {
  detail::check_choice("style", style, {"signed", "heat", "overlay"});
  const std::string order = contract_.preprocessing ? contract_.preprocessing->order : "rgb";
  if (style == "signed") return draw_signed(item, axes(), order);
  return style == "heat" ? draw_heat(item, axes()) : draw_overlay(item, axes(), seen);
}

}  // namespace retrograph
