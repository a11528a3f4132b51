# Where tests find their assets: in the folder that ATTRIB_ASSETS names, as a variable of CMake or of the
# environment, else in one next to the checkout. Run as a script, cmake -P tests/assets.cmake, it prints that
# folder if there is one.
if(ATTRIB_ASSETS)
    set(assets "${ATTRIB_ASSETS}")
else()
    set(assets "$ENV{ATTRIB_ASSETS}")
endif()
if(NOT assets)
    get_filename_component(assets "${CMAKE_CURRENT_LIST_DIR}/../../shared/assets" ABSOLUTE)
endif()
if(CMAKE_SCRIPT_MODE_FILE AND EXISTS "${assets}/README.md")
    execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${assets}")
endif()
