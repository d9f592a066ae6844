// SPDX-License-Identifier: Apache-2.0
/* limits.h - every cap that two rooms must agree on, each with its reason. */
#ifndef PADDOCK_WIRE_LIMITS_H
#define PADDOCK_WIRE_LIMITS_H

enum {
	/* nanomsg drops the connection above NN_RCVMAXSIZE (1 MiB, the default) and the peer then
	 * resends for ever; so no frame of ours comes near it. Checked when sending. */
	LIMIT_FRAME_BYTES = 768 << 10,
	LIMIT_RECEIVE_BYTES = 1 << 20,
	/* ... and of the message in it, before it is sealed (40 bytes more). Checked when encoding.
	 */
	LIMIT_MESSAGE_BYTES = LIMIT_FRAME_BYTES - 64,

	LIMIT_NAME_BYTES =
		4096, /* a suite, program or case name; 363 characters seen in the wild */
	LIMIT_PATH_BYTES = 4096,     /* PATH_MAX */
	LIMIT_TEXT_BYTES = 64 << 10, /* a message of a verdict, an error */
	LIMIT_DETAIL_BYTES =
		128 << 10, /* what an adapter keeps per case: a command line, CTest properties */
	LIMIT_ARG_BYTES = 128 << 10, /* MAX_ARG_STRLEN of Linux */
	LIMIT_ARGS = 4096,	     /* argv or environment entries on the wire */
	LIMIT_TAGS = 64,
	LIMIT_CHUNK_BYTES = 256 << 10,	    /* one piece of output in one message */
	LIMIT_EVENTS = 8192,		    /* events in one batch */
	LIMIT_SHARD_CASES = 8192,	    /* cases in one shard */
	LIMIT_LISTED = 4096,		    /* cases in one piece of a listing */
	LIMIT_PROGRAMS = 4096,		    /* programs in one piece of a submission */
	LIMIT_ORDERS = 1024,		    /* assignments in one answer */
	LIMIT_SLOTS = 1024,		    /* slots of one worker */
	LIMIT_CASES = 4 << 20,		    /* cases of one run */
	LIMIT_LIST_OUTPUT_BYTES = 64 << 20, /* what a listing may print */
	LIMIT_OUTPUT_BYTES = 1 << 20, /* kept of one case's output, half head and half tail, unless
					 told otherwise */
	LIMIT_RESULT_FILE_BYTES = 64 << 20, /* a result file an adapter reads after the end */

	/* What one process may leave below PADDOCK_ARTIFACTS. A crash dump or a video fits; the
	 * files of a test gone wild do not, since everybody else's verdicts wait behind them. */
	LIMIT_ARTIFACTS_BYTES = 64 << 20,
/* ... and their holes with them: no file system refuses that much. */
#define LIMIT_ARTIFACT_SPAN_BYTES (UINT64_C(64) << 30)
	LIMIT_ARTIFACTS = 1024,		 /* files of one process */
	LIMIT_ARTIFACTS_SEEN = 16384,	 /* names looked at, whatever they are of */
	LIMIT_ARTIFACTS_DEPTH = 16,	 /* names in a path: of 255 bytes each they are one still */
	LIMIT_ID_BYTES = 32,		 /* a digest */
	LIMIT_CONTENT_BYTES = 512 << 10, /* a chunk: one fits in a frame beside its head */
	LIMIT_IDS = 1024,		 /* digests in one question about contents */
	LIMIT_CHUNKS = 128,		 /* contents in one answer or gift */
	LIMIT_UNPACKED_BYTES = 4 << 20,	 /* ... and what they unpack to: some 10 ms of digesting */
	LIMIT_TREE_ENTRIES = 1 << 20,	 /* files, folders and links of one tree */
	LIMIT_TREE_BYTES = 128 << 20,	 /* of its manifest, which is held in memory */
	LIMIT_TREE_DEPTH = 64,		 /* folders in folders */
};

#endif
