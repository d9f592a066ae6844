# SPDX-License-Identifier: Apache-2.0
# Coverage. Atomic counters: several processes of one program write the same files.
set(CMAKE_BUILD_TYPE "Debug" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_DEBUG "-O0 -g -fprofile-arcs -ftest-coverage -fprofile-update=atomic" CACHE STRING "" FORCE)
set(TEST_TIMEOUT_FACTOR 3 CACHE STRING "" FORCE)
