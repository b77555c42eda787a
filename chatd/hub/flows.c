#include "chatd/hub/flows.h"

#include <stdlib.h>

#include "chatd/hub/asks.h"
#include "chatd/hub/streams.h"
#include "chatd/hub/uploads.h"

struct flows *flows_of(struct conn *conn)
{
	if (conn->flows == NULL) {
		struct flows *flows = mem_zalloc(sizeof(*flows));
		list_init(&flows->streams);
		list_init(&flows->stalled);
		list_init(&flows->asking);
		list_init(&flows->uploads);
		list_init(&flows->asks);
		conn->flows = flows;
	}
	return conn->flows;
}

void flows_drop(struct conn *conn)
{
	if (conn->flows != NULL) {
		streams_drop(conn);
		uploads_drop(conn);
		asks_drop(conn);
		free(conn->flows);
		conn->flows = NULL;
	}
}
