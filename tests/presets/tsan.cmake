# SPDX-License-Identifier: Apache-2.0
# Data races: we start no threads, but nanomsg does, and its callbacks must not reach our state.
set(CMAKE_BUILD_TYPE "Debug" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_DEBUG "-O1 -g" CACHE STRING "" FORCE)
set(PADDOCK_SANITIZE "thread" CACHE STRING "" FORCE)
# Instrumented code provokes warnings of its own (-Wformat-truncation); the plain builds judge those.
set(PADDOCK_WERROR OFF CACHE BOOL "" FORCE)
set(TEST_TIMEOUT_FACTOR 6 CACHE STRING "" FORCE)
