// A graph that is ready to run, by the names of its inputs and outputs.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "device.hpp"
#include "error.hpp"
#include "runtime.hpp"
#include "tensor.hpp"

namespace retrograph {

using Tensors = std::map<std::string, Tensor>;

// What a session is made with.
struct Options {
  // cpu, cuda, tensorrt, openvino, coreml, directml, or the name of an execution provider that the
  // installed ONNX Runtime has; behind it options of the provider, as in "cuda,device_id=1".
  std::string device = "cpu";
  int threads = 0;        // that an operator may use; 0: ONNX Runtime's choice
  bool optimized = true;  // whether ONNX Runtime may replace nodes by others
};

// An input of a graph.
struct Input {
  std::string name;
  ElementType type;
  Shape shape;  // -1 where a size is open

  std::string takes() const { return detail::type_name(type) + " " + to_string(shape); }
};

// Loaded once; any number of threads may run it at once.
class Session {
 public:
  // Throws Error where there is no such file, or ONNX Runtime cannot load it on the device.
  explicit Session(const std::filesystem::path& file, const Options& options = {});

  // A graph in memory.
  Session(const void* data, size_t size, const Options& options = {});

  const std::vector<Input>& inputs() const { return inputs_; }
  const std::vector<std::string>& outputs() const { return outputs_; }  // those of numbers
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // Runs the graph. Throws Error where an input is missing, unknown, or has a wrong type or shape.
  Tensors run(const Tensors& feeds) const { return run(feeds, outputs_); }

  // The same, for some of the outputs alone.
  Tensors run(const Tensors& feeds, const std::vector<std::string>& wanted) const;

 private:
  static Ort::SessionOptions session_options(const Options& options);
  template <typename... Source>
  static Ort::Session load(const std::string& name, const Options& options, Source... source);
  void describe();
  const Tensor& fed(const Input& input, const Tensors& feeds) const;

  mutable Ort::Session session_;  // ONNX Runtime runs a session from many threads
  std::vector<Input> inputs_;
  std::vector<std::string> outputs_;
  std::map<std::string, std::string> metadata_;
};

inline Ort::SessionOptions Session::session_options(const Options& options) {
  Ort::SessionOptions session;
  session.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);  // its errors are thrown, too
  session.DisableMemPattern();                           // a plan of all memory takes about twice as much of it
  if (options.threads < 0) throw Error("threads is " + std::to_string(options.threads) + "; give 0 or more");
  if (options.threads) session.SetIntraOpNumThreads(options.threads);
  if (!options.optimized) session.SetGraphOptimizationLevel(ORT_DISABLE_ALL);
  if (detail::release(runtime_version()) == std::pair(1, 21))  // it rounds float weights, and no other does
    session.AddConfigEntry("optimization.disable_specified_optimizers", "WeightBiasQuantization");
  detail::append_device(session, options.device);
  return session;
}

template <typename... Source>
Ort::Session Session::load(const std::string& name, const Options& options, Source... source) {
  detail::check_runtime();
  Ort::SessionOptions session = session_options(options);
  if constexpr (sizeof...(source) == 2)  // 1.24 to 1.28 want one for some graphs in memory
    session.AddConfigEntry("session.model_external_initializers_file_folder_path", "no folder");
  try {
    return Ort::Session(detail::environment(), source..., session);
  } catch (const Ort::Exception& error) {
    throw Error(name + ": ONNX Runtime " + runtime_version() + " cannot load the graph (" +
                detail::first_line(error) + "); upgrade it, or export the model anew");
  }
}

inline Session::Session(const std::filesystem::path& file, const Options& options) : session_(nullptr) {
  std::error_code failed;
  if (!std::filesystem::exists(file, failed)) throw Error(file.string() + " does not exist; check the path");
  if (std::filesystem::is_directory(file, failed))
    throw Error(file.string() + " is a folder, not a model; name the .onnx file");
  session_ = load(file.string(), options, file.c_str());
  describe();
}

