# SPDX-License-Identifier: Apache-2.0
# What deploy/quickstart builds and packages ship: optimised, without the tests.
set(CMAKE_BUILD_TYPE "Release" CACHE STRING "" FORCE)
set(PADDOCK_TESTS OFF CACHE BOOL "" FORCE)
