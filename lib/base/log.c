#include "lib/base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/base/log_format.h"
#include "lib/base/log_journal.h"

/* A pipe that is writable takes so much at once (PIPE_BUF). */
#define PIECE_MAX 4096
/* Lines in a flood are one in so long. */
#define RATE_US 1000000

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

/* The logger is the one mutable global. */
static atomic_int logger_level = LOG_INFO;
static atomic_int logger_format = LOG_FORMAT_TEXT;
static _Atomic(log_tap_fn) logger_tap;
static void *logger_tap_ctx; /* of logger_tap */
static int logger_journal = -1;
static char logger_journal_path[108];
/* Over stderr, and these: */
static pthread_mutex_t logger_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t logger_lost; /* lines since the last one that was told */
static bool logger_torn; /* the last line ended in its middle */

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&logger_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&logger_level, memory_order_relaxed);
}

void log_set_format(enum log_format format)
{
	atomic_store_explicit(&logger_format, (int)format, memory_order_relaxed);
}

int log_open_journal(const char *path)
{
	int err = logger_journal < 0 ? log_journal_open(&logger_journal) : 0;
	snprintf(logger_journal_path, sizeof(logger_journal_path), "%s", path);
	return err;
}

bool log_enabled(enum log_level level)
{
	return level != LOG_OFF && level >= log_get_level();
}

int log_level_parse(struct bytes name, enum log_level *ret_level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (bytes_eq(name, bytes_str(level_names[i]))) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return ERR_BAD_REQUEST;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

void log_set_tap(log_tap_fn tap, void *ctx)
{
	logger_tap_ctx = ctx;
	atomic_store_explicit(&logger_tap, tap, memory_order_release);
}

bool log_rate_allows(struct log_rate *rate, uint64_t now_us, uint64_t *ret_more)
{
	if (rate->said_us != 0 && now_us - rate->said_us < RATE_US) {
		rate->unsaid++;
		return false;
	}
	*ret_more = rate->unsaid;
	rate->said_us = now_us;
	rate->unsaid = 0;
	return true;
}

/* ---- stderr ---- */

/* Writes what can be written without waiting; answers how many bytes. */
static size_t write_now(struct bytes line)
{
	size_t done = 0;
	while (done < line.len) {
		struct pollfd watch = {.fd = STDERR_FILENO, .events = POLLOUT};
		size_t piece = line.len - done < PIECE_MAX ? line.len - done : PIECE_MAX;
		if (poll(&watch, 1, 0) != 1 || (watch.revents & POLLOUT) == 0) {
			break;
		}
		ssize_t n = write(STDERR_FILENO, line.ptr + done, piece);
		if (n < 0 && errno != EINTR) {
			break;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	return done;
}

static void format_stderr(const struct log_record *record, enum log_format format, struct buf *out)
{
	switch (format) {
	case LOG_FORMAT_TEXT:
		log_format_text(record, out);
		break;
	case LOG_FORMAT_JSON:
		log_format_json(record, out);
		break;
	case LOG_FORMAT_JOURNAL:
		log_format_prefixed(record, out);
		break;
	}
}

/* What must come before the next line. */
static void append_lost(const struct log_record *next, enum log_format format, struct buf *out)
{
	if (logger_torn) {
		buf_append_char(out, '\n');
	}
	if (logger_lost > 0) {
		const struct log_field fields[] = {
			LOG_INT("count", logger_lost), {.kind = LOG_END_FIELDS}};
		const struct log_record lost = {
			.wall_ms = next->wall_ms,
			.level = LOG_WARN,
			.event = "log lines lost",
			.thread = next->thread,
			.fields = fields,
		};
		format_stderr(&lost, format, out);
	}
}

/* A line that is not taken at once is lost: the server does not wait for who reads its log. */
static void write_stderr(const struct log_record *record, enum log_format format)
{
	struct buf line = {0};
	struct buf first = {0};
	format_stderr(record, format, &line);
	pthread_mutex_lock(&logger_mutex);
	append_lost(record, format, &first);
	size_t told = write_now(buf_bytes(&first));
	size_t done = told == first.len ? write_now(buf_bytes(&line)) : 0;
	if (told == first.len) {
		logger_lost = 0;
		logger_torn = false;
	}
	if (done < line.len) {
		logger_lost++;
		logger_torn = logger_torn || (told > 0 && told < first.len) || done > 0;
	}
	pthread_mutex_unlock(&logger_mutex);
	buf_finish(&first);
	buf_finish(&line);
}

/* ---- lines ---- */

static bool write_journal(const struct log_record *record)
{
	if (logger_journal < 0) {
		return false;
	}
	struct buf datagram = {0};
	log_format_journal(record, &datagram);
	int err =
		log_journal_send(logger_journal, logger_journal_path, datagram.data, datagram.len);
	buf_finish(&datagram);
	return err == 0;
}

static void write_event(enum log_level level, const char *event, const struct log_field *fields)
{
	int saved = errno;
	char thread[16] = "";
	pthread_getname_np(pthread_self(), thread, sizeof(thread));
	const struct log_record record = {
		.wall_ms = clock_wall_ms(&clock_system),
		.level = level,
		.event = event,
		.thread = thread,
		.fields = fields,
	};
	enum log_format format =
		(enum log_format)atomic_load_explicit(&logger_format, memory_order_relaxed);
	if (format != LOG_FORMAT_JOURNAL || !write_journal(&record)) {
		write_stderr(&record, format);
	}
	log_tap_fn tap = atomic_load_explicit(&logger_tap, memory_order_acquire);
	if (tap != NULL) {
		tap(logger_tap_ctx, &record);
	}
	errno = saved;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	if (log_enabled(level)) {
		write_event(level, event, fields);
	}
}

void log_write_record(const char *event, const struct log_field *fields)
{
	if (log_get_level() != LOG_OFF) {
		write_event(LOG_INFO, event, fields);
	}
}
