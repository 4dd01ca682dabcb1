// Arrays of numbers, as graphs take and give them.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "error.hpp"
#include "runtime.hpp"

namespace retrograph {

using Shape = std::vector<int64_t>;

inline size_t element_count(const Shape& shape) {
  size_t count = 1;
  for (const int64_t size : shape) count *= static_cast<size_t>(size);
  return count;
}

inline std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t axis = 0; axis < shape.size(); ++axis)
    text += (axis ? ", " : "") + (shape[axis] < 0 ? "?" : std::to_string(shape[axis]));
  return text + "]";
}

// An array in C order, of a type that C++ has.
template <typename T>
struct Array {
  Shape shape;
  std::vector<T> values;

  // Entry n of the first axis.
  Array operator[](size_t n) const {
    if (shape.empty() || n >= static_cast<size_t>(shape[0]))
      throw Error("there is no entry " + std::to_string(n) + " in an array " + to_string(shape));
    const Shape rest(shape.begin() + 1, shape.end());
    const size_t count = element_count(rest);
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(n * count);
    return {rest, std::vector<T>(first, first + static_cast<std::ptrdiff_t>(count))};
  }
};

using Floats = Array<float>;
using Integers = Array<int64_t>;

using ElementType = ONNXTensorElementDataType;

namespace detail {

// Calls a function with a value of the C++ type of an element type; false for a type that is no number.
template <typename F>
bool with_type(ElementType type, F&& use) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: use(float{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE: use(double{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: use(Ort::Float16_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16: use(Ort::BFloat16_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: use(int64_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: use(int32_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16: use(int16_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8: use(int8_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64: use(uint64_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32: use(uint32_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16: use(uint16_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8: use(uint8_t{}); return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL: use(bool{}); return true;
    default: return false;
  }
}

inline std::string type_name(ElementType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: return "float32";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE: return "float64";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: return "float16";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16: return "bfloat16";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return "int64";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: return "int32";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16: return "int16";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8: return "int8";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64: return "uint64";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32: return "uint32";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16: return "uint16";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8: return "uint8";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL: return "bool";
    default: return "type " + std::to_string(static_cast<int>(type));
  }
}

template <typename T>
constexpr bool is_half = std::is_same_v<T, Ort::Float16_t> || std::is_same_v<T, Ort::BFloat16_t>;

// A number as another type. Throws Error where whole numbers do not hold it.
template <typename To, typename From>
To number_as(const From& value) {
  if constexpr (is_half<From>) {
    return number_as<To>(value.ToFloat());
  } else if constexpr (is_half<To>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    const double number = static_cast<double>(value);
    if (number != std::round(number) || number < static_cast<double>(std::numeric_limits<To>::min()) ||
        number > static_cast<double>(std::numeric_limits<To>::max()))
      throw Error("whole numbers of the input's type do not hold " + std::to_string(number));
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace detail

// An array in C order, of any type of numbers that ONNX has.
class Tensor {
 public:
  Tensor() = default;

  // Zeros.
  Tensor(ElementType type, Shape shape) : type_(type), shape_(std::move(shape)) {
    size_t size = 0;
    detail::with_type(type, [&](auto one) { size = sizeof(one); });
    if (!size) throw Error("tensors of " + detail::type_name(type) + " hold no numbers");
    bytes_.resize(size * element_count(shape_));
  }

  // An array's numbers as a type.
  template <typename T>
  Tensor(ElementType type, const Array<T>& array) : Tensor(type, array.shape) {
    if (array.values.size() != element_count(shape_))
      throw Error(std::to_string(array.values.size()) + " numbers are no array " + to_string(shape_));
    detail::with_type(type, [&](auto one) {
      using To = decltype(one);
      for (size_t i = 0; i < array.values.size(); ++i) {
        const To value = detail::number_as<To>(array.values[i]);
        std::memcpy(bytes_.data() + i * sizeof(To), &value, sizeof(To));
      }
    });
  }

  Tensor(const Floats& array) : Tensor(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, array) {}
  Tensor(const Integers& array) : Tensor(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, array) {}

  ElementType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  size_t size() const { return element_count(shape_); }
  uint8_t* bytes() { return bytes_.data(); }
  const uint8_t* bytes() const { return bytes_.data(); }
  size_t byte_count() const { return bytes_.size(); }

  // The numbers as another type.
  template <typename T>
  Array<T> as() const {
    Array<T> array{shape_, {}};
    array.values.reserve(size());
    detail::with_type(type_, [&](auto one) {
      using From = decltype(one);
      for (size_t i = 0; i < size(); ++i) {
        From value;
        std::memcpy(&value, bytes_.data() + i * sizeof(From), sizeof(From));
        array.values.push_back(detail::number_as<T>(value));
      }
    });
    return array;
  }

  Floats floats() const { return as<float>(); }
  Integers integers() const { return as<int64_t>(); }

 private:
  ElementType type_ = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  Shape shape_;
  std::vector<uint8_t> bytes_;
};

}  // namespace retrograph
