// SPDX-License-Identifier: Apache-2.0
/* serve.c - `paddock serve`: the daemon with its options. */
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/daemon.h"
#include "protocol/wire/outcome.h"

#include <errno.h>

int verbs_serve(const struct verbs_call *call, struct err *err)
{
	struct daemon_options options = {
		.state = conf_text(call->conf, OPTIONS_STATE),
		.insecure = conf_flag(call->conf, OPTIONS_INSECURE),
	};
	options.urls = conf_list(call->conf, OPTIONS_LISTEN, &options.n_urls);
	if (conf_is_set(call->conf, OPTIONS_HTTP)) {
		err_set(err, -ENOTSUP, "--http: this version has no dashboard yet; leave it out");
		return EXIT_CODE_USAGE;
	}
	if (!options.n_urls) {
		err_set(err, -EINVAL,
			"nowhere to listen; give --listen URL, such as --listen "
			"tcp://127.0.0.1:7200");
		return EXIT_CODE_USAGE;
	}
	return daemon_run(&options, err);
}
