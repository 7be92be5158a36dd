# A room is a folder of src/ that builds one static library, hpcc_<folder>, plus one test program,
# <folder>_test, from the *_test.cc files that stand beside the code. With HPCC_FUZZ each *_fuzz.cc
# beside the code becomes a libFuzzer program of its own, in fuzz/ of the build directory.

# DESIGN.md section 3: a room may use only rooms that stand before it in this list. A link against
# the order is an error here, so a forbidden include can't be made to link.
set(HPCC_ROOMS base config compiler store remote cache auth telemetry squashfs image sandbox agent
    client dispatch daemon scheduler worker cli admin)

add_library(hpcc_options INTERFACE)
target_compile_options(hpcc_options INTERFACE -Wall -Wextra -Werror -Wno-missing-field-initializers
                       -fstack-protector-strong)
target_compile_definitions(hpcc_options INTERFACE HPCC_VERSION="${PROJECT_VERSION}")
target_include_directories(hpcc_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
# gcc 12 sees overlaps in std::string's own operator+ (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(hpcc_options INTERFACE -Wno-restrict)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(hpcc_options INTERFACE -ffunction-sections -fdata-sections)
  target_compile_definitions(hpcc_options INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(hpcc_options INTERFACE -Wl,--gc-sections)
endif()
# Tests run once and are compiled often: what they test is optimised, they themselves aren't.
# (glibc's checks need the optimiser.)
add_library(hpcc_test_options INTERFACE)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(hpcc_test_options INTERFACE -O0 -U_FORTIFY_SOURCE)
endif()
if(HPCC_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "HPCC_FUZZ needs clang, which brings libFuzzer")
  endif()
  # Only the fuzz programs get libFuzzer's main(); everything is built to be watched by it.
  target_compile_options(hpcc_options INTERFACE -fsanitize=fuzzer-no-link,address
                         -fno-omit-frame-pointer)
  target_link_options(hpcc_options INTERFACE -fsanitize=address)
  add_custom_target(fuzz_programs)
endif()
if(HPCC_SANITIZE)
  # Instrumented, std::regex looks uninitialized to gcc 12.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(hpcc_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_compile_options(hpcc_options INTERFACE -fsanitize=${HPCC_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hpcc_options INTERFACE -fsanitize=${HPCC_SANITIZE})
endif()

# What nearly every file includes, parsed once per room instead of once per file. The release build
# does without: there every file must name what it uses, or it doesn't compile.
function(hpcc_precompile target sources)
  list(LENGTH sources count)
  if(HPCC_PRECOMPILE AND count GREATER 8)
    target_precompile_headers(${target} PRIVATE ${ARGN} <algorithm> <functional> <memory> <optional>
                              <string> <vector> <absl/status/statusor.h>)
  endif()
endfunction()

# hpcc_room(<name> USES <rooms...> LIBRARIES <targets...>)
function(hpcc_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES" ${ARGN})
  list(FIND HPCC_ROOMS ${name} own_rank)
  if(own_rank EQUAL -1)
    message(FATAL_ERROR "src/${name} is not in HPCC_ROOMS (cmake/HpccRoom.cmake)")
  endif()

  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  list(FILTER sources EXCLUDE REGEX "_(test|main|fuzz)\\.cc$")

  add_library(hpcc_${name} STATIC ${sources})
  target_link_libraries(hpcc_${name} PUBLIC hpcc_options ${ROOM_LIBRARIES})
  hpcc_precompile(hpcc_${name} "${sources}")
  foreach(room ${ROOM_USES})
    list(FIND HPCC_ROOMS ${room} rank)
    if(rank EQUAL -1 OR NOT rank LESS own_rank)
      message(FATAL_ERROR "src/${name} may not use src/${room}: see DESIGN.md section 3")
    endif()
    target_link_libraries(hpcc_${name} PUBLIC hpcc_${room})
  endforeach()

  if(HPCC_FUZZ)
    file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.cc)
    foreach(fuzzer ${fuzzers})
      get_filename_component(fuzzer_name ${fuzzer} NAME_WE)
      add_executable(${fuzzer_name} EXCLUDE_FROM_ALL ${fuzzer})
      target_link_libraries(${fuzzer_name} PRIVATE hpcc_${name})
      target_link_options(${fuzzer_name} PRIVATE -fsanitize=fuzzer,address)
      set_target_properties(${fuzzer_name} PROPERTIES
                            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
      add_dependencies(fuzz_programs ${fuzzer_name})
    endforeach()
  endif()

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE hpcc_${name} hpcc_test_options GTest::gmock_main)
    hpcc_precompile(${name}_test "${tests}" <gmock/gmock.h> <gtest/gtest.h>)
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS unit)
    if(HPCC_SANITIZE)
      set_tests_properties(${name} PROPERTIES ENVIRONMENT
        "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/lsan-suppressions.txt:print_suppressions=0")
    endif()
  endif()
endfunction()

# Two targets for those who need only a part of everything: `unit_tests` (the rooms' test programs)
# and `programs` (all others: what is installed, and what the end-to-end suites run).
function(hpcc_purpose_targets)
  set(unit_tests ${HPCC_ROOMS})
  list(TRANSFORM unit_tests APPEND _test)
  add_custom_target(unit_tests)
  add_dependencies(unit_tests hpcc_bench_null)
  add_custom_target(programs)
  set(directories ${PROJECT_SOURCE_DIR})
  while(directories)
    list(POP_FRONT directories directory)
    get_property(below DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
    list(APPEND directories ${below})
    get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target ${targets})
      get_target_property(type ${target} TYPE)
      get_target_property(left_out ${target} EXCLUDE_FROM_ALL)
      if(target IN_LIST unit_tests)
        add_dependencies(unit_tests ${target})
      elseif(type STREQUAL "EXECUTABLE" AND NOT left_out)
        add_dependencies(programs ${target})
      endif()
    endforeach()
  endwhile()
endfunction()
