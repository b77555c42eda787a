/* The logger: one line per event, with named fields, to stderr. lib/ itself logs at most at debug.
 * Thread-safe; a line is one write(2). Control characters in values are escaped. Never pass a
 * secret or message content. */
#ifndef LIB_BASE_LOG_H
#define LIB_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_kind { LOG_END_FIELDS, LOG_FIELD_STR, LOG_FIELD_BYTES, LOG_FIELD_INT };
struct log_field {
	const char *name;
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

void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
bool log_enabled(enum log_level level);
/* 0, or ERR_BAD_REQUEST where the name is none of debug, info, warn, error, off. */
int log_level_parse(struct bytes name, enum log_level *ret_level);

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

#endif
