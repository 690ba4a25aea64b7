# How a module of SibylDB becomes a library, and a test file an executable.

# sibyl_add_module(NAME source.cc ...): the static library sibyl_NAME, alias sibyl::NAME, whose
# headers are included from the root of the project as "NAME/header.h".
function(sibyl_add_module name)
  add_library(sibyl_${name} STATIC ${ARGN})
  add_library(sibyl::${name} ALIAS sibyl_${name})
  set_target_properties(sibyl_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(sibyl_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_link_libraries(sibyl_${name} PRIVATE $<BUILD_INTERFACE:sibyl::warnings>)
  set_property(GLOBAL APPEND PROPERTY SIBYL_MODULES sibyl_${name})
endfunction()

# sibyl_add_test(NAME LABEL label... SOURCES a_test.cc ... LIBRARIES sibyl::x ...): one Catch2
# executable, run by CTest as one test under the given labels. Times out after TIMEOUT seconds (300).
function(sibyl_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sibyl_test_main ${ARG_LIBRARIES} sibyl::warnings)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
