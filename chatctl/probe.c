#include "chatctl/probe.h"

#include <ctype.h>
#include <strings.h>

#include "chatctl/text.h"
#include "lib/value/json.h"

static int gravity(enum cmd_check_level level)
{
	static const int gravities[] = {
		[CMD_CHECK_OK] = 0,
		[CMD_CHECK_WARNING] = 1,
		[CMD_CHECK_UNKNOWN] = 2,
		[CMD_CHECK_CRITICAL] = 3,
	};

	return gravities[level];
}

void probe_find(struct probe *probe, enum cmd_check_level level, const char *fmt, ...)
{
	struct buf safe = {0};
	va_list ap;

	va_start(ap, fmt);
	text_escape(&safe, bytes_str(arena_vprintf(probe->arena, fmt, ap)), false);
	va_end(ap);
	const char *text = arena_strdup(probe->arena, buf_cstr(&safe));
	buf_finish(&safe);
	if (probe->text == NULL) {
		probe->text = text;
		probe->level = level;
	} else if (gravity(level) > gravity(probe->level)) {
		probe->text = arena_printf(probe->arena, "%s; %s", text, probe->text);
		probe->level = level;
	} else {
		probe->text = arena_printf(probe->arena, "%s; %s", probe->text, text);
	}
}

void probe_measure(struct probe *probe, const struct probe_metric *metric)
{
	if (probe->metric_count < PROBE_METRICS_MAX) {
		probe->metrics[probe->metric_count++] = *metric;
	}
}

const char *probe_level_name(enum cmd_check_level level)
{
	static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

	return names[level];
}

struct value probe_item(const struct probe *probe)
{
	struct value item = value_object(probe->arena, 4 + PROBE_METRICS_MAX);

	value_put(&item, "check", value_str(probe->name));
	value_put(&item, "status", value_str(probe_level_name(probe->level)));
	value_put(&item, "text", value_str(probe->text));
	value_put(&item, "ms",
		probe->timed
			? (struct value){.kind = VALUE_DOUBLE, .number = (double)probe->us / 1000}
			: value_null);
	for (size_t i = 0; i < probe->metric_count; i++) {
		if (strcmp(probe->metrics[i].unit, "B") == 0) {
			value_put(&item,
				arena_printf(probe->arena, "%sBytes", probe->metrics[i].name),
				value_int((int64_t)probe->metrics[i].value));
		}
	}
	return item;
}

static void append_upper(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		buf_append_char(out, (char)toupper((unsigned char)*text));
	}
}

static void append_bound(struct buf *out, double bound, bool low)
{
	buf_append_char(out, ';');
	if (bound > 0) {
		buf_printf(out, "%.15g%s", bound, low ? ":" : "");
	}
}

/* https://nagios-plugins.org/doc/guidelines.html#AEN200: 'label'=value[UOM];[warn];[crit];[min].
 * Bounds are ranges of what is good: "N" is 0 to N, "N:" is N and above.
 * A "|" begins the figures, so the text has none. */
static void write_nagios(const struct probe *probe, struct buf *out)
{
	buf_append_str(out, "CHATD ");
	append_upper(out, probe->name);
	buf_printf(out, " %s: ", probe_level_name(probe->level));
	for (const char *c = probe->text; *c != '\0'; c++) {
		buf_append_char(out, *c == '|' ? '/' : *c);
	}
	for (size_t i = 0; i < probe->metric_count; i++) {
		const struct probe_metric *metric = &probe->metrics[i];
		buf_printf(out, "%s%s=%.15g%s", i == 0 ? " | " : " ", metric->name, metric->value,
			metric->unit);
		append_bound(out, metric->warn, metric->low);
		append_bound(out, metric->crit, metric->low);
		buf_append_str(out, ";0");
	}
	buf_append_char(out, '\n');
}

/* The text format of Prometheus, as its node exporter reads it from files. */
static void write_prometheus(const struct probe *probe, struct buf *out)
{
	buf_printf(out,
		"# HELP chatd_check_status 0 OK, 1 warning, 2 critical, 3 unknown.\n"
		"# TYPE chatd_check_status gauge\n"
		"chatd_check_status{check=\"%s\"} %d\n",
		probe->name, (int)probe->level);
	for (size_t i = 0; i < probe->metric_count; i++) {
		const struct probe_metric *metric = &probe->metrics[i];
		const char *unit = strcmp(metric->unit, "s") == 0 ? "seconds" : "bytes";
		buf_printf(out,
			"# TYPE chatd_check_%s_%s gauge\nchatd_check_%s_%s{check=\"%s\"} %.15g\n",
			metric->name, unit, metric->name, unit, probe->name, metric->value);
	}
}

void probe_write(const struct probe *probe, const char *format, struct buf *out)
{
	if (format != NULL && strcasecmp(format, "nagios") == 0) {
		write_nagios(probe, out);
	} else if (format != NULL && strcasecmp(format, "prometheus") == 0) {
		write_prometheus(probe, out);
	} else if (format != NULL && strcasecmp(format, "json") == 0) {
		struct value item = probe_item(probe);
		json_write(out, &item);
		buf_append_char(out, '\n');
	} else {
		buf_printf(out, "%s: %s\n", probe_level_name(probe->level), probe->text);
	}
}
