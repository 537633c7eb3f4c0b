// What makes this program many times slower: AddressSanitizer watches it, or it is emulated
// (scripts/check aarch64).
#pragma once

namespace tests {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool address_sanitizer = true;
#elif defined(__has_feature)
constexpr bool address_sanitizer = __has_feature(address_sanitizer);
#else
constexpr bool address_sanitizer = false;
#endif

#if defined(TESTS_EMULATED)
constexpr bool slow = true;
#else
constexpr bool slow = address_sanitizer;
#endif

}  // namespace tests
