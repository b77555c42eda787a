/* Asks all workers with clients, from any worker: a mail goes from one to the next and comes back.
 * (workers_gather() asks them at the same time and with a deadline, but only from the main thread.)
 */
#ifndef CHATD_OP_TOUR_H
#define CHATD_OP_TOUR_H

#include "chatd/op/services.h"

/* Embedded by who asks; must live until done. */
struct tour {
	struct mail mail;
	struct services *from;
	unsigned next;
	void (*visit)(struct services *sv, struct tour *tour);
	void (*done)(struct tour *tour);
};

/* visit runs once on each worker with clients, in their order, on its thread; then done on the
 * caller's, never inside the call. Between two visits nobody else touches what the tour is embedded
 * in. Never refuses. */
void tour_start(struct services *sv, struct tour *tour,
	void (*visit)(struct services *sv, struct tour *tour), void (*done)(struct tour *tour));

#endif
