/* A question whether the node serves: it goes the way of a client, by a connection of its own to
 * the first address that the node listens on, and from worker to worker. Asked on any worker. */
#ifndef CHATD_OP_CANARY_H
#define CHATD_OP_CANARY_H

#include "chatd/op/services.h"

/* Embedded by who asks; must live until done. */
struct canary_ask {
	struct mail mail;
	struct services *from;
	void (*done)(struct canary_ask *ask);
	int err; /* 0: an answer came; ERR_UNREACHABLE, ERR_TIMEOUT, ERR_CLOSED, ERR_BAD_REQUEST */
	struct list_node node; /* the canary's own */
};

struct canary;

/* On the main thread. address: as the listener names it; copied. */
struct canary *canary_create(struct services *main, const char *address);
/* From now on it answers ERR_CLOSED. NULL is accepted. */
void canary_stop(struct canary *canary);
/* Nobody asks any more. */
void canary_destroy(struct canary **canary);
/* Any worker. done comes once on the caller's, never inside; within 2 s. Several that ask within a
 * second share one answer, so that nobody makes the node talk to itself all day. */
void canary_ask(struct canary *canary, struct services *sv, struct canary_ask *ask,
	void (*done)(struct canary_ask *ask));

#endif
