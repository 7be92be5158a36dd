# Every dependency is a Debian 12 package; nothing is downloaded or vendored.
find_package(absl REQUIRED)
# Debian's package file names Abseil's shared libraries, though it ships both kinds. The hpcc command
# is linked statically, so the archives beside them are taken instead.
get_directory_property(imported_targets IMPORTED_TARGETS)
foreach(target ${imported_targets})
  if(target MATCHES "^absl::")
    get_target_property(shared_library ${target} IMPORTED_LOCATION_NONE)
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${shared_library}")
    if(EXISTS "${archive}")
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_NONE "${archive}"
                                                 IMPORTED_SONAME_NONE "")
    endif()
  endif()
endforeach()
find_package(GTest REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.87)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto>=3)
pkg_check_modules(TINYXML2 REQUIRED IMPORTED_TARGET tinyxml2)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)

# gRPC for the programs that speak to a network: hpcc-remote, hpcc-scheduler, hpcc-worker.
pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc++>=1.51)
add_library(hpcc_grpc INTERFACE)
target_link_libraries(hpcc_grpc INTERFACE PkgConfig::GRPC)
# gRPC without TLS and as archives, for hpcc-agent: it is static, and its one stream leads nowhere
# but to its worker.
pkg_check_modules(GRPC_UNSECURE REQUIRED grpc++_unsecure>=1.51)
add_library(hpcc_grpc_static INTERFACE)
# Debian's package file leaves out what gRPC's archives themselves need.
target_link_libraries(hpcc_grpc_static INTERFACE -Wl,--start-group ${GRPC_UNSECURE_STATIC_LIBRARIES}
                      -lupb -laddress_sorting -lcares -lre2 -lz -Wl,--end-group)

# The wrapper is static, so the static zstd is named outright; everything else may use either.
find_library(HPCC_ZSTD_STATIC libzstd.a REQUIRED)
add_library(hpcc_zstd INTERFACE)
target_link_libraries(hpcc_zstd INTERFACE ${HPCC_ZSTD_STATIC})

# BLAKE3's reference C code: a system libblake3 where there is one, else the C sources that
# Debian ships inside librust-blake3-dev.
find_library(HPCC_BLAKE3_LIBRARY NAMES libblake3.a blake3)
find_path(HPCC_BLAKE3_INCLUDE blake3.h)
if(HPCC_BLAKE3_LIBRARY AND HPCC_BLAKE3_INCLUDE)
  add_library(hpcc_blake3 INTERFACE)
  target_link_libraries(hpcc_blake3 INTERFACE ${HPCC_BLAKE3_LIBRARY})
  target_include_directories(hpcc_blake3 SYSTEM INTERFACE ${HPCC_BLAKE3_INCLUDE})
else()
  file(GLOB blake3_dirs /usr/share/cargo/registry/blake3-*/c)
  if(NOT blake3_dirs)
    message(FATAL_ERROR "BLAKE3's C sources are missing: apt-get install librust-blake3-dev")
  endif()
  list(SORT blake3_dirs COMPARE NATURAL ORDER DESCENDING)
  list(GET blake3_dirs 0 blake3_dir)
  set(blake3_sources blake3.c blake3_dispatch.c blake3_portable.c)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    foreach(kind sse2 sse41 avx2 avx512)
      list(APPEND blake3_sources blake3_${kind}_x86-64_unix.S)
    endforeach()
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    list(APPEND blake3_sources blake3_neon.c)
  endif()
  list(TRANSFORM blake3_sources PREPEND ${blake3_dir}/)
  add_library(hpcc_blake3 STATIC ${blake3_sources})
  target_include_directories(hpcc_blake3 SYSTEM PUBLIC ${blake3_dir})
endif()
