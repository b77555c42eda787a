/* Where the daemon's control socket and its database are. */
#ifndef CHATCTL_LOCATE_H
#define CHATCTL_LOCATE_H

#include <stdbool.h>
#include <stddef.h>

#include "chatctl/failure.h"
#include "chatctl/options.h"

#define LOCATE_MAX 3

struct locate {
	const char *paths[LOCATE_MAX]; /* to be tried in this order */
	size_t count;
};

/* --socket, CHATD_CONTROL_SOCKET, the settings file; where none of them names one:
 * /run/chatd/control.sock, ./var/control.sock. 0; ERR_CONFIG where the file of --config is not
 * good. */
int locate_socket(struct locate *locate, const struct options *options, struct failure *failure);

/* The URL of the database as chatd finds it, and whether anything names it (ret_named, or NULL);
 * where nothing does and there is none at the usual place, but ./var/chatd.db is there: that one.
 * On the failure's arena. 0; ERR_CONFIG where the settings are not good. */
int locate_database(const char **ret_url, bool *ret_named, const struct options *options,
	struct failure *failure);

#endif
