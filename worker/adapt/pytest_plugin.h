// SPDX-License-Identifier: Apache-2.0
/* pytest_plugin.h - what pytest loads to speak with us; see pytest_plugin.c for its words. */
#ifndef PADDOCK_WORKER_ADAPT_PYTEST_PLUGIN_H
#define PADDOCK_WORKER_ADAPT_PYTEST_PLUGIN_H

#define PYTEST_PLUGIN_MODULE "paddock_pytest"

/* The file of wanted node ids, one per line, escaped as the fields are; beside the plugin. */
#define PYTEST_PLUGIN_IDS "paddock_pytest.ids"

/* The plugin's Python source. */
extern const char pytest_plugin_source[];

#endif
