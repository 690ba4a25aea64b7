# Makes SQLite's amalgamation from its source, then ours from that. Run at build time:
#
#   cmake -DSOURCE=tarball-or-tree -DOUTPUT=folder -DFLAGS="-D..." -DPATCH=patch_sqlite.tcl
#         -P GenerateSqlite.cmake
#
# A tarball gets the patches of the folder "patches" beside it, if there is one; a tree is taken as it
# is. Leaves OUTPUT/original/{sqlite3.c,shell.c,speedtest1.c}, and in OUTPUT the patched ones and sqlite3.h. FLAGS are
# the feature flags that SQLite's parser generator must know of.

function(run what)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${OUTPUT}/original RESULT_VARIABLE result
                  OUTPUT_FILE ${OUTPUT}/generate.log ERROR_VARIABLE errors)
  if(result)
    message(FATAL_ERROR "${what} failed (more in ${OUTPUT}/generate.log):\n${errors}")
  endif()
endfunction()

file(REMOVE_RECURSE ${OUTPUT}/original ${OUTPUT}/source)
file(MAKE_DIRECTORY ${OUTPUT}/original)
if(IS_DIRECTORY ${SOURCE})
  set(tree ${SOURCE})
else()
  file(ARCHIVE_EXTRACT INPUT ${SOURCE} DESTINATION ${OUTPUT}/source)
  file(GLOB tree ${OUTPUT}/source/*)
endif()

set(version "of an unknown version")
if(EXISTS ${tree}/VERSION)
  file(STRINGS ${tree}/VERSION version LIMIT_COUNT 1)
endif()
if(NOT version STREQUAL "3.40.1")
  message(FATAL_ERROR "${SOURCE} has SQLite ${version}; SibylDB is written for 3.40.1")
endif()

# Debian's corrections lie beside the archive that scripts/fetch_sqlite.sh fetched.
get_filename_component(patches ${SOURCE} DIRECTORY)
set(patches ${patches}/patches)
if(NOT IS_DIRECTORY ${SOURCE} AND EXISTS ${patches}/series)
  file(STRINGS ${patches}/series names)
  foreach(name ${names})
    run("Applying ${name}" patch -p1 --forward --directory=${tree} --input=${patches}/${name})
  endforeach()
endif()

run("Configuring SQLite" ${CMAKE_COMMAND} -E env "CFLAGS=${FLAGS}" ${tree}/configure
    --enable-json --enable-fts4 --enable-fts5 --disable-tcl --disable-readline)
run("Making SQLite's amalgamation" make sqlite3.c sqlite3.h shell.c)
run("Patching SQLite" tclsh ${PATCH} ${OUTPUT}/original ${OUTPUT})
file(COPY ${OUTPUT}/original/sqlite3.h DESTINATION ${OUTPUT})
file(COPY ${tree}/test/speedtest1.c DESTINATION ${OUTPUT}/original)
