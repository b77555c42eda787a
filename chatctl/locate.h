/* Where the daemon's control socket is. */
#ifndef CHATCTL_LOCATE_H
#define CHATCTL_LOCATE_H

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

#endif
