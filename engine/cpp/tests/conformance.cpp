// conformance CASES [--runtime LIBRARY] [--device NAME]: the conformance cases of docs/CONTRACT.md.
//
// Prints each case's largest difference, and ends with 1 where one is larger than is allowed.
#include <cstdio>
#include <fstream>
#include <limits>
#include <retrograph/retrograph.hpp>
#include <sstream>

namespace {

using retrograph::Error;
using retrograph::Json;
using Path = std::filesystem::path;

constexpr double infinite = std::numeric_limits<double>::infinity();

struct Outcome {
  double difference = 0, allowed = 0;
  bool is_right() const { return difference <= allowed; }
};

// The farther of two; one that is not right before any that is, and of equal ones the one with more leeway.
Outcome farther(const Outcome& one, const Outcome& other) {
  if (one.is_right() != other.is_right()) return one.is_right() ? other : one;
  if (one.difference != other.difference) return one.difference < other.difference ? other : one;
  return one.allowed < other.allowed ? other : one;
}

std::string read_bytes(const Path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream bytes;
  if (!(bytes << stream.rdbuf())) throw Error(file.string() + " cannot be read");
  return bytes.str();
}

Json read_json(const Path& file) { return Json::parse(read_bytes(file)); }

retrograph::ElementType type_named(const std::string& name) {
  for (int type = 0; type < 17; ++type) {
    const auto each = static_cast<retrograph::ElementType>(type);
    if (retrograph::detail::type_name(each) == name) return each;
  }
  throw Error("no type " + name);
}

retrograph::Tensor read_tensor(const Path& folder, const Json& entry, const char* type = "dtype") {
  retrograph::Shape shape;
  for (const Json& size : entry["shape"].array()) shape.push_back(size.integer());
  retrograph::Tensor tensor(type_named(entry[type].text()), shape);
  const std::string bytes = read_bytes(folder / entry["file"].text());
  if (bytes.size() != tensor.byte_count()) throw Error(entry["file"].text() + " has another size than its shape");
  std::copy(bytes.begin(), bytes.end(), tensor.bytes());
  return tensor;
}

// The largest difference as a share of the largest expected magnitude.
template <typename T>
double difference(const retrograph::Array<T>& found, const retrograph::Array<T>& expected) {
  if (found.shape != expected.shape) return infinite;
  double most = 0, largest = 0;
  for (size_t i = 0; i < expected.values.size(); ++i) {
    const double apart = std::fabs(static_cast<double>(found.values[i]) - static_cast<double>(expected.values[i]));
    most = std::isnan(apart) ? infinite : std::max(most, apart);
    largest = std::max(largest, std::fabs(static_cast<double>(expected.values[i])));
  }
  return largest > 0 ? most / largest : most;
}

Outcome compared(const retrograph::Tensor& found, const Path& folder, const Json& output) {
  const double allowed = output["tolerance"].number();
  if (found.type() != type_named(output["dtype"].text())) return {infinite, allowed};
  const auto expected = read_tensor(folder, output, "stored");
  return {difference(found.as<double>(), expected.as<double>()), allowed};
}

Outcome graph(const Path& folder, const retrograph::Options& options) {
  const Json about = read_json(folder / "case.json");
  const retrograph::Explainer explainer(folder / about["model"].text(), options);
  for (const auto& [key, value] : about["metadata"].object())
    if (explainer.session().metadata().at(key) != value.text()) throw Error("the metadata " + key + " are others");
  retrograph::Tensors inputs;
  for (const Json& input : about["inputs"].array()) inputs[input["name"].text()] = read_tensor(folder, input);
  const retrograph::Tensors outputs = explainer.session().run(inputs);
  Outcome outcome;
  retrograph::Choice choice;
  const auto chooser = inputs.find(explainer.contract().chooser());
  if (chooser != inputs.end()) {
    if (explainer.contract().select == "cotangent") choice.weights = chooser->second.floats();
    else choice.units = chooser->second.integers();
    if (about.object().count("unit")) choice.units = read_tensor(folder, about["unit"]).integers();
    inputs.erase(chooser);
  }
  std::optional<retrograph::Attribution> attribution;
  try {
    attribution = explainer.explain(inputs, choice);
  } catch (const Error& error) {  // a case that has a unit out of range, which the graph itself answers
    if (std::string(error.what()).find("out of range") == std::string::npos) throw;
  }
  size_t number = 0;
  for (const Json& output : about["outputs"].array()) {
    outcome = farther(outcome, compared(outputs.at(output["name"].text()), folder, output));
    if (!attribution) continue;
    const std::string& role = output["role"].text();
    const auto expected = read_tensor(folder, output, "stored");
    double apart = 0;
    if (role == "attribution") apart = difference(attribution->attributions.at(number++), expected.floats());
    else if (role == "score") apart = difference(attribution->score, expected.floats());
    else if (role == "unit") apart = difference(attribution->unit, expected.integers());
    else if (role == "bias_relevance") apart = difference(*attribution->bias_relevance, expected.floats());
    else if (!attribution->outputs.count(output["name"].text())) apart = infinite;
    outcome = farther(outcome, {apart, output["tolerance"].number()});
  }
  return outcome;
}

Outcome picture(const Path& folder, const retrograph::Options&) {
  const Json about = read_json(folder / "case.json");
  const auto recipe = retrograph::Preprocessing::parse(about["preprocessing"].text());
  const auto pixels = read_tensor(folder, about["pixels"]);
  const retrograph::Picture rgb(static_cast<int>(pixels.shape()[1]), static_cast<int>(pixels.shape()[0]),
                                pixels.as<uint8_t>().values);
  retrograph::Shape shape;
  for (const Json& size : about["input_shape"].array()) shape.push_back(size.is_null() ? -1 : size.integer());
  const std::string axes = recipe.layout == "nchw" ? "NCHW" : "NHWC";
  const auto prepared = retrograph::prepare(rgb, recipe, axes, shape).item;
  return {difference(prepared, read_tensor(folder, about["prepared"]).floats()[0]), about["tolerance"].number()};
}

Outcome drawing(const Path& folder, const retrograph::Options&) {
  const Json about = read_json(folder / "case.json");
  const auto item = read_tensor(folder, about["attribution"]).floats();
  const auto pixels = read_tensor(folder, about["picture"]);
  const retrograph::Picture seen(static_cast<int>(pixels.shape()[1]), static_cast<int>(pixels.shape()[0]),
                                 pixels.as<uint8_t>().values);
  const std::string axes = about["layout"].text() == "nchw" ? "CHW" : "HWC";
  int levels = 0;
  for (const auto& [style, entry] : about["styles"].object()) {
    const auto drawn = style == "signed" ? retrograph::draw_signed(item, axes, about["order"].text())
                       : style == "heat" ? retrograph::draw_heat(item, axes)
                                         : retrograph::draw_overlay(item, axes, seen);
    const auto expected = read_tensor(folder, entry).as<uint8_t>().values;
    if (drawn.pixels.size() != expected.size()) throw Error(style + " has another size");
    for (size_t i = 0; i < expected.size(); ++i)
      levels = std::max(levels, std::abs(int(drawn.pixels[i]) - int(expected[i])));
  }
  return {double(levels), about["levels"].number()};
}

using Run = Outcome (*)(const Path&, const retrograph::Options&);

// Runs all cases of a kind; how many are not met.
int run_kind(const Path& cases, const std::string& kind, Run run, const retrograph::Options& options) {
  std::map<double, double> largest;
  int count = 0, wrong = 0;
  for (const std::string& name : read_json(cases / "index.json")[kind].texts()) {
    Outcome outcome{infinite, 0};
    std::string reason;
    try {
      outcome = run(cases / kind / name, options);
    } catch (const std::exception& error) {
      reason = error.what();
    }
    std::printf("%-9s %-20s %.1e of %.0e %s\n", kind.c_str(), name.c_str(), outcome.difference, outcome.allowed,
                outcome.is_right() ? "" : ("NOT MET " + reason).c_str());
    largest[outcome.allowed] = std::max(largest[outcome.allowed], outcome.difference);
    wrong += outcome.is_right() ? 0 : 1;
    ++count;
  }
  std::printf("%s: %d of %d met", kind.c_str(), count - wrong, count);
  for (const auto& [allowed, difference] : largest) std::printf(", largest %.1e of %.0e", difference, allowed);
  std::printf("\n");
  return wrong + (count == 0 ? 1 : 0);
}

}  // namespace

int main(int count, char** texts) {
  try {
    if (count < 2) throw Error("usage: conformance CASES [--runtime LIBRARY] [--device NAME]");
    retrograph::Options options;
    options.threads = 1;
    for (int i = 2; i + 1 < count; i += 2) {
      const std::string option = texts[i];
      if (option == "--device") options.device = texts[i + 1];
#ifdef RETROGRAPH_DLOPEN
      if (option == "--runtime") retrograph::load_runtime(texts[i + 1]);
#endif
    }
    std::printf("C++ host, ONNX Runtime %s\n", retrograph::runtime_version().c_str());
    const Path cases = texts[1];
    const int wrong = run_kind(cases, "graphs", graph, options) + run_kind(cases, "pictures", picture, options) +
                      run_kind(cases, "drawings", drawing, options);
    return wrong ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
