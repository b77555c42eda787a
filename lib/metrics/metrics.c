#include "lib/metrics/metrics.h"

#include <stddef.h>

static const struct metrics_row {
	const char *name, *kind, *help;
	size_t offset;
} rows[] = {
#define GAUGE "gauge"
#define COUNTER "counter"
#define X(field, name, kind, help) {name, kind, help, offsetof(struct metrics, field)},
	METRICS_TABLE(X)
#undef X
#undef COUNTER
#undef GAUGE
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static uint64_t metrics_get(const struct metrics *m, const struct metrics_row *row)
{
	return *(const uint64_t *)(const void *)((const char *)m + row->offset);
}

void metrics_add(struct metrics *into, const struct metrics *from)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		uint64_t *sum = (uint64_t *)(void *)((char *)into + rows[i].offset);
		*sum += metrics_get(from, &rows[i]);
	}
}

uint64_t metrics_connections(const struct metrics *m)
{
	return m->ws_none + m->ws_json + m->ws_messagepack + m->sse_none + m->sse_json +
	       m->sse_messagepack + m->poll_none + m->poll_json + m->poll_messagepack;
}

void metrics_each(const struct metrics *m,
	void (*visit)(
		void *ctx, const char *name, const char *kind, const char *help, uint64_t value),
	void *ctx)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		visit(ctx, rows[i].name, rows[i].kind, rows[i].help, metrics_get(m, &rows[i]));
	}
}
