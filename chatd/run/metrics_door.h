/* The listener of GET /metrics, on the main thread (metrics.listen). */
#ifndef CHATD_RUN_METRICS_DOOR_H
#define CHATD_RUN_METRICS_DOOR_H

#include "chatd/op/services.h"
#include "lib/base/bytes.h"

struct metrics_door;

/* Where nothing is configured *ret_door stays NULL and it answers 0. Errors as listener_open(),
 * with a sentence appended to why. */
int metrics_door_open(struct services *sv, struct metrics_door **ret_door, struct buf *why);
void metrics_door_close(struct metrics_door **door);
/* The first address as it was bound; "off" for NULL. */
const char *metrics_door_address(const struct metrics_door *door);

#endif
