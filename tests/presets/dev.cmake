# SPDX-License-Identifier: Apache-2.0
# For a desk: optimised lightly, with all debug information; warnings do not stop the build.
set(CMAKE_BUILD_TYPE "Debug" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_DEBUG "-Og -g3" CACHE STRING "" FORCE)
