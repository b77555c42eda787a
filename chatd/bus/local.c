#include <stdlib.h>

#include "chatd/bus/bus.h"
#include "chatd/bus/topics.h"
#include "lib/base/list.h"

struct local_bus {
	struct bus bus;
	struct local_bus_params params;
	struct topics *topics;
};

/* One event on its way to one worker. */
struct delivery {
	struct mail mail;
	struct local_bus *to;
	struct bus_event *event;
};

void bus_event_unref(struct bus_event *event)
{
	if (atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel) == 1) {
		event->release(event);
	}
}

static struct local_bus *local_of(struct bus *bus)
{
	return CONTAINER_OF(bus, struct local_bus, bus);
}

static void delivery_run(struct mail *mail)
{
	struct delivery *delivery = CONTAINER_OF(mail, struct delivery, mail);
	struct local_bus *to = delivery->to;
	to->params.receive(to->params.ctx, delivery->event);
	bus_event_unref(delivery->event);
	free(delivery);
}

static void deliver(struct local_bus *from, unsigned worker, struct bus_event *event)
{
	if (worker == from->params.worker) {
		from->params.receive(from->params.ctx, event);
		return;
	}
	struct delivery *delivery = mem_alloc(sizeof(*delivery));
	delivery->to = local_of(from->params.peers[worker]);
	delivery->event = bus_event_ref(event);
	mailbox_post(from->params.boxes[worker], &delivery->mail, delivery_run);
}

static void local_subscribe(struct bus *bus, const struct uuid *room, unsigned worker)
{
	topics_add(local_of(bus)->topics, room, worker);
}

static void local_unsubscribe(struct bus *bus, const struct uuid *room, unsigned worker)
{
	topics_remove(local_of(bus)->topics, room, worker);
}

static void local_publish(struct bus *bus, const struct uuid *room, struct bus_event *event)
{
	struct local_bus *local = local_of(bus);
	uint64_t workers = topics_of(local->topics, room);
	for (unsigned worker = 0; workers != 0; worker++, workers >>= 1) {
		if ((workers & 1) != 0) {
			deliver(local, worker, event);
		}
	}
	bus_event_unref(event);
}

static void local_broadcast(struct bus *bus, struct bus_event *event)
{
	struct local_bus *local = local_of(bus);
	for (unsigned worker = 0; worker < local->params.worker_count; worker++) {
		deliver(local, worker, event);
	}
	bus_event_unref(event);
}

static void local_destroy(struct bus *bus)
{
	struct local_bus *local = local_of(bus);
	topics_destroy(&local->topics);
	free(local);
}

static const struct bus_ops local_ops = {
	.subscribe = local_subscribe,
	.unsubscribe = local_unsubscribe,
	.publish = local_publish,
	.broadcast = local_broadcast,
	.destroy = local_destroy,
};

struct bus *local_bus_create(const struct local_bus_params *params)
{
	struct local_bus *local = mem_zalloc(sizeof(*local));
	local->bus.ops = &local_ops;
	local->params = *params;
	local->topics = topics_create();
	return &local->bus;
}

void bus_destroy(struct bus **bus)
{
	if (*bus != NULL) {
		(*bus)->ops->destroy(*bus);
		*bus = NULL;
	}
}
