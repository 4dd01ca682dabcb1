// The devices that graphs run on: execution providers of ONNX Runtime, by name.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "error.hpp"
#include "runtime.hpp"

namespace retrograph {
namespace detail {

struct Provider {
  std::string name;
  std::unordered_map<std::string, std::string> options;
};

inline const std::map<std::string, std::string>& short_names() {
  static const std::map<std::string, std::string> names{
      {"cpu", "CPUExecutionProvider"},       {"cuda", "CUDAExecutionProvider"},
      {"tensorrt", "TensorrtExecutionProvider"}, {"openvino", "OpenVINOExecutionProvider"},
      {"coreml", "CoreMLExecutionProvider"}, {"directml", "DmlExecutionProvider"},
  };
  return names;
}

inline void check_available(const std::string& asked, const std::string& name) {
  const std::vector<std::string> there = Ort::GetAvailableProviders();
  if (std::find(there.begin(), there.end(), name) != there.end()) return;
  std::string all;
  for (const std::string& each : there) {
    std::string shown = each;
    for (const auto& [short_name, long_name] : short_names())
      if (long_name == each) shown = short_name;
    all += (all.empty() ? "" : ", ") + shown;
  }
  throw Error("device '" + asked + "' was asked for and the installed ONNX Runtime (" + runtime_version() +
              ") does not have it; choose one of: " + all);
}

// From "cpu", "cuda,device_id=1", or the name of a provider; what follows are the provider's options.
inline Provider provider(const std::string& device) {
  const size_t comma = device.find(',');
  const std::string asked = device.substr(0, comma);
  const auto known = short_names().find(asked);
  Provider provider{known == short_names().end() ? asked : known->second, {}};
  check_available(asked, provider.name);
  if (asked == "cuda" || asked == "CUDAExecutionProvider") provider.options["use_tf32"] = "0";
  for (size_t at = comma; at != std::string::npos;) {
    const size_t next = device.find(',', at + 1);
    const std::string option = device.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    const size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == option.size())
      throw Error("device '" + device + "': '" + option +
                  "' is no option of a provider; write NAME,KEY=VALUE, such as cuda,device_id=1");
    provider.options[option.substr(0, equals)] = option.substr(equals + 1);
    at = next;
  }
  return provider;
}

inline void append_cuda(Ort::SessionOptions& session, const Provider& provider) {
  OrtCUDAProviderOptionsV2* options = nullptr;
  Ort::ThrowOnError(Ort::GetApi().CreateCUDAProviderOptions(&options));
  const std::unique_ptr<OrtCUDAProviderOptionsV2, void (*)(OrtCUDAProviderOptionsV2*)> held(
      options, Ort::GetApi().ReleaseCUDAProviderOptions);
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : provider.options) keys.push_back(key.c_str()), values.push_back(value.c_str());
  Ort::ThrowOnError(
      Ort::GetApi().UpdateCUDAProviderOptions(options, keys.data(), values.data(), keys.size()));
  session.AppendExecutionProvider_CUDA_V2(*options);
}

inline void append_tensorrt(Ort::SessionOptions& session, const Provider& provider) {
  OrtTensorRTProviderOptionsV2* options = nullptr;
  Ort::ThrowOnError(Ort::GetApi().CreateTensorRTProviderOptions(&options));
  const std::unique_ptr<OrtTensorRTProviderOptionsV2, void (*)(OrtTensorRTProviderOptionsV2*)> held(
      options, Ort::GetApi().ReleaseTensorRTProviderOptions);
  std::vector<const char*> keys, values;
  for (const auto& [key, value] : provider.options) keys.push_back(key.c_str()), values.push_back(value.c_str());
  Ort::ThrowOnError(
      Ort::GetApi().UpdateTensorRTProviderOptions(options, keys.data(), values.data(), keys.size()));
  session.AppendExecutionProvider_TensorRT_V2(*options);
}

// Adds the device that a text names to a session's options; the CPU takes what it does not.
inline void append_device(Ort::SessionOptions& session, const std::string& device) {
  const Provider chosen = provider(device);
  try {
    if (chosen.name == "CPUExecutionProvider") return;
    if (chosen.name == "CUDAExecutionProvider") return append_cuda(session, chosen);
    if (chosen.name == "TensorrtExecutionProvider") return append_tensorrt(session, chosen);
    if (chosen.name == "OpenVINOExecutionProvider") {
      session.AppendExecutionProvider_OpenVINO_V2(chosen.options);
      return;
    }
    const std::string suffix = "ExecutionProvider";
    const bool has_suffix = chosen.name.size() > suffix.size() &&
                            chosen.name.compare(chosen.name.size() - suffix.size(), suffix.size(), suffix) == 0;
    session.AppendExecutionProvider(chosen.name.substr(0, chosen.name.size() - (has_suffix ? suffix.size() : 0)),
                                    chosen.options);
  } catch (const Ort::Exception& error) {
    throw Error("device '" + device + "' was asked for and cannot be used (" + first_line(error) +
                "); install the libraries that your ONNX Runtime's page names, or use cpu");
  }
}

}  // namespace detail
}  // namespace retrograph
