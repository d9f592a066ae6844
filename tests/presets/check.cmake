# SPDX-License-Identifier: Apache-2.0
# What tests/check builds: as users get it, and a warning is an error.
set(CMAKE_BUILD_TYPE "RelWithDebInfo" CACHE STRING "" FORCE)
set(PADDOCK_WERROR ON CACHE BOOL "" FORCE)
