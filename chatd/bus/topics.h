/* Which workers have members of which room. */
#ifndef CHATD_BUS_TOPICS_H
#define CHATD_BUS_TOPICS_H

#include <stdint.h>

#include "lib/base/ident.h"

#define TOPICS_WORKERS_MAX 64

struct topics;
struct topics *topics_create(void);
void topics_destroy(struct topics **topics);
/* worker: 0 to TOPICS_WORKERS_MAX - 1. Adding one that is there, or removing one that is not,
 * changes nothing. */
void topics_add(struct topics *topics, const struct uuid *room, unsigned worker);
void topics_remove(struct topics *topics, const struct uuid *room, unsigned worker);
/* Bit n: worker n is subscribed. */
uint64_t topics_of(const struct topics *topics, const struct uuid *room);

#endif
