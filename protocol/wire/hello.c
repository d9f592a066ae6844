// SPDX-License-Identifier: Apache-2.0
/*
 * hello.c - who may talk to whom. Builds must be equal, not merely compatible: worker, coordinator
 * and sandbox are released together, and a refusal at the door costs less than a guess about what
 * an older peer meant. Not for: identity and keys (auth.c, and the coordinator's door).
 */
#include "protocol/wire/hello.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <inttypes.h>

const char *hello_build_id(void)
{
	return PADDOCK_BUILD_ID;
}

static const char *role_name(uint64_t role)
{
	static const char *const names[HELLO_ROLE_MAX] = {
		[HELLO_WORKER] = "worker",
		[HELLO_CLIENT] = "client",
	};
	return role < HELLO_ROLE_MAX ? names[role] : "peer";
}

void hello_fill(struct msg_hello *ret_hello, enum hello_role role, const char *name)
{
	ASSERT(role < HELLO_ROLE_MAX);
	*ret_hello = (struct msg_hello){
		.version = MSG_PROTOCOL_VERSION,
		.build_id = str_of(hello_build_id()),
		.role = role,
		.name = str_of(name),
	};
}

int hello_check(const struct msg_hello *hello, struct err *err)
{
	const char *who = role_name(hello->role);
	if (hello->version != MSG_PROTOCOL_VERSION)
		return err_set(err, -EPROTONOSUPPORT,
			       "this peer speaks protocol %" PRIu64
			       " (build %.*s), the coordinator %d (build %s): install the same "
			       "version of paddock on both",
			       hello->version, STR_ARG(hello->build_id), MSG_PROTOCOL_VERSION,
			       hello_build_id());
	if (!str_eq(hello->build_id, str_of(hello_build_id())))
		return err_set(err, -EPROTONOSUPPORT,
			       "this %s is build %.*s, the coordinator is "
			       "build %s: install the same version of paddock on both",
			       who, STR_ARG(hello->build_id), hello_build_id());
	if (hello->role == HELLO_WORKER && !hello->slots)
		return err_set(err, -EPROTO,
			       "this worker offers no slots: start it with --slots 1 "
			       "or more");
	return 0;
}

void hello_welcome(struct msg_welcome *ret_welcome, uint64_t session, uint64_t poll_us,
		   uint64_t lease_us)
{
	ASSERT(session);
	*ret_welcome = (struct msg_welcome){
		.session = session,
		.poll_us = poll_us ? poll_us : HELLO_POLL_US,
		.lease_us = lease_us ? lease_us : HELLO_LEASE_US,
		.build_id = str_of(hello_build_id()),
	};
	ASSERT(ret_welcome->poll_us < ret_welcome->lease_us);
}

int hello_check_welcome(const struct msg_welcome *welcome, struct err *err)
{
	if (!str_eq(welcome->build_id, str_of(hello_build_id())))
		return err_set(err, -EPROTONOSUPPORT,
			       "the coordinator is build %.*s, this program "
			       "is build %s: install the same version of paddock on both",
			       STR_ARG(welcome->build_id), hello_build_id());
	if (!welcome->session)
		return err_set(err, -EPROTO, "the coordinator gave no session");
	if (!welcome->poll_us || welcome->poll_us >= welcome->lease_us)
		return err_set(err, -EPROTO,
			       "the coordinator parks polls for %" PRIu64 " us but "
			       "leases for %" PRIu64 " us: a poll must end before a lease does",
			       welcome->poll_us, welcome->lease_us);
	return 0;
}

void hello_refuse(struct msg_refused *ret_refused, enum exit_code code, uint64_t session,
		  uint64_t seq, const char *text)
{
	struct str cut = str_of(text);
	ASSERT(code > EXIT_CODE_OK && code <= UINT8_MAX);
	if (cut.len > LIMIT_TEXT_BYTES)
		cut.len = LIMIT_TEXT_BYTES;
	*ret_refused = (struct msg_refused){
		.code = code,
		.session = session,
		.seq = seq,
		.text = cut,
	};
}
