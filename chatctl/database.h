/* Which database the commands work on that open it themselves. */
#ifndef CHATCTL_DATABASE_H
#define CHATCTL_DATABASE_H

#include <stdint.h>

#include "chatctl/failure.h"
#include "chatctl/options.h"

/* The URL of the database that the settings name; where they name none, or --socket says which
 * daemon is meant, that of the daemon which answers; without a daemon the usual place
 * (locate_database()). On the failure's arena. 0; ERR_CONFIG where the settings are not good; what
 * a daemon that is there but does not answer leads to (remote_call()). */
int database_find(const char **ret_url, const struct options *options, struct failure *failure);

/* What to open, where the daemon with this pid says that it has url: that may be relative to the
 * folder in which it runs, and hide a password; then it is that of the settings, if they name the
 * same database. On the failure's arena, or url itself. ERR_CONFIG where the password cannot be
 * known, and as locate_database(). */
int database_of_daemon(const char **ret_url, const char *url, int64_t pid,
	const struct options *options, struct failure *failure);

#endif
