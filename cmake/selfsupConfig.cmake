# find_package(selfsup): the targets selfsup::selfsup and selfsup::native.
# Set SELFSUP_OPENMP to OFF before the call for a build without OpenMP.
cmake_policy(VERSION 3.20)

if(NOT DEFINED SELFSUP_OPENMP)
  set(SELFSUP_OPENMP ON)
endif()
include("${CMAKE_CURRENT_LIST_DIR}/selfsupDependencies.cmake")
if(selfsup_missing)
  list(JOIN selfsup_missing ", " selfsup_missing)
  set(selfsup_NOT_FOUND_MESSAGE "selfsup needs ${selfsup_missing}")
  set(selfsup_FOUND FALSE)
  return()
endif()

if(NOT TARGET selfsup::selfsup)
  include("${CMAKE_CURRENT_LIST_DIR}/selfsupTargets.cmake")
  # Facts of the machine and compiler that use the package, not of those that installed it.
  if(TARGET OpenMP::OpenMP_CXX AND SELFSUP_OPENMP)
    target_link_libraries(selfsup::selfsup INTERFACE OpenMP::OpenMP_CXX)
  endif()
  target_compile_options(selfsup::native INTERFACE ${selfsup_native_flag})
endif()
