/* Who changed what by the control socket: one line for each change, and for each call that was
 * refused. */
#ifndef CHATD_CONTROL_AUDIT_H
#define CHATD_CONTROL_AUDIT_H

#include "chatd/control/peer.h"
#include "lib/base/log.h"
#include "lib/ctl/commands.h"

#define AUDIT_ABOUT_SIZE 256

/* "room=general user=alice": those of the args that name what a command is about; never a secret
 * nor a text that was written for somebody. Cut where it is longer. */
void audit_about(
	const struct ctl_command *command, const struct value *args, char out[AUDIT_ABOUT_SIZE]);
/* A call ended with err, or 0. Nothing is said of commands that only read. */
void audit_done(const struct peer *peer, uint64_t call, const struct ctl_command *command,
	const char *about, int err);
/* A call was refused before it began; name: as the caller wrote it. At most one a second. */
void audit_refused(struct log_rate *rate, uint64_t now_us, const struct peer *peer, uint64_t call,
	struct bytes name, int err);

#endif
