// SPDX-License-Identifier: Apache-2.0
/* daemon.h - `paddock serve`: the coordinator as a process of its own. */
#ifndef PADDOCK_SERVE_DAEMON_H
#define PADDOCK_SERVE_DAEMON_H

#include "protocol/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may change while it serves. */
struct daemon_settings {
	uint64_t lease_us, client_slots; /* of server_limits */
	bool quarantine, verbose;
};

/* Files of the state folder that others read, too. */
#define DAEMON_AUDIT_FILE "audit.log"
#define DAEMON_RING_FILE  "keyring"
#define DAEMON_KEY_FILE	  "coordinator.key"

struct daemon_options {
	const char *const *urls; /* control addresses to listen on, at least one */
	size_t n_urls;
	const char *state; /* folder of keys, audit log and store; NULL: $XDG_STATE_HOME/paddock */
	const char *store; /* as store_open takes it; NULL: history.db in that folder */
	uint64_t contents_bytes; /* most that is kept of what clients sent for their runs */
	bool insecure;		 /* without keys: on this machine's own addresses only */
	bool json_log;
	struct daemon_settings settings;
	/*
	 * SIGHUP: fill *settings anew. 0, or -errno with err: everything stays as it is. NULL:
	 * nothing is read again.
	 */
	int (*reload)(void *data, struct daemon_settings *settings, struct err *err);
	void *data;
};

/*
 * Serve until SIGTERM or SIGINT; what runs stays with the workers. Returns an exit code, with err
 * filled when it could not start.
 */
int daemon_run(const struct daemon_options *options, struct err *err);

#endif
