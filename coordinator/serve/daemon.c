// SPDX-License-Identifier: Apache-2.0
/*
 * daemon.c - `paddock serve`: addresses, the store, signals. One coordinator per store and per
 * socket.
 */
#include "coordinator/serve/daemon.h"

#include "coordinator/history/store.h"
#include "coordinator/serve/audit.h"
#include "coordinator/serve/door.h"
#include "coordinator/serve/server.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/loop.h"
#include "protocol/base/state.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

struct service {
	struct loop *loop;
	struct server *server;
	struct store *store;
	struct audit *audit;
	struct door *door;
	struct cas *cas;
	struct loop_signal *signals[3];
	const struct daemon_options *options;
	int lock;
};

static void apply(struct service *service, const struct daemon_settings *settings)
{
	log_setup("paddock", STDERR_FILENO, settings->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		  service->options->json_log);
	server_configure(service->server,
			 &(struct server_limits){ .lease_us = settings->lease_us,
						  .client_slots = settings->client_slots,
						  .quarantine = settings->quarantine });
}

static void on_reload(void *data, int signum)
{
	struct service *service = data;
	struct daemon_settings settings = service->options->settings;
	struct err err = { 0 };
	(void)signum;
	if (!service->options->reload)
		return;
	if (service->options->reload(service->options->data, &settings, &err) < 0) {
		LOG_ERROR("not_reloaded", "%s; everything stays as it was", err.text);
		return;
	}
	apply(service, &settings);
	LOG_INFO("reloaded",
		 "lease=%" PRIu64 " ms client_slots=%" PRIu64 " quarantine=%d verbose=%d",
		 settings.lease_us / 1000, settings.client_slots, settings.quarantine,
		 settings.verbose);
}

static void on_signal(void *data, int signum)
{
	struct service *service = data;
	LOG_INFO("stopping", "signal=%d", signum);
	loop_stop(service->loop);
}

static int make_folder(const struct daemon_options *options, char out[PATH_MAX], struct err *err)
{
	struct buf path;
	buf_init(&path, PATH_MAX - 32);
	int r = options->state ? buf_puts(&path, options->state) : state_folder(&path);
	snprintf(out, PATH_MAX, "%s", buf_text(&path));
	buf_done(&path);
	if (r < 0)
		return err_set(err, -EINVAL,
			       "no folder for the coordinator's state: give one with --state DIR");
	r = fd_make_dirs(out);
	return r < 0 ? err_errno(err, r,
				 "making the state folder %s (give another with --state DIR)", out)
		     : 0;
}

