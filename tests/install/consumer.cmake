# The project of someone who uses the installed library.
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES C)
find_package(attrib 0.1 REQUIRED)
add_executable(example example.c)
target_link_libraries(example PRIVATE attrib::attrib)
