#include "tests/unit/fake_time.h"

#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Tests turn everything on one thread; a frozen program has no other. */
static bool frozen;
static uint64_t frozen_us;

static uint64_t real_us(clockid_t id)
{
	struct timespec now;
	syscall(SYS_clock_gettime, id, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int clock_gettime(clockid_t id, struct timespec *ret_now)
{
	bool mono = id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE;
	if (!frozen || !mono) {
		return (int)syscall(SYS_clock_gettime, id, ret_now);
	}
	*ret_now = (struct timespec){
		.tv_sec = (time_t)(frozen_us / 1000000),
		.tv_nsec = (long)(frozen_us % 1000000) * 1000,
	};
	return 0;
}

void fake_time_freeze(void)
{
	if (!frozen) {
		frozen_us = real_us(CLOCK_MONOTONIC);
		frozen = true;
	}
}

void fake_time_skip(uint64_t us)
{
	frozen_us += us;
}

static uint64_t fake_mono(const struct clock *clock)
{
	(void)clock;
	return frozen_us;
}

static int64_t fake_wall(const struct clock *clock)
{
	static uint64_t first_us;
	(void)clock;
	if (first_us == 0) {
		first_us = frozen_us;
	}
	return FAKE_WALL_MS + (int64_t)((frozen_us - first_us) / 1000);
}

const struct clock fake_clock = {fake_mono, fake_wall};
