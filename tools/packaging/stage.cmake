# Run by cpack between installing into its own folder and packing: what Debian's policy asks of a package beside its files. The copyright file and the
# change log are made from LICENSE and CHANGELOG.md, manual pages are compressed, and static libraries lose their debug information.
find_program(GZIP gzip REQUIRED)
find_program(STRIP strip REQUIRED)

# Everything is dated as the sources are, so that two builds make the same packages.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(epoch $ENV{SOURCE_DATE_EPOCH})
else()
  file(TIMESTAMP ${CPACK_RESOURCE_FILE_LICENSE} epoch "%s" UTC)
endif()
execute_process(COMMAND date -u -R -d @${epoch} OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(STRINGS ${CPACK_RESOURCE_FILE_LICENSE} holder REGEX "^Copyright")
list(GET holder 0 holder)
string(REGEX REPLACE "^Copyright *(\\(c\\))? *" "" holder "${holder}")
string(TIMESTAMP year "%Y" UTC) # of SOURCE_DATE_EPOCH, if that is set
file(READ ${CPACK_RESOURCE_FILE_LICENSE} text)
string(REGEX REPLACE "\n+$" "" text "${text}")
string(REGEX REPLACE "^.*Copyright[^\n]*\n+" "" text "${text}")
string(REPLACE "\n\n" "\n.\n" text "${text}")
string(REPLACE "\n" "\n " text "${text}")

foreach(package ${CPACK_COMPONENTS_ALL})
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${package})
  set(doc ${root}/usr/share/doc/${package})
  file(MAKE_DIRECTORY ${doc})
  file(REMOVE_RECURSE ${root}/usr/share/doc/hakmem) # the copyright file has it
  file(WRITE ${doc}/copyright "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
    "Upstream-Name: hakmem\n\nFiles: *\nCopyright: ${year} ${holder}\nLicense: Expat\n ${text}\n")
  file(WRITE ${doc}/changelog "hakmem (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n"
    "  * Release ${CPACK_PACKAGE_VERSION}. CHANGELOG.md of the sources says what is new.\n\n"
    " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  file(GLOB_RECURSE pages ${root}/usr/share/man/*)
  execute_process(COMMAND ${GZIP} -9nf ${doc}/changelog ${pages} COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB scripts ${root}/usr/libexec/hakmem/programs/*.sh)
  list(FILTER scripts EXCLUDE REGEX "/common.sh$") # is read by the others
  if(scripts)
    file(CHMOD ${scripts} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  endif()
  file(GLOB_RECURSE archives ${root}/usr/lib/*.a)
  if(archives)
    execute_process(COMMAND ${STRIP} --strip-debug --enable-deterministic-archives ${archives} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
