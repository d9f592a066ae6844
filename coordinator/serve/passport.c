// SPDX-License-Identifier: Apache-2.0
/* passport.c - rights by role, in one table. A message that is not in it is for operators only. */
#include "coordinator/serve/passport.h"

#include "protocol/wire/limits.h"
#include "protocol/wire/msg.h"

#include <stdlib.h>

struct passport *passport_new(void)
{
	struct passport *passport = calloc(1, sizeof(*passport));
	if (!passport)
		return NULL;
	passport->pending = true;
	buf_init(&passport->second, LIMIT_FRAME_BYTES);
	return passport;
}

void passport_free(struct passport *passport)
{
	if (!passport)
		return;
	buf_done(&passport->second);
	cipher_wipe(passport, sizeof(*passport));
	free(passport);
}

bool passport_allows(enum keyring_role role, int type)
{
	enum {
		WORKER = 1 << KEYRING_WORKER,
		OPERATE = 1 << KEYRING_OPERATE,
		SUBMIT = 1 << KEYRING_SUBMIT | OPERATE,
		READ = 1 << KEYRING_READ | SUBMIT,
	};
	static const unsigned allowed[MSG_TYPE_MAX] = {
		[MSG_POLL] = WORKER,   [MSG_REPORT] = WORKER, [MSG_STOP] = WORKER | SUBMIT,
		[MSG_SUBMIT] = SUBMIT, [MSG_WATCH] = READ,    [MSG_ASK] = READ,
		[MSG_HAVE] = SUBMIT,   [MSG_PUT] = SUBMIT,    [MSG_GET] = WORKER,
	};
	unsigned who = type > 0 && type < MSG_TYPE_MAX && allowed[type] ? allowed[type] : OPERATE;
	return who >> role & 1;
}
