# SPDX-License-Identifier: Apache-2.0
# libFuzzer programs; needs clang. Library code is instrumented too, without linking the fuzzer's main.
set(CMAKE_C_COMPILER "clang-14" CACHE STRING "" FORCE)
set(CMAKE_BUILD_TYPE "Debug" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-sanitize-recover=all -fsanitize=fuzzer-no-link" CACHE STRING "" FORCE)
set(PADDOCK_SANITIZE "address,undefined" CACHE STRING "" FORCE)
set(PADDOCK_FUZZ ON CACHE BOOL "" FORCE)
set(TEST_TIMEOUT_FACTOR 4 CACHE STRING "" FORCE)
