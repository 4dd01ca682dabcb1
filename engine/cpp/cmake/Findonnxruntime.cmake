# ONNX Runtime by path, where it has no CMake package.
#
#   ONNXRUNTIME_ROOT         an unpacked release: include/ and lib/
#   ONNXRUNTIME_INCLUDE_DIR  the folder of onnxruntime_cxx_api.h
#   ONNXRUNTIME_LIBRARY      the library, whatever its name: that of Python's wheel ends in .so.1.32.0
#
# Targets: onnxruntime::headers, and onnxruntime::onnxruntime where the library was found.
find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_cxx_api.h HINTS ${ONNXRUNTIME_ROOT}/include
          PATH_SUFFIXES onnxruntime onnxruntime/core/session)
find_library(ONNXRUNTIME_LIBRARY onnxruntime HINTS ${ONNXRUNTIME_ROOT}/lib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(onnxruntime REQUIRED_VARS ONNXRUNTIME_INCLUDE_DIR)

if(onnxruntime_FOUND AND NOT TARGET onnxruntime::headers)
  add_library(onnxruntime::headers INTERFACE IMPORTED)
  set_target_properties(onnxruntime::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${ONNXRUNTIME_INCLUDE_DIR}")
endif()
if(onnxruntime_FOUND AND ONNXRUNTIME_LIBRARY AND NOT TARGET onnxruntime::onnxruntime)
  get_filename_component(library_ "${ONNXRUNTIME_LIBRARY}" REALPATH)
  if(library_ MATCHES "\\.so\\.[0-9.]+$")
    # Programs look for it as libonnxruntime.so.1, and a wheel has no file of that name.
    get_filename_component(folder_ "${library_}" DIRECTORY)
    file(GLOB beside_ "${folder_}/libonnxruntime_providers_*.so")
    set(links_ "${CMAKE_BINARY_DIR}/onnxruntime")
    file(MAKE_DIRECTORY "${links_}")
    foreach(each_ ${beside_})
      get_filename_component(name_ "${each_}" NAME)
      file(CREATE_LINK "${each_}" "${links_}/${name_}" SYMBOLIC)
    endforeach()
    file(CREATE_LINK "${library_}" "${links_}/libonnxruntime.so.1" SYMBOLIC)
    set(library_ "${links_}/libonnxruntime.so.1")
  endif()
  add_library(onnxruntime::onnxruntime SHARED IMPORTED)
  set_target_properties(onnxruntime::onnxruntime PROPERTIES IMPORTED_LOCATION "${library_}"
                        INTERFACE_INCLUDE_DIRECTORIES "${ONNXRUNTIME_INCLUDE_DIR}")
endif()
