# SPDX-License-Identifier: Apache-2.0
# Address and undefined behaviour; the first finding ends the program.
set(CMAKE_BUILD_TYPE "Debug" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-sanitize-recover=all" CACHE STRING "" FORCE)
set(PADDOCK_SANITIZE "address,undefined" CACHE STRING "" FORCE)
# Instrumented code provokes warnings of its own (-Wformat-truncation); the plain builds judge those.
set(PADDOCK_WERROR OFF CACHE BOOL "" FORCE)
set(TEST_TIMEOUT_FACTOR 4 CACHE STRING "" FORCE)
