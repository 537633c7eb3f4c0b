# Headers and package files. No installed file names a machine, a compiler or a build folder.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

target_include_directories(selfsup INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/selfsup"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")

set(selfsup_cmake_dir "${CMAKE_INSTALL_DATADIR}/cmake/selfsup")
install(TARGETS selfsup selfsup_native EXPORT selfsupTargets)
install(EXPORT selfsupTargets NAMESPACE selfsup:: DESTINATION "${selfsup_cmake_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/selfsupConfigVersion.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  "${PROJECT_SOURCE_DIR}/cmake/selfsupConfig.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/selfsupDependencies.cmake"
  "${PROJECT_BINARY_DIR}/selfsupConfigVersion.cmake"
  DESTINATION "${selfsup_cmake_dir}")

# The .pc file finds the headers from where it lies itself, so the tree may be moved.
file(RELATIVE_PATH selfsup_pc_to_include
  "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/selfsup.pc.in" "${PROJECT_BINARY_DIR}/selfsup.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/selfsup.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
