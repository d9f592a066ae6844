// SPDX-License-Identifier: Apache-2.0
/*
 * jdoc.h - reading JSON that frameworks write. The only face of the JSON library. Nodes belong to
 * their document; every accessor accepts NULL and a node of another type, and then says "nothing",
 * so that odd documents need no code of their own.
 */
#ifndef PADDOCK_WORKER_ADAPT_JDOC_H
#define PADDOCK_WORKER_ADAPT_JDOC_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct jdoc;	  /* a document */
struct jdoc_node; /* one value in it */

/* Parse a whole document. NULL with err (may be NULL) telling line and reason. Depth is bounded by
 * the library (2048). */
struct jdoc *jdoc_new(struct str text, struct err *err);

/* Free with all nodes. Accepts NULL. */
void jdoc_free(struct jdoc *doc);

/* The outermost value. */
const struct jdoc_node *jdoc_root(const struct jdoc *doc);

/* Member `key` of an object, or NULL. */
const struct jdoc_node *jdoc_get(const struct jdoc_node *node, const char *key);

/* Element i of an array, or NULL past its end. */
const struct jdoc_node *jdoc_at(const struct jdoc_node *node, size_t i);

/* A string's bytes, which live as long as the document; empty when it is none. */
struct str jdoc_str(const struct jdoc_node *node);

/* A number, `otherwise` when it is none. */
double jdoc_number(const struct jdoc_node *node, double otherwise);

/* True only for JSON's true. */
bool jdoc_true(const struct jdoc_node *node);

#endif
