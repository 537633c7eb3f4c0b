// Whether AddressSanitizer watches this program, which makes it many times slower.
#pragma once

namespace tests {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool address_sanitizer = true;
#elif defined(__has_feature)
constexpr bool address_sanitizer = __has_feature(address_sanitizer);
#else
constexpr bool address_sanitizer = false;
#endif

}  // namespace tests
