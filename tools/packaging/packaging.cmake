# The packages for Debian, by CPack. A component of the installation is a package of the same name. `packages.sh` builds them.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hakmem)
set(CPACK_PACKAGE_VENDOR "hakmem")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
# A package must name an address. If you hand packages on, set yours; the default is in a domain that can never exist (RFC 2606).
set(HAKMEM_CONTACT "hakmem <noreply@hakmem.invalid>" CACHE STRING "Who maintains the packages: NAME <ADDRESS>")
set(CPACK_PACKAGE_CONTACT "${HAKMEM_CONTACT}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL libhakmem0 libhakmem-dev hakmem-tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
# hakmem-tools depends on the library beside it, which dpkg does not know yet.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/stage.cmake)

# debian_package(NAME SECTION DEPENDS DESCRIPTION): the fields that differ; the description's first line is the short one.
macro(debian_package name section depends description)
  string(TOUPPER ${name} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${depends}")
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${description}")
endmacro()
debian_package(libhakmem0 libs "" "malloc replacement that can be left instrumented
hakmem replaces malloc in any Linux program. It counts exactly, samples times
and call sites, and checks the heap, at the speed of the fastest allocators.
.
This package has the shared library, to be preloaded or linked.")
debian_package(libhakmem-dev libdevel "libhakmem0 (= ${PROJECT_VERSION})" "malloc replacement that can be left instrumented - development files
hakmem replaces malloc in any Linux program. It counts exactly, samples times
and call sites, and checks the heap, at the speed of the fastest allocators.
.
This package has the header, the static library of the names that begin with
hak_, and the files for CMake and pkg-config.")
debian_package(hakmem-tools devel "libhakmem0 (= ${PROJECT_VERSION}), libunwind8" "malloc replacement that can be left instrumented - companion program
hakmem replaces malloc in any Linux program. It counts exactly, samples times
and call sites, and checks the heap, at the speed of the fastest allocators.
.
This package has the program that runs or records a program under hakmem,
and says where its memory is, what malloc costs, and what to change.")
# The library opens libunwind itself, to take stacks through code without frame pointers.
set(CPACK_DEBIAN_LIBHAKMEM0_PACKAGE_RECOMMENDS libunwind8)
# The loader finds a new library when its cache is made again.
set(CPACK_DEBIAN_LIBHAKMEM0_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/triggers)
include(CPack)
