/* The level of the log: what the settings say, or, until a reload or for a time, what an operator
 * said. Of the main thread. */
#ifndef CHATD_OP_LOG_SWITCH_H
#define CHATD_OP_LOG_SWITCH_H

#include <stdint.h>

#include "lib/base/log.h"

struct loop;
struct log_switch;

struct log_switch *log_switch_create(struct loop *loop, enum log_level configured);
void log_switch_destroy(struct log_switch **log_switch);
/* The settings were read (anew): their level holds, whatever was said before. */
void log_switch_configure(struct log_switch *log_switch, enum log_level level);
/* Says so in the log. for_us 0: until the settings are read anew. */
void log_switch_set(struct log_switch *log_switch, enum log_level level, uint64_t for_us);
enum log_level log_switch_configured(const struct log_switch *log_switch);
/* Milliseconds since 1970 at which the configured level comes back by itself; 0: it does not. */
int64_t log_switch_until_ms(const struct log_switch *log_switch);

#endif
