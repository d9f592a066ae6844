# SPDX-License-Identifier: Apache-2.0
# What tests/check bench measures: the release build with the drivers of tests/bench.
set(CMAKE_BUILD_TYPE "Release" CACHE STRING "" FORCE)