inline Session::Session(const void* data, size_t size, const Options& options)
    : session_(load("the model in memory", options, data, size)) {
  describe();
}

inline void Session::describe() {
  const Ort::AllocatorWithDefaultOptions allocator;
  for (size_t i = 0; i < session_.GetInputCount(); ++i) {
    const Ort::TypeInfo type = session_.GetInputTypeInfo(i);
    const std::string name = session_.GetInputNameAllocated(i, allocator).get();
    if (type.GetONNXType() != ONNX_TYPE_TENSOR)
      throw Error("input '" + name + "' takes no tensor, which this host does not feed; use another one");
    const auto tensor = type.GetTensorTypeAndShapeInfo();
    inputs_.push_back({name, tensor.GetElementType(), tensor.GetShape()});
  }
  for (size_t i = 0; i < session_.GetOutputCount(); ++i) {
    const Ort::TypeInfo type = session_.GetOutputTypeInfo(i);
    const bool is_tensor = type.GetONNXType() == ONNX_TYPE_TENSOR;
    if (is_tensor && detail::with_type(type.GetTensorTypeAndShapeInfo().GetElementType(), [](auto) {}))
      outputs_.push_back(session_.GetOutputNameAllocated(i, allocator).get());
  }
  const Ort::ModelMetadata metadata = session_.GetModelMetadata();
  for (const auto& key : metadata.GetCustomMetadataMapKeysAllocated(allocator))
    metadata_[key.get()] = metadata.LookupCustomMetadataMapAllocated(key.get(), allocator).get();
}

inline const Tensor& Session::fed(const Input& input, const Tensors& feeds) const {
  const auto feed = feeds.find(input.name);
  if (feed == feeds.end())
    throw Error("missing input: '" + input.name + "' (" + input.takes() + "); give a tensor for it by name");
  const Tensor& tensor = feed->second;
  bool fits = tensor.type() == input.type && tensor.shape().size() == input.shape.size();
  for (size_t axis = 0; fits && axis < input.shape.size(); ++axis)
    fits = input.shape[axis] < 0 || input.shape[axis] == tensor.shape()[axis];
  if (!fits)
    throw Error("input '" + input.name + "' takes " + input.takes() + "; what is given is " +
                detail::type_name(tensor.type()) + " " + to_string(tensor.shape()));
  return tensor;
}

inline Tensors Session::run(const Tensors& feeds, const std::vector<std::string>& wanted) const {
  for (const auto& feed : feeds) {
    bool is_known = false;
    for (const Input& input : inputs_) is_known = is_known || input.name == feed.first;
    if (!is_known) throw Error("the graph has no input '" + feed.first + "'; look at Session::inputs()");
  }
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  std::vector<const char*> input_names, output_names;
  std::vector<Ort::Value> values;
  for (const Input& input : inputs_) {
    const Tensor& tensor = fed(input, feeds);
    input_names.push_back(input.name.c_str());
    values.push_back(Ort::Value::CreateTensor(memory, const_cast<uint8_t*>(tensor.bytes()), tensor.byte_count(),
                                              tensor.shape().data(), tensor.shape().size(), tensor.type()));
  }
  for (const std::string& name : wanted) output_names.push_back(name.c_str());
  std::vector<Ort::Value> results;
  try {
    results = session_.Run(Ort::RunOptions{nullptr}, input_names.data(), values.data(), values.size(),
                           output_names.data(), output_names.size());
  } catch (const Ort::Exception& error) {
    throw Error("ONNX Runtime cannot run the graph (" + detail::first_line(error) +
                "); check the inputs' sizes, or try another device");
  }
  Tensors outputs;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto type = results[i].GetTensorTypeAndShapeInfo();
    Tensor tensor(type.GetElementType(), type.GetShape());
    if (tensor.byte_count()) std::memcpy(tensor.bytes(), results[i].GetTensorRawData(), tensor.byte_count());
    outputs.emplace(wanted[i], std::move(tensor));
  }
  return outputs;
}

}  // namespace retrograph
