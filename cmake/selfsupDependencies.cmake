# What selfsup needs, for its own build and for the installed package.
# Reads SELFSUP_OPENMP. Sets
#   selfsup_missing      what was not found, in words
#   selfsup_native_flag  the compiler flag of selfsup::native
# Targets that the caller has already (FetchContent) are used as they are. find_package is asked for
# no version: xsimd 14 refuses a request for 8.1 and Eigen 5 one for 3.4.
set(selfsup_missing "")

if(NOT TARGET xsimd)
  find_package(xsimd CONFIG QUIET)
endif()
if(NOT TARGET xsimd OR (xsimd_VERSION AND xsimd_VERSION VERSION_LESS 8.1))
  list(APPEND selfsup_missing "xsimd 8.1 or later (Debian: libxsimd-dev)")
else()
  # Debian 12's xsimd links a library xtl that it neither finds nor needs.
  get_target_property(selfsup_xsimd_links xsimd INTERFACE_LINK_LIBRARIES)
  if("xtl" IN_LIST selfsup_xsimd_links AND NOT TARGET xtl)
    find_package(xtl CONFIG QUIET)
    if(NOT TARGET xtl)
      add_library(xtl INTERFACE IMPORTED GLOBAL)
    endif()
  endif()
endif()

if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 CONFIG QUIET)
endif()
if(NOT TARGET Eigen3::Eigen OR (Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4))
  list(APPEND selfsup_missing "Eigen 3.4 or later (Debian: libeigen3-dev)")
endif()

# Before glibc 2.34 threads take a flag.
if(NOT TARGET Threads::Threads)
  find_package(Threads QUIET)
endif()
if(NOT TARGET Threads::Threads)
  list(APPEND selfsup_missing "POSIX threads")
endif()

if(SELFSUP_OPENMP AND NOT TARGET OpenMP::OpenMP_CXX)
  find_package(OpenMP QUIET COMPONENTS CXX)
endif()

set(selfsup_native_flag -march=native)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(selfsup_native_flag -mcpu=native)  # Clang 14 has no -march=native there
endif()
