/* The logger: one line per event, with named fields, to stderr or to the system's journal. lib/
 * itself logs at most at debug. Thread-safe, and it never waits for a reader: lines that nobody
 * takes are lost, and their number is told by the next one. Control characters in values are
 * escaped, values above 1 KiB are cut. Never pass a secret or message content. */
#ifndef LIB_BASE_LOG_H
#define LIB_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
	/* Datagrams of fields; where nobody takes them, text for one who reads our stderr as the
	 * journal does: "<N>" for the level in front (sd-daemon(3)), no time. */
	LOG_FORMAT_JOURNAL,
};

enum log_kind { LOG_END_FIELDS, LOG_FIELD_STR, LOG_FIELD_BYTES, LOG_FIELD_INT };
struct log_field {
	const char *name; /* a-z, 0-9, '_'; none of time, level, event, thread */
	enum log_kind kind;
	union {
		const char *str;
		struct bytes bytes;
		int64_t num;
	};
};

#define LOG_STR(n, v) ((struct log_field){.name = (n), .kind = LOG_FIELD_STR, .str = (v)})
#define LOG_BYTES(n, v) ((struct log_field){.name = (n), .kind = LOG_FIELD_BYTES, .bytes = (v)})
#define LOG_INT(n, v) ((struct log_field){.name = (n), .kind = LOG_FIELD_INT, .num = (int64_t)(v)})

/* One event; all of it is good until the function returns that it was given to. */
struct log_record {
	int64_t wall_ms;
	enum log_level level;
	const char *event;
	const char *thread; /* name of the one that logs */
	const struct log_field *fields; /* ends with kind LOG_END_FIELDS */
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_format(enum log_format format);
/* Where LOG_FORMAT_JOURNAL sends its datagrams (AF_UNIX, at most 107 bytes of path). Once, before
 * other threads log. 0 or ERR_SYSTEM: then all of it goes to stderr. */
int log_open_journal(const char *path);
bool log_enabled(enum log_level level);
/* 0, or ERR_BAD_REQUEST where the name is none of debug, info, warn, error, off. */
int log_level_parse(struct bytes name, enum log_level *ret_level);
/* "debug", "info", "warn", "error" or "off". */
const char *log_level_name(enum log_level level);

/* One more listener: called on the thread that logs, for each line, so it must be quick, must not
 * log, and may be called by several threads at once. NULL takes it back: only when no other thread
 * logs any more. */
typedef void (*log_tap_fn)(void *ctx, const struct log_record *record);
void log_set_tap(log_tap_fn tap, void *ctx);

/* event: a short fixed text such as "ready"; fields end with kind LOG_END_FIELDS. Use the macro
 * log_event(). */
void log_write(enum log_level level, const char *event, const struct log_field *fields);
#define log_event(level, event, ...) \
	do { \
		if (log_enabled(level)) { \
			log_write(level, event, \
				(const struct log_field[]){ \
					__VA_ARGS__ __VA_OPT__(, ){.kind = LOG_END_FIELDS}}); \
		} \
	} while (0)

/* The same for what must be on record: at LOG_INFO, and at every level but LOG_OFF. */
void log_write_record(const char *event, const struct log_field *fields);
#define log_on_record(event, ...) \
	log_write_record(event, \
		(const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.kind = LOG_END_FIELDS}})

/* For events that come in floods: one line a second tells of all. All zero is a valid new one. Of
 * one thread. */
struct log_rate {
	uint64_t said_us;
	uint64_t unsaid;
};
/* Whether to say it now (monotonic us); *ret_more: how many were not said since the last one. */
bool log_rate_allows(struct log_rate *rate, uint64_t now_us, uint64_t *ret_more);

#endif
