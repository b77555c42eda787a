#include "chatd/op/log_switch.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/loop/loop.h"

struct log_switch {
	struct loop_timer *back;
	enum log_level configured;
	int64_t until_ms;
};

/* Said while the more talkative of the two levels holds. */
static void change_level(enum log_level to, const char *why, uint64_t for_us)
{
	enum log_level from = log_get_level();
	if (to < from) {
		log_set_level(to);
	}
	log_event(LOG_INFO, "log level", LOG_STR("from", log_level_name(from)),
		LOG_STR("to", log_level_name(to)), LOG_STR("why", why),
		LOG_INT("seconds", for_us / 1000000));
	log_set_level(to);
}

static void on_time(void *ctx)
{
	struct log_switch *log_switch = ctx;
	log_switch->until_ms = 0;
	change_level(log_switch->configured, "its time is over", 0);
}

struct log_switch *log_switch_create(struct loop *loop, enum log_level configured)
{
	struct log_switch *log_switch = mem_zalloc(sizeof(*log_switch));
	log_switch->configured = configured;
	log_switch->back = loop_timer_create(loop, on_time, log_switch);
	return log_switch;
}

void log_switch_destroy(struct log_switch **log_switch)
{
	if (*log_switch != NULL) {
		loop_timer_destroy(&(*log_switch)->back);
		free(*log_switch);
		*log_switch = NULL;
	}
}

void log_switch_configure(struct log_switch *log_switch, enum log_level level)
{
	loop_timer_cancel(log_switch->back);
	log_switch->until_ms = 0;
	log_switch->configured = level;
	if (log_get_level() != level) {
		change_level(level, "settings", 0);
	}
}

void log_switch_set(struct log_switch *log_switch, enum log_level level, uint64_t for_us)
{
	loop_timer_cancel(log_switch->back);
	log_switch->until_ms = 0;
	if (for_us > 0) {
		log_switch->until_ms = clock_wall_ms(&clock_system) + (int64_t)(for_us / 1000);
		loop_timer_set(log_switch->back, for_us);
	}
	change_level(level, "operator", for_us);
}

enum log_level log_switch_configured(const struct log_switch *log_switch)
{
	return log_switch->configured;
}

int64_t log_switch_until_ms(const struct log_switch *log_switch)
{
	return log_switch->until_ms;
}
