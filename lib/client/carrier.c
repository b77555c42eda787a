#include "lib/client/carrier.h"

void carrier_set_owner(struct carrier *carrier, const struct carrier_events *events, void *ctx)
{
	carrier->events = events;
	carrier->ctx = ctx;
}

void carrier_enter(struct carrier *carrier)
{
	carrier->busy++;
}

void carrier_leave(struct carrier *carrier)
{
	if (--carrier->busy == 0 && carrier->closed) {
		carrier->ops->free(carrier);
	}
}

void carrier_close(struct carrier **carrier, uint16_t code)
{
	struct carrier *c = *carrier;
	if (c == NULL) {
		return;
	}
	*carrier = NULL;
	carrier_enter(c);
	c->events = NULL;
	c->closed = true;
	c->ops->close(c, code);
	carrier_leave(c);
}

void carrier_tell_start(struct carrier *carrier)
{
	if (carrier->events != NULL) {
		carrier->events->on_start(carrier->ctx);
	}
}

void carrier_tell_payload(struct carrier *carrier, enum carrier_mark mark, struct bytes payload)
{
	if (carrier->events != NULL && payload.len > 0) {
		carrier->events->on_payload(carrier->ctx, mark, payload);
	}
}

void carrier_tell_end(struct carrier *carrier, int err, struct bytes text)
{
	const struct carrier_events *events = carrier->events;
	carrier->events = NULL;
	if (events != NULL) {
		events->on_end(carrier->ctx, err, text);
	}
}

bool carrier_is_wanted(const struct carrier *carrier)
{
	return carrier->events != NULL;
}
