/* Questions that operations ask the clients of their connections (client results). */
#ifndef CHATD_HUB_ASKS_H
#define CHATD_HUB_ASKS_H

#include "chatd/conn/conn.h"

struct call;
struct op_ask;

/* op_caller_events.ask of a call's operation. */
int asks_send(
	struct call *call, struct op_ask *ask, struct bytes target, const struct value *arguments);
/* A Completion that belongs to no upload. Answers to questions that are not open are ignored; one
 * to a question that another connection was asked ends this one. */
void asks_answer(struct conn *conn, const struct hub_message *message);
/* For flows.c. */
void asks_drop(struct conn *conn);

#endif
