/* Time that tests turn by hand. This file's clock_gettime() stands before libc's for the whole
 * program, the event loop's library included: real time until it is frozen. */
#ifndef TESTS_UNIT_FAKE_TIME_H
#define TESTS_UNIT_FAKE_TIME_H

#include "lib/base/clock.h"

/* From now on time stands still but for fake_time_skip(). */
void fake_time_freeze(void);
void fake_time_skip(uint64_t us);

/* The frozen time, as a clock; wall time begins at FAKE_WALL_MS. */
#define FAKE_WALL_MS 1700000000000
extern const struct clock fake_clock;

#endif
