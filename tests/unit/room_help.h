/* What clients ask of rooms, and the answers they must get. */
#ifndef TESTS_UNIT_ROOM_HELP_H
#define TESTS_UNIT_ROOM_HELP_H

#include "tests/unit/home_help.h"

#define FAKE_EPOCH "0123456789abcdef"

/* Calls JoinRoom with invocation id "1"; more: further arguments, such as ",5,null", or "". */
void room_join(struct hub_client *client, const struct uuid *room, const char *more);
/* Messages of alice, stored and published. */
void room_send(struct hub *hub, const struct uuid *room, int count);

struct room_answer {
	uint64_t last_seq;
	bool not_recovered;
	uint64_t from, to; /* 0: null */
	uint64_t gap_from, gap_to;
};
/* What stands in a result for a room, as JSON; good until the next call. */
const char *room_answer_text(const struct uuid *room, const struct room_answer *answer);
/* The next record but messages is JoinRoom's Completion with this. */
void room_expect_joined(
	struct hub_client *client, const struct uuid *room, const struct room_answer *answer);
/* The next record but messages is JoinRoom's Completion with an error, which contains text. */
void room_expect_error(struct hub_client *client, const char *text);
/* Numbers of the room that the client got, as "1 2 3" */
void room_expect_seqs(const struct hub_client *client, const struct uuid *room, const char *seqs);
/* From first to last, in order, without hole, each once, and nothing else. */
void room_expect_range(
	const struct hub_client *client, const struct uuid *room, uint64_t first, uint64_t last);
/* How many records came before the Completion of call "1". */
size_t room_records_before_answer(const struct hub_client *client);

#endif
