/* The bus between a room's home and the workers with members (and, behind the same interface, other
 * nodes). It carries opaque events in order: what one worker publishes reaches each other worker in
 * that order, and between publish and the mailbox of that worker nothing overtakes. */
#ifndef CHATD_BUS_BUS_H
#define CHATD_BUS_BUS_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/base/ident.h"
#include "lib/loop/mailbox.h"

/* Immutable once published; shared by workers. Embedded as the first member of what is carried. */
struct bus_event {
	atomic_uint refs;
	int kind; /* the carrier's */
	void (*release)(struct bus_event *event);
};

static inline struct bus_event *bus_event_ref(struct bus_event *event)
{
	atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
	return event;
}

void bus_event_unref(struct bus_event *event);

/* An event came; borrowed until it returns. Inside publish() for the publisher's own worker. */
typedef void (*bus_receive_fn)(void *ctx, struct bus_event *event);

struct bus;
struct bus_ops {
	/* Which workers get a room's events; kept by the room's home. */
	void (*subscribe)(struct bus *bus, const struct uuid *room, unsigned worker);
	void (*unsubscribe)(struct bus *bus, const struct uuid *room, unsigned worker);
	/* To the subscribed workers. Takes over the caller's reference. */
	void (*publish)(struct bus *bus, const struct uuid *room, struct bus_event *event);
	/* To all workers with clients. Takes over the caller's reference. */
	void (*broadcast)(struct bus *bus, struct bus_event *event);
	void (*destroy)(struct bus *bus);
};

struct bus {
	const struct bus_ops *ops;
};

struct local_bus_params {
	unsigned worker,
		worker_count; /* own number (worker_count: the main thread, which never receives) */
	struct mailbox **boxes;
	struct bus **peers; /* of all workers with clients, filled when publishing begins */
	bus_receive_fn receive;
	void *ctx;
};
/* The bus inside the process. */
struct bus *local_bus_create(const struct local_bus_params *params);
void bus_destroy(struct bus **bus);

static inline void bus_subscribe(struct bus *bus, const struct uuid *room, unsigned worker)
{
	bus->ops->subscribe(bus, room, worker);
}

static inline void bus_unsubscribe(struct bus *bus, const struct uuid *room, unsigned worker)
{
	bus->ops->unsubscribe(bus, room, worker);
}

static inline void bus_publish(struct bus *bus, const struct uuid *room, struct bus_event *event)
{
	bus->ops->publish(bus, room, event);
}

static inline void bus_broadcast(struct bus *bus, struct bus_event *event)
{
	bus->ops->broadcast(bus, event);
}

#endif
