# cmake --install: headers, libraries, the sibyl binary, and a package config so that another
# project can find_package(sibyl) and link sibyl::engine, sibyl::index or sibyl::sql.
include(CMakePackageConfigHelpers)

get_property(modules GLOBAL PROPERTY SIBYL_MODULES)
install(TARGETS sibyl_api ${modules} EXPORT sibylTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/sibyl DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT sibylTargets NAMESPACE sibyl:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sibyl)
if(TARGET sibyl_c)
  install(TARGETS sibyl_c EXPORT sibylTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET sibyl_sql)
  # In a folder of its own: not to be taken for the system's SQLite.
  install(FILES ${SIBYL_SQLITE_DIR}/sqlite3.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sibyl/sqlite)
  target_include_directories(sibyl_sql PUBLIC
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/sibyl/sqlite>)
  install(TARGETS sibyl_sqlite3 LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/sibyl/sqlite)
endif()
if(TARGET sibyl)
  install(TARGETS sibyl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(cmake/sibylConfig.cmake.in ${PROJECT_BINARY_DIR}/sibylConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sibyl)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sibylConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/sibylConfig.cmake ${PROJECT_BINARY_DIR}/sibylConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sibyl)
