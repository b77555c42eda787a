/* The daemon's settings, read by chatctl itself. */
#ifndef CHATCTL_SETTINGS_H
#define CHATCTL_SETTINGS_H

#include "chatctl/failure.h"
#include "chatctl/options.h"
#include "lib/conf/load.h"

/* Reads --config, else the usual file. ret_report: the warnings too, the caller finishes it; may be
 * NULL. 0, or ERR_CONFIG with each problem on a line of the failure. */
int settings_load(const struct options *options, struct conf **ret_conf,
	struct conf_report *ret_report, struct failure *failure);

#endif
