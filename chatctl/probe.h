/* The outcome of a check, and how monitoring reads it. */
#ifndef CHATCTL_PROBE_H
#define CHATCTL_PROBE_H

#include "chatctl/cmd.h"

#define PROBE_METRICS_MAX 4

struct probe_metric {
	const char *name; /* [a-z_]+ */
	const char *unit; /* of perfdata: "s", "B" */
	double value;
	double warn, crit; /* bounds, 0: none */
	bool low; /* what is below them is bad, not what is above */
};

struct probe {
	const char *name; /* "live" */
	struct arena *arena;
	enum cmd_check_level level;
	const char *text; /* what was found, the gravest first; NULL: nothing yet */
	uint64_t us; /* of the answer, where timed */
	bool timed;
	struct probe_metric metrics[PROBE_METRICS_MAX];
	size_t metric_count;
};

/* Adds a finding. The gravest level counts (critical, unknown, warning, ok), and its text comes
 * first. */
void probe_find(struct probe *probe, enum cmd_check_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void probe_measure(struct probe *probe, const struct probe_metric *metric);

/* "OK", "WARNING", "CRITICAL", "UNKNOWN". */
const char *probe_level_name(enum cmd_check_level level);
/* {check, status, text, ms, and metrics of bytes as "NAMEBytes"} */
struct value probe_item(const struct probe *probe);
/* Appends what --format asks for. name: text, nagios, json or prometheus; NULL: text. */
void probe_write(const struct probe *probe, const char *format, struct buf *out);

#endif
