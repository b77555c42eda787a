/* Time. Whatever has deadlines takes a struct clock, so that tests can step it. */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdint.h>

#include "lib/base/bytes.h"

struct clock {
	uint64_t (*mono_us)(
		const struct clock *clock); /* microseconds since some fixed point, never back */
	int64_t (*wall_ms)(const struct clock *clock); /* milliseconds since 1970 UTC */
};

/* The system's clocks. Thread-safe. */
extern const struct clock clock_system;

static inline uint64_t clock_mono_us(const struct clock *clock)
{
	return clock->mono_us(clock);
}

static inline int64_t clock_wall_ms(const struct clock *clock)
{
	return clock->wall_ms(clock);
}

/* Monotonic microseconds of the same count as clock_system's, as they were at the last tick of the
 * kernel (some milliseconds ago): cheaper than anything else that tells the time. Thread-safe. */
uint64_t clock_coarse_us(void);

/* RFC 3339 in UTC with milliseconds, "2024-01-02T03:04:05.678Z": 24 characters and NUL (years 0000
 * to 9999, else clamped). */
#define CLOCK_TEXT_SIZE 25
void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]);
/* Reads RFC 3339 with any offset and fraction. 0 or ERR_BAD_REQUEST. */
int clock_parse(struct bytes text, int64_t *ret_wall_ms);

#endif
