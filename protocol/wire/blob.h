// SPDX-License-Identifier: Apache-2.0
/*
 * blob.h - contents cut into chunks where the content itself says so, and chunks made small. A
 * changed line moves one border or two: all other chunks keep their bytes, hence their digest.
 * Pure.
 */
#ifndef PADDOCK_WIRE_BLOB_H
#define PADDOCK_WIRE_BLOB_H

#include "protocol/base/buf.h"
#include "protocol/base/str.h"
#include "protocol/wire/limits.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	BLOB_LEAST_BYTES = 32 << 10, /* of a chunk, unless the content ends */
	BLOB_USUAL_BYTES = 128 << 10,
	BLOB_MOST_BYTES = LIMIT_CONTENT_BYTES,
	BLOB_PACKED_BYTES = BLOB_MOST_BYTES, /* most bytes of a packed chunk */
};

/*
 * How many of `bytes` the next chunk takes. They must be all that is left of the content
 * (`whole`), or at least BLOB_MOST_BYTES of it. 0 only for no bytes.
 */
size_t blob_cut(struct str bytes, bool whole);

/*
 * A chunk as it travels and is stored: compressed, or the bytes themselves where that is no
 * longer. Replaces *packed, which needs a cap of BLOB_PACKED_BYTES. `raw` has at most
 * BLOB_MOST_BYTES. 0, -ENOMEM.
 */
int blob_pack(struct str raw, struct buf *packed);

/*
 * The `raw_bytes` that were packed, replacing *raw, which needs a cap of BLOB_MOST_BYTES. 0,
 * -EBADMSG for bytes that are no chunk of that size (then *raw is empty), -ENOMEM. Never writes
 * more than raw_bytes, whatever the bytes are.
 */
int blob_unpack(struct str packed, size_t raw_bytes, struct buf *raw);

#endif
