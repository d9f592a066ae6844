// SPDX-License-Identifier: Apache-2.0
/*
 * token.c - `paddock token`: writes to a coordinator's keyring, on its machine. A coordinator that
 * runs reads it with its next round. Every act is in the audit log, or did not happen.
 */
#include "coordinator/cli/place.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/audit.h"
#include "coordinator/serve/daemon.h"
#include "coordinator/serve/keyring.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/wire/identity.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What all three need. */
struct desk {
	const struct verbs_call *call;
	struct buf folder;
	struct keyring *keyring;
	struct audit *audit;
	uint64_t now_s;
};

/* A file of the state folder, into out. Returns out. */
static const char *file_of(const struct desk *desk, const char *name, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s/%s", buf_text(&desk->folder), name);
	return n > 0 && n < PATH_MAX ? out : "";
}

static int open_desk(struct desk *desk, struct err *err)
{
	char path[PATH_MAX];
	int r = place_coordinator(desk->call->conf, &desk->folder, err);
	if (r < 0)
		return r;
	r = fd_make_dirs(buf_text(&desk->folder));
	if (r < 0)
		return err_errno(err, r, "making the state folder %s", buf_text(&desk->folder));
	r = keyring_open(file_of(desk, DAEMON_RING_FILE, path), &desk->keyring, err);
	if (r == 0)
		r = audit_open(file_of(desk, DAEMON_AUDIT_FILE, path), &desk->audit, err);
	desk->now_s = clock_wall_us() / CLOCK_US_PER_S;
	return r;
}

static void close_desk(struct desk *desk)
{
	keyring_free(desk->keyring);
	audit_free(desk->audit);
	buf_done(&desk->folder);
}

static const char *until(uint64_t time_s, char *out, size_t size)
{
	return time_s ? clock_format_utc(out, size, time_s * CLOCK_US_PER_S) : "never";
}

/* ---- create ---- */

static int note_created(struct desk *desk, const struct keyring_token *token, struct err *err)
{
	char when[32], id[CIPHER_HEX_BYTES];
	int r = audit_add(desk->audit, err, "token-create",
			  "token=%s role=%s uses=%" PRIu64 " expires=%s max_slots=%" PRIu64
			  " tags=%.1500s uid=%ld",
			  token->token.id, keyring_role_name(token->role), token->uses,
			  until(token->expires_s, when, sizeof(when)), token->max_slots,
			  token->tags[0] ? token->tags : "-", (long)getuid());
	if (r < 0)
		(void)keyring_revoke(desk->keyring, token->token.id, desk->now_s, id, NULL);
	return r;
}

static int create(struct desk *desk, struct err *err)
{
	const struct conf *conf = desk->call->conf;
	struct keyring_grant grant = {
		.role = (enum keyring_role)conf_choice(conf, OPTIONS_ROLE),
		.uses = conf_u64(conf, OPTIONS_USES),
		.ttl_s = conf_u64(conf, OPTIONS_TTL) / CLOCK_US_PER_S,
		.max_slots = conf_u64(conf, OPTIONS_MAX_SLOTS),
	};
	char path[PATH_MAX], text[IDENTITY_TOKEN_BYTES], when[32];
	struct identity_token token;
	struct auth_pair own;
	grant.tags = conf_list(conf, OPTIONS_POOL, &grant.n_tags);
	if (grant.n_tags > LIMIT_TAGS)
		return err_set(err, -EINVAL, "%zu tags are given; at most %d are allowed",
			       grant.n_tags, LIMIT_TAGS);
	if (!grant.ttl_s && conf_u64(conf, OPTIONS_TTL))
		return err_set(err, -EINVAL, "--ttl is below a second: give 0 for no end, or more");
	int r = identity_coordinator(file_of(desk, DAEMON_KEY_FILE, path), &own, err);
	if (r == 0)
		r = keyring_add_token(desk->keyring, &grant, desk->now_s, &token, err);
	if (r < 0)
		return r;
	const struct keyring_token *added = keyring_find_token(desk->keyring, str_of(token.id));
	r = note_created(desk, added, err);
	if (r == 0) {
		memcpy(token.coordinator, own.public, CIPHER_KEY_BYTES);
		printf("%s\n", identity_token_text(&token, text));
		fprintf(stderr,
			"token %s: role %s, %" PRIu64 " use%s, vouches until %s; keep it secret, "
			"and give it once with --token FILE\n",
			token.id, keyring_role_name(added->role), added->uses,
			added->uses == 1 ? "" : "s", until(added->expires_s, when, sizeof(when)));
	}
	cipher_wipe(text, sizeof(text));
	cipher_wipe(&token, sizeof(token));
	cipher_wipe(&own, sizeof(own));
	return r;
}

