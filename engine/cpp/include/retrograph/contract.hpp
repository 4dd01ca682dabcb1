// What a built graph says of itself in its metadata (docs/CONTRACT.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "error.hpp"
#include "json.hpp"
#include "preprocessing.hpp"

namespace retrograph {

// The number of the newest contract that is known here.
constexpr int64_t contract_version = 1;

struct Contract {
  std::string version;                                // of the retrograph that built the graph
  std::string method, layer, tensor;                  // layer: a short name; tensor: the graph's
  std::string select;                                 // top, channel, unit or cotangent
  bool many = false;                                  // K units of each item at once
  std::vector<int64_t> shape;                         // of one item of the layer; -1 where it is open
  size_t channel_axis = 0;                            // of that shape
  std::vector<std::string> explained;                 // inputs, or inner tensors
  std::vector<std::string> inputs;                    // the input that each of them is computed from
  std::map<std::string, std::string> axes;            // of these inputs, a letter an axis: NCHW
  std::map<std::string, std::string> names;           // what is called otherwise than the contract says
  std::vector<std::string> labels, notes;
  std::string precision;
  std::string onnxruntime;                            // the lowest release that runs the graph, or ""
  std::optional<Preprocessing> preprocessing;         // of the first input; none where nobody said

  // Reads the properties of a model. Throws Error where it was not built by retrograph, by a newer
  // one, or where they are damaged.
  static Contract parse(const std::map<std::string, std::string>& properties);

  // What an added input or output is called in this graph.
  std::string called(const std::string& name) const {
    const auto other = names.find(name);
    return other == names.end() ? name : other->second;
  }

  // The names of the outputs that hold the attributions, in the order of `explained`.
  std::vector<std::string> attributions() const {
    if (explained.size() == 1) return {called("attribution")};
    std::vector<std::string> outputs;
    for (const std::string& each : explained) outputs.push_back(called("attribution." + each));
    return outputs;
  }

  // The name of the input by which units are chosen; "" where there is none.
  std::string chooser() const {
    if (select == "top" && !many) return "";
    return called(select == "cotangent" ? "cotangent" : "select");
  }

  // Whether an item of the layer has one number a channel, as classes have: [1000], [1000, 1, 1].
  bool has_classes() const {
    for (size_t axis = 0; axis < shape.size(); ++axis)
      if (axis != channel_axis && shape[axis] != 1) return false;
    return true;
  }

  // The unit of a class; what `Choice` takes.
  std::vector<int64_t> unit_of(int64_t number) const {
    std::vector<int64_t> unit(shape.size(), 0);
    unit[channel_axis] = number;
    return unit;
  }

  // The name of a unit's class; "" where it is none, or the file has no names.
  std::string label(const std::vector<int64_t>& unit) const {
    const auto count = static_cast<int64_t>(labels.size());
    if (!has_classes() || unit.size() != shape.size() || shape[channel_axis] != count) return "";
    const int64_t number = unit[channel_axis];
    return number >= 0 && number < count ? labels[static_cast<size_t>(number)] : "";
  }
};

namespace detail {

class Properties {
 public:
  explicit Properties(const std::map<std::string, std::string>& properties) : properties_(properties) {}

  bool has(const std::string& key) const { return properties_.count("retrograph." + key) != 0; }

  const std::string& text(const std::string& key) const {
    const auto property = properties_.find("retrograph." + key);
    if (property == properties_.end()) throw Error("retrograph." + key + " is missing");
    return property->second;
  }

  std::string text(const std::string& key, const std::string& usual) const {
    return has(key) ? text(key) : usual;
  }

  Json json(const std::string& key) const { return Json::parse(text(key)); }

  Json json(const std::string& key, const std::string& usual) const {
    return Json::parse(text(key, usual));
  }

 private:
  const std::map<std::string, std::string>& properties_;
};

inline std::map<std::string, std::string> text_map(const Json& json) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : json.object()) texts[key] = value.text();
  return texts;
}

// Axes of a file that does not tell them: of a picture, by the recipe's layout.
inline std::map<std::string, std::string> axes_by_layout(const Contract& contract) {
  if (!contract.preprocessing) return {};
  return {{contract.inputs[0], contract.preprocessing->layout == "nchw" ? "NCHW" : "NHWC"}};
}

inline Contract read_contract(const Properties& from) {
  Contract contract;
  contract.version = from.text("version");
  contract.method = from.text("method");
  contract.layer = from.text("alias");
  contract.tensor = from.text("target");
  contract.select = from.text("select");
  check_choice("select", contract.select, {"top", "channel", "unit", "cotangent"});
  contract.many = from.json("many").boolean();
  for (const Json& size : from.json("shape").array())
    contract.shape.push_back(size.is_null() ? -1 : size.integer());
  const int64_t channel_axis = from.json("channel_axis", "0").integer();
  if (channel_axis < 0 || channel_axis >= static_cast<int64_t>(contract.shape.size()))
    throw Error("retrograph.channel_axis is no axis of retrograph.shape");
  contract.channel_axis = static_cast<size_t>(channel_axis);
  contract.explained = from.json("explained").texts();
  if (contract.explained.empty()) throw Error("retrograph.explained is empty");
  contract.inputs = from.has("inputs") ? from.json("inputs").texts() : contract.explained;
  contract.names = text_map(from.json("names", "{}"));
  contract.labels = from.json("labels").texts();
  contract.notes = from.json("notes").texts();
  contract.precision = from.text("precision", "float32");
  contract.onnxruntime = from.text("onnxruntime", "");
  const std::string recipe = from.text("preprocessing");
  if (!recipe.empty()) contract.preprocessing = Preprocessing::parse(recipe);
  contract.axes = from.has("axes") ? text_map(from.json("axes")) : axes_by_layout(contract);
  return contract;
}

}  // namespace detail

inline Contract Contract::parse(const std::map<std::string, std::string>& properties) {
  const detail::Properties from(properties);
  if (!from.has("version"))
    throw Error("the model is no graph that retrograph has built; make one by: retrograph build MODEL");
  try {
    const int64_t number = from.json("contract", "1").integer();
    if (number <= contract_version) return detail::read_contract(from);
  } catch (const Error& error) {
    throw Error("the built graph's metadata are damaged (" + std::string(error.what()) +
                "); build it again");
  }
  throw Error("the graph was built by a newer retrograph (contract " + from.text("contract") + ", and " +
              std::to_string(contract_version) + " is known here); update this host, or build it again");
}

}  // namespace retrograph
