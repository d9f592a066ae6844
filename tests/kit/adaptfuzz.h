// SPDX-License-Identifier: Apache-2.0
/* adaptfuzz.h - one fuzzed input against one adapter, with what must hold whatever the bytes are.
 */
#ifndef PADDOCK_TESTS_KIT_ADAPTFUZZ_H
#define PADDOCK_TESTS_KIT_ADAPTFUZZ_H

#include "worker/adapt/adapt.h"

/*
 * The first byte chooses how the process ended and how the stream is split; the rest is cut at the
 * first "\n%%\n" into a listing and an output (without the cut it is both). The listing is parsed;
 * the output is fed to a parser over what was listed, whole and split. Aborts when a case is
 * started or ended twice, an index is wrong, a name is no clean UTF-8 or not unique, or the split
 * changes what is told.
 */
void adaptfuzz_one(const struct adapt_ops *ops, const uint8_t *data, size_t size);

#endif
