/* The control door: a Unix socket on the main thread's loop. Frames of lib/ctl; who may do what is
 * decided by the peer's credentials (PRODUCT.md section 10). */
#ifndef CHATD_CONTROL_CONTROL_H
#define CHATD_CONTROL_CONTROL_H

#include <stdint.h>

#include "chatd/op/services.h"
#include "lib/base/bytes.h"

struct control;

/* Listens on conf->control.socket (0660, the group chatd where there is one). ret_why: a sentence
 * on failure, the caller finishes it. ERR_EXISTS: a live daemon listens there; ERR_CONFIG: the path
 * is a symbolic link or another kind of file; ERR_SYSTEM. */
int control_open(struct services *sv, struct control **ret_control, struct buf *ret_why);
/* The process ends: listings whose reader takes nothing for so long end. NULL is accepted. */
void control_drop_stalled(struct control *control, uint64_t stalled_us);
/* Ends all calls; removes the socket. */
void control_close(struct control **control);

#endif
