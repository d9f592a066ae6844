// SPDX-License-Identifier: Apache-2.0
/* place.h - where things are kept: the history file, the state folder, the other programs. */
#ifndef PADDOCK_CLI_PLACE_H
#define PADDOCK_CLI_PLACE_H

#include "coordinator/history/store.h"
#include "protocol/base/buf.h"
#include "protocol/base/conf.h"
#include "protocol/base/err.h"

/*
 * The folder for what outlives a run, into buf (initialised here, the caller's to free):
 * $XDG_STATE_HOME/paddock, else ~/.local/state/paddock. 0, or -ENOENT with err when the environment
 * names neither. The folder may not exist.
 */
int place_state(struct buf *ret_buf, struct err *err);

/*
 * The folder of a coordinator's state: the --state option, else that of place_state. 0 with the
 * path in buf (initialised here); -errno with err. It may not exist.
 */
int place_coordinator(const struct conf *conf, struct buf *ret_buf, struct err *err);

/*
 * Where history is kept, as store_open takes it: the --store option, the --history option, else
 * history.db in the state folder. 0 with it in buf (initialised here); it is empty when the option
 * says "none". It may hold a password: store_name is for people. -ENOENT as place_state.
 */
int place_history(const struct conf *conf, struct buf *ret_buf, struct err *err);

/*
 * Open the history file for looking into it. 0 with *ret_store, or -errno with err: there is none
 * yet, it cannot be read. Never makes a file.
 */
int place_open_history(const struct conf *conf, struct store **ret_store, struct err *err);

/*
 * Another program of paddock, such as "paddock-box": beside this one, else its plain name for PATH
 * to find. 0 with buf filled (initialised here), or -ENOMEM.
 */
int place_program(const char *name, struct buf *ret_buf);

#endif
