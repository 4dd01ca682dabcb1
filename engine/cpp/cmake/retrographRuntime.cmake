# ONNX Runtime as targets: onnxruntime::headers always, onnxruntime::onnxruntime where its library is there.
if(NOT TARGET onnxruntime::onnxruntime AND NOT ONNXRUNTIME_INCLUDE_DIR AND NOT ONNXRUNTIME_ROOT)
  find_package(onnxruntime CONFIG QUIET)  # Debian 13, vcpkg, Conan, Homebrew, a release's own
endif()
if(TARGET onnxruntime::onnxruntime)
  if(NOT TARGET onnxruntime::headers)
    add_library(onnxruntime::headers INTERFACE IMPORTED)
    set_target_properties(onnxruntime::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES
      "$<TARGET_PROPERTY:onnxruntime::onnxruntime,INTERFACE_INCLUDE_DIRECTORIES>")
  endif()
else()
  find_package(onnxruntime MODULE REQUIRED)
endif()
