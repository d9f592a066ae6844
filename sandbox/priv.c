// SPDX-License-Identifier: Apache-2.0
/*
 * priv.c - capabilities through libcap, and no_new_privs. The one file that includes libcap.
 * Invariant: after priv_drop no exec can bring a right back, not even of a file with capabilities
 * as inside-root.
 */
#include "sandbox/priv.h"

#include <errno.h>
#include <sys/capability.h>
#include <sys/prctl.h>

/* A process that has changed its id already has nothing left to bound: EPERM on the first, and that
 * is fine. */
static int drop_bounding(void)
{
	for (cap_value_t value = 0; value < cap_max_bits(); value++)
		if (cap_drop_bound(value) < 0)
			return errno == EPERM && value == 0 ? 0 : -errno;
	return 0;
}

int priv_drop(void)
{
	cap_t none;
	int r = drop_bounding();

	if (r < 0)
		return r;
	/* One call; cap_reset_ambient asks for each capability first. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	none = cap_init();
	if (!none)
		return -ENOMEM;
	r = cap_set_proc(none) < 0 ? -errno : 0;
	cap_free(none);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r;
}

bool priv_is_admin(void)
{
	cap_flag_value_t admin = CAP_CLEAR, setuid = CAP_CLEAR;
	cap_t mine = cap_get_proc();

	if (mine) {
		cap_get_flag(mine, CAP_SYS_ADMIN, CAP_EFFECTIVE, &admin);
		cap_get_flag(mine, CAP_SETUID, CAP_EFFECTIVE, &setuid);
		cap_free(mine);
	}
	return admin == CAP_SET && setuid == CAP_SET;
}
