/* What connections are told of rooms that change, judged record by record against what the fake
 * store said at the time. */
#ifndef TESTS_UNIT_CHANGE_JUDGE_H
#define TESTS_UNIT_CHANGE_JUDGE_H

#include "tests/unit/change_help.h"

#define JUDGE_ROOMS 48 /* ever */
#define JUDGE_SEQS 512
#define JUDGE_CALLS 512 /* of one connection */

#define JUDGE_PEOPLE 3
extern const char *const judge_people[JUDGE_PEOPLE];

struct judge_room {
	struct uuid id;
	bool gone; /* from the store */
	uint64_t head; /* up to which was noted when they were stored */
	uint64_t stored[JUDGE_SEQS]; /* in which step */
	uint64_t last_in[JUDGE_PEOPLE]; /* the last step in which he was in */
};

/* What a connection was told of a room. */
struct judged {
	bool deleted; /* that it is no more */
	bool left; /* that its user is not in */
	char name[32]; /* the last one */
};

struct judge_reader {
	struct hub_client *client; /* NULL: not connected */
	unsigned person; /* of judge_people */
	size_t looked_at; /* records */
	struct judged judged[JUDGE_ROOMS];
	unsigned calls; /* of JoinRoom and LeaveRoom: which was for which room */
	struct {
		unsigned room;
		bool joins, answered;
	} call[JUDGE_CALLS];
};

struct judge {
	struct hub *hub;
	struct judge_room rooms[JUDGE_ROOMS];
	unsigned room_count;
	uint64_t seed, step;
};

/* After each step; nothing of the store may change in two ways in one. */
void judge_note(struct judge *judge);
/* What came since the last look. */
void judge_records(const struct judge *judge, struct judge_reader *reader);
/* Who is in, and only he, has the room on each of his connections, under its alias, and got the
 * last message. */
void judge_end(const struct judge *judge, const struct judge_reader *reader, unsigned at,
	const char *alias);

#endif
