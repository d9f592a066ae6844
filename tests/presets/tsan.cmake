# SPDX-License-Identifier: Apache-2.0
# Data races: we start no threads, but nanomsg does, and its callbacks must not reach our state.
set(CMAKE_BUILD_TYPE "Debug" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_DEBUG "-O1 -g" CACHE STRING "" FORCE)
set(PADDOCK_SANITIZE "thread" CACHE STRING "" FORCE)
set(PADDOCK_WERROR ON CACHE BOOL "" FORCE)
set(TEST_TIMEOUT_FACTOR 6 CACHE STRING "" FORCE)