/* ---- list ---- */

static void print_token(const struct keyring_token *token, uint64_t now_s)
{
	char when[32];
	struct err why = { 0 };
	printf("%-16s  %-7s  %" PRIu64 "/%-5" PRIu64 "  %-20s  %5" PRIu64 "  %-9s  %s\n",
	       token->token.id, keyring_role_name(token->role), token->used, token->uses,
	       until(token->expires_s, when, sizeof(when)), token->max_slots,
	       token->revoked				       ? "revoked"
	       : token->expires_s && now_s >= token->expires_s ? "expired"
	       : keyring_may_vouch(token, now_s, &why) < 0     ? "used up"
							       : "good",
	       token->tags[0] ? token->tags : "-");
}

static void print_key(const struct keyring *keyring, const struct keyring_key *key)
{
	char id[KEYRING_SHORT_BYTES], signer[CIPHER_HEX_BYTES], when[32];
	const struct keyring_token *token = keyring_token_of(keyring, key);
	printf("%-16s  %-7s  %-20s  %-16s  %-8s  %-20s  %s\n", keyring_short(key->key, id),
	       keyring_role_name(token->role), until(key->made_s, when, sizeof(when)),
	       token->token.id, key->revoked ? "revoked" : "good", key->name,
	       token->role == KEYRING_WORKER ? "-"
					     : cipher_hex(key->signer, CIPHER_KEY_BYTES, signer));
}

static int list(struct desk *desk)
{
	const struct keyring_token *token;
	const struct keyring_key *key;
	printf("%-16s  %-7s  %-7s  %-20s  %5s  %-9s  %s\n", "TOKEN", "ROLE", "USED", "EXPIRES",
	       "SLOTS", "STATE", "TAGS");
	for (size_t i = 0; (token = keyring_nth_token(desk->keyring, i)); i++)
		print_token(token, desk->now_s);
	printf("\n%-16s  %-7s  %-20s  %-16s  %-8s  %-20s  %s\n", "KEY", "ROLE", "ENROLLED", "TOKEN",
	       "STATE", "NAME", "SIGNER");
	for (size_t i = 0; (key = keyring_nth_key(desk->keyring, i)); i++)
		print_key(desk->keyring, key);
	return 0;
}

/* ---- revoke ---- */

static int revoke_ids(struct desk *desk, const char *const *ids, size_t n, struct err *err)
{
	char id[CIPHER_HEX_BYTES];
	int r = n ? 0 : err_set(err, -EINVAL, "revoke which? give an ID of paddock token list");
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = keyring_revoke(desk->keyring, ids[i], desk->now_s, id, err);
		/* What is revoked stays so, also when it cannot be noted: that errs on the safe
		 * side. */
		if (r == 0)
			r = audit_add(desk->audit, err, "revoke", "id=%s uid=%ld", id,
				      (long)getuid());
		if (r == 0)
			printf("revoked %s\n", id);
	}
	return r;
}

int verbs_token(const struct verbs_call *call, struct err *err)
{
	static const char *const whats[] = { "create", "list", "revoke" };
	enum { N = sizeof(whats) / sizeof(whats[0]) };
	struct desk desk = { .call = call };
	size_t n, what = 0;
	const char *const *words = conf_operands(call->conf, &n);
	while (what < N && strcmp(words[0], whats[what]) != 0)
		what++;
	if (what == N || (what < 2 && n > 1)) {
		const char *nearest = conf_nearest(str_of(words[0]), whats, N);
		err_set(err, -EINVAL, "\"%.60s\" is nothing to do with tokens%s%s%s",
			what == N ? words[0] : words[1], nearest ? "; did you mean \"" : "",
			nearest ? nearest : "", nearest ? "\"?" : "");
		return EXIT_CODE_USAGE;
	}
	int r = open_desk(&desk, err);
	if (r == 0)
		r = what == 0	? create(&desk, err)
		    : what == 1 ? list(&desk)
				: revoke_ids(&desk, words + 1, n - 1, err);
	close_desk(&desk);
	if (r < 0)
		return r == -EINVAL || r == -ENOENT ? EXIT_CODE_USAGE : EXIT_CODE_SETUP;
	return fflush(stdout) == EOF ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}
