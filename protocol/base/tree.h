// SPDX-License-Identifier: Apache-2.0
/* tree.h - folders removed with all that is in them, whatever that is. */
#ifndef PADDOCK_BASE_TREE_H
#define PADDOCK_BASE_TREE_H

/* Empty the folder open as `top`. 0 or -errno: what could not be removed stays. */
int tree_empty(int top);

/* Remove a folder with all that is in it. 0 or -errno, -ENOENT when there is none. */
int tree_remove(const char *path);

#endif
