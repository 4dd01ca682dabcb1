// ONNX Runtime: linked, or with RETROGRAPH_DLOPEN defined before the first include opened at run time.
#pragma once

#ifdef RETROGRAPH_DLOPEN
#ifdef _WIN32
#error "RETROGRAPH_DLOPEN needs dlopen; link ONNX Runtime on Windows"
#endif
#define ORT_API_MANUAL_INIT
#endif
#include <onnxruntime_cxx_api.h>
#ifdef RETROGRAPH_DLOPEN
#include <dlfcn.h>
#endif

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "error.hpp"

namespace retrograph {
namespace detail {

// The two numbers of a release, such as 1 and 21.
inline std::pair<int, int> release(const std::string& text) {
  int major = 0, minor = 0;
  std::sscanf(text.c_str(), "%d.%d", &major, &minor);
  return {major, minor};
}

#ifdef RETROGRAPH_DLOPEN
inline const OrtApiBase*& api_base() {
  static const OrtApiBase* base = nullptr;
  return base;
}
#else
inline const OrtApiBase* api_base() { return OrtGetApiBase(); }
#endif

}  // namespace detail

// The release of ONNX Runtime that is there, such as 1.32.0. Throws Error where none was loaded.
inline std::string runtime_version() {
  if (!detail::api_base())
    throw Error("ONNX Runtime is not loaded; call retrograph::load_runtime(LIBRARY) first");
  return detail::api_base()->GetVersionString();
}

#ifdef RETROGRAPH_DLOPEN
// Opens ONNX Runtime's library, for the whole program, once and before anything else is done here.
// Any release from 1.20 on will do, whatever the headers' own is: no versioned symbol is bound.
inline void load_runtime(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* reason = dlerror();
    throw Error(library + " cannot be loaded (" + (reason ? reason : "no reason") +
                "); give the path of libonnxruntime.so");
  }
  using GetApiBase = const OrtApiBase* (*)();
  const auto get = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  if (!get) throw Error(library + " is not ONNX Runtime; give the path of libonnxruntime.so");
  const int minor = detail::release(get()->GetVersionString()).second;
  const OrtApi* api = get()->GetApi(static_cast<uint32_t>(std::min(minor, ORT_API_VERSION)));
  if (minor < 20 || !api)
    throw Error(library + " is ONNX Runtime " + get()->GetVersionString() + "; give 1.20 or later");
  detail::api_base() = get();
  Ort::InitApi(api);
}
#endif

namespace detail {

// Throws Error where the library that is there does not have what the headers declare.
inline void check_runtime() {
  const std::string version = runtime_version();
#ifndef RETROGRAPH_DLOPEN
  if (release(version).second < ORT_API_VERSION)
    throw Error("the program was built with the headers of ONNX Runtime 1." +
                std::to_string(ORT_API_VERSION) + ", and " + version +
                " is there; give it that release or a later one");
#endif
}

// ONNX Runtime's own state, one for the program.
inline Ort::Env& environment() {
  static Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "retrograph");
  return env;
}

// The first line of what ONNX Runtime says of an error.
inline std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

}  // namespace detail
}  // namespace retrograph
