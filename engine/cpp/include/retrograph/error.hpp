// The one exception of this library: its message says what is wrong, where, and how to mend it, in one line.
#pragma once

#include <stdexcept>
#include <string>

namespace retrograph {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace retrograph
