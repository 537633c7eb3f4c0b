// The words of an exception.
#pragma once

#include <string>

namespace tests {

/// What `call` throws as an Error, or that it throws nothing; other exceptions pass.
template <class Error, class Call>
std::string message(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace tests
