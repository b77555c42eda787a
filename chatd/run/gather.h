/* Asking all workers at once: workers_gather() of DESIGN.md. */
#ifndef CHATD_RUN_GATHER_H
#define CHATD_RUN_GATHER_H

#include "chatd/op/server_control.h"

struct worker;

/* On the main thread. workers: count of them, the main thread's last. What server_control.h says of
 * gather. A worker that never answers costs its slot's memory, nothing else. */
void workers_gather(struct worker *const *workers, unsigned count, gather_collect_fn collect,
	size_t slot_size, uint64_t deadline_us, gather_done_fn done, void *ctx);

#endif
