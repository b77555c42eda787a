/* The logger as the settings want it, and what commands of the operator see of it. */
#ifndef CHATD_RUN_LOGGING_H
#define CHATD_RUN_LOGGING_H

#include "chatd/op/services.h"

struct log_ring;
struct log_switch;

/* All zero is a valid one that was never opened. Of the main thread. */
struct logging {
	struct log_ring *ring;
	struct log_switch *log_switch; /* NULL while there is no loop */
};

/* Level, format and journal; from here on lines are kept. Before any thread is started. */
void logging_open(struct logging *logging, const struct conf *conf);
/* main's loop is there; its thread is this one. */
void logging_attach(struct logging *logging, const struct services *main);
/* Other settings hold. The level is theirs again. */
void logging_reload(struct logging *logging, const struct conf *conf);
/* While main's mailbox is still there: who follows the log is told that it ends. */
void logging_detach(struct logging *logging);
/* When no other thread is left. */
void logging_close(struct logging *logging);

#endif
