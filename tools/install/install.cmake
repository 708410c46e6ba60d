# What `cmake --install` puts where, beside what tools/ and tracepoints/ install of their own: the libraries, the header, the CMake
# package (find_package(hakmem): hakmem::hakmem and hakmem::static take malloc's place, hakmem::api does not) and the pkg-config files. A moved installation works.
# A component is a Debian package of the same name (tools/packaging).
include(CMakePackageConfigHelpers)

set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/hakmem)
install(TARGETS hakmem hakmem-api hakmem-static EXPORT hakmem-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libhakmem-dev
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libhakmem0 NAMELINK_COMPONENT libhakmem-dev
  PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT libhakmem-dev)
# To be preloaded, never to be linked.
install(TARGETS hakmem-plain LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libhakmem0 NAMELINK_COMPONENT libhakmem-dev)
install(EXPORT hakmem-targets NAMESPACE hakmem:: DESTINATION ${PACKAGE_DIR} COMPONENT libhakmem-dev)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/hakmem-config.cmake.in ${CMAKE_BINARY_DIR}/cmake/hakmem-config.cmake
  INSTALL_DESTINATION ${PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cmake/hakmem-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cmake/hakmem-config.cmake ${CMAKE_BINARY_DIR}/cmake/hakmem-config-version.cmake
  DESTINATION ${PACKAGE_DIR} COMPONENT libhakmem-dev)

# From the pkg-config file to the prefix, so that it need not name the prefix.
file(RELATIVE_PATH PREFIX_FROM_PKGCONFIG ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(package hakmem hakmem-api)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${package}.pc.in ${CMAKE_BINARY_DIR}/cmake/${package}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/cmake/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT libhakmem-dev)
endforeach()

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT hakmem-tools)
