// SPDX-License-Identifier: Apache-2.0
/* audit.c - `paddock audit`: reads a coordinator's audit log and checks its chain. */
#include "coordinator/serve/audit.h"

#include "coordinator/cli/place.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/daemon.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Looks at each entry that fits. */
struct reader {
	const char *wanted; /* digest of an entry that must be there; NULL: any */
	bool print, found;
};

static void look(void *data, struct str line)
{
	struct reader *reader = data;
	if (reader->print)
		printf("%.*s\n", STR_ARG(line));
	if (reader->wanted && str_ends(line, str_of(reader->wanted)))
		reader->found = true;
}

static int verify(const char *path, struct reader *reader, struct err *err)
{
	struct audit_head head;
	int r = audit_verify(path, look, reader, &head, err);
	if (r == 0 && reader->wanted && !reader->found)
		r = err_set(err, -EBADMSG,
			    "%s is a whole chain of %" PRIu64
			    " entries, but none of them has the head %s: its end was cut off, or "
			    "it is another log",
			    path, head.entries, reader->wanted);
	if (r == 0 && !reader->print)
		printf("%" PRIu64 " entries, each fits the one before; head %s\n"
		       "(an end cut off since cannot be seen without a head noted earlier: paddock "
		       "audit verify HEAD)\n",
		       head.entries, head.digest);
	return r;
}

int verbs_audit(const struct verbs_call *call, struct err *err)
{
	size_t n;
	const char *const *words = conf_operands(call->conf, &n);
	struct reader reader = { .print = strcmp(words[0], "show") == 0,
				 .wanted = n > 1 ? words[1] : NULL };
	struct buf path;
	if (!reader.print && strcmp(words[0], "verify") != 0) {
		err_set(err, -EINVAL,
			"\"%.60s\" is nothing to do with the audit log: verify or show", words[0]);
		return EXIT_CODE_USAGE;
	}
	if (reader.wanted && strlen(reader.wanted) != DIGEST_HEX_BYTES - 1) {
		err_set(err, -EINVAL, "the head \"%.80s\" is not one of %d digits", reader.wanted,
			DIGEST_HEX_BYTES - 1);
		return EXIT_CODE_USAGE;
	}
	int r = place_coordinator(call->conf, &path, err);
	if (r < 0)
		return EXIT_CODE_USAGE;
	r = buf_puts(&path, "/" DAEMON_AUDIT_FILE);
	if (r < 0)
		err_errno(err, r, "--state");
	else
		r = verify(buf_text(&path), &reader, err);
	buf_done(&path);
	if (r < 0)
		return r == -EBADMSG ? EXIT_CODE_INCOMPLETE : EXIT_CODE_USAGE;
	return fflush(stdout) == EOF ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}