/* Two coordinators on one state folder would both believe they own its runs. */
static int lock_folder(struct service *service, const char *folder, struct err *err)
{
	char path[PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s/serve.lock", folder);
	service->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (service->lock < 0)
		return err_errno(err, -errno, "opening %s", path);
	if (flock(service->lock, LOCK_EX | LOCK_NB) < 0)
		return err_set(
			err, -EADDRINUSE,
			"another coordinator serves from %s: stop it, or give this one another "
			"--state DIR",
			folder);
	return 0;
}

static int check_urls(const struct daemon_options *options, struct err *err)
{
	for (size_t i = 0; i < options->n_urls; i++) {
		const char *url = options->urls[i];
		int r = chan_address_check(url, err);
		if (r < 0)
			return r;
		if (options->insecure && !chan_address_is_local(url))
			return err_set(
				err, -EPERM,
				"refusing to listen at %s with --insecure: without keys only "
				"addresses of this machine are served (tcp://127.0.0.1:PORT or "
				"ipc://PATH); leave --insecure out",
				url);
	}
	return options->n_urls ? 0
			       : err_set(err, -EINVAL,
					 "nowhere to listen: give --listen URL, such as "
					 "tcp://127.0.0.1:7200");
}

/* The audit log, the keys, and the first entry of this start. */
static int open_door(struct service *service, const struct daemon_options *options,
		     const char *folder, struct err *err)
{
	char path[PATH_MAX + 16], key[CIPHER_HEX_BYTES] = "none", url[CHAN_URL_BYTES];
	snprintf(path, sizeof(path), "%s/" DAEMON_AUDIT_FILE, folder);
	int r = audit_open(path, &service->audit, err);
	if (r == 0 && !options->insecure)
		r = door_new(folder, service->audit, &service->door, err);
	if (r < 0)
		return r;
	if (service->door)
		LOG_INFO("key",
			 "coordinator=%s; paddock token create --state %s lets workers and "
			 "clients in",
			 door_key(service->door, key), folder);
	return audit_add(service->audit, err, "start", "build=%s key=%s listen=%s%s",
			 hello_build_id(), key,
			 audit_word(str_of(options->urls[0]), url, sizeof(url)),
			 options->n_urls > 1 ? ",..." : "");
}

/* Each peer is two connections: as many as this process may have, not as many as is usual. */
static void raise_files(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		LOG_WARN("few_files", "errno=%d (%s); peers beyond the limit wait", errno,
			 strerror(errno));
	LOG_INFO("files", "limit=%llu peers=%llu", (unsigned long long)files.rlim_cur,
		 (unsigned long long)files.rlim_cur / 2);
}

static int start(struct service *service, const struct daemon_options *options, struct err *err)
{
	char folder[PATH_MAX], path[PATH_MAX + 16];
	int r = make_folder(options, folder, err);
	raise_files();
	if (r == 0)
		r = lock_folder(service, folder, err);
	if (r < 0)
		return r;
	r = open_door(service, options, folder, err);
	snprintf(path, sizeof(path), "%s/history.db", folder);
	if (r == 0)
		r = store_open(options->store ? options->store : path, &service->store, err);
	if (r == 0)
		r = store_claim(service->store, err);
	snprintf(path, sizeof(path), "%s/cas", folder);
	if (r == 0)
		r = cas_new(&(struct cas_options){ .folder = path,
						   .quota_bytes = options->contents_bytes,
						   .durable = true },
			    &service->cas, err);
	if (r == 0)
		r = loop_new(&service->loop);
	if (r == 0)
		r = loop_signal_new(service->loop, SIGTERM, on_signal, service,
				    &service->signals[0]);
	if (r == 0)
		r = loop_signal_new(service->loop, SIGINT, on_signal, service,
				    &service->signals[1]);
	if (r == 0)
		r = loop_signal_new(service->loop, SIGHUP, on_reload, service,
				    &service->signals[2]);
	if (r == 0)
		r = server_new(service->loop,
			       &(struct server_options){ .store = service->store,
							 .door = service->door,
							 .audit = service->audit,
							 .must_store = true,
							 .cas = service->cas },
			       &service->server, err);
	if (r == 0)
		apply(service, &options->settings);
	if (r == 0)
		r = server_restore(service->server, err);
	for (size_t i = 0; r == 0 && i < options->n_urls; i++) {
		r = server_listen(service->server, options->urls[i], err);
		if (r == 0)
			LOG_INFO("listening", "url=%s", options->urls[i]);
	}
	return r;
}

int daemon_run(const struct daemon_options *options, struct err *err)
{
	struct service service = { .lock = -1, .options = options };
	if (check_urls(options, err) < 0)
		return EXIT_CODE_USAGE;
	int r = start(&service, options, err);
	if (r == 0)
		loop_run(service.loop, server_step, service.server);
	else if (err && !err->text[0])
		err_errno(err, r, "starting the coordinator");
	server_free(service.server);
	for (int i = 0; i < 3; i++)
		loop_signal_free(service.signals[i]);
	loop_free(service.loop);
	store_close(service.store);
	door_free(service.door);
	if (service.audit && audit_add(service.audit, NULL, "end", "code=%d", -r) < 0)
		LOG_ERROR("not_audited", "the end of this coordinator");
	audit_free(service.audit);
	cas_free(service.cas);
	fd_close(&service.lock);
	return r < 0 ? EXIT_CODE_SETUP : EXIT_CODE_OK;
}
