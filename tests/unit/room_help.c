#include "tests/unit/room_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

void room_join(struct hub_client *client, const struct uuid *room, const char *more)
{
	client_say(client, "{'type':1,'invocationId':'1','target':'JoinRoom','arguments':['%s'%s]}",
		uuid_text(room), more);
}

void room_send(struct hub *hub, const struct uuid *room, int count)
{
	for (int i = 0; i < count; i++) {
		static struct sending sending;
		sending_start(hub, (unsigned)i % hub->count, &sending, room, "text");
		hub_settle(hub);
		sending_expect(&sending, 0, APPEND_STORED);
	}
}

static const char *number_or_null(char out[24], uint64_t n)
{
	snprintf(out, 24, "%llu", (unsigned long long)n);
	return n != 0 ? out : "null";
}

const char *room_answer_text(const struct uuid *room, const struct room_answer *answer)
{
	static char text[400];
	char from[24], to[24], gap[80] = "null";
	if (answer->gap_from != 0) {
		snprintf(gap, sizeof(gap), "{\"from\":%llu,\"to\":%llu}",
			(unsigned long long)answer->gap_from, (unsigned long long)answer->gap_to);
	}
	snprintf(text, sizeof(text),
		"{\"roomId\":\"%s\",\"lastSeq\":%llu,\"epoch\":\"" FAKE_EPOCH
		"\",\"recovered\":%s,\"from\":%s,\"to\":%s,\"gap\":%s}",
		uuid_text(room), (unsigned long long)answer->last_seq,
		answer->not_recovered ? "false" : "true", number_or_null(from, answer->from),
		number_or_null(to, answer->to), gap);
	return text;
}

void room_expect_joined(
	struct hub_client *client, const struct uuid *room, const struct room_answer *answer)
{
	char text[500];
	snprintf(text, sizeof(text), "{\"type\":3,\"invocationId\":\"1\",\"result\":%s}",
		room_answer_text(room, answer));
	const char *got = client_next_other(client);
	if (got == NULL) {
		fail_msg("nothing came instead of %s", text);
		return;
	}
	assert_string_equal(got, text);
}

void room_expect_error(struct hub_client *client, const char *text)
{
	const char *got = client_next_other(client);
	assert_non_null(got);
	if (strstr(got, "\"type\":3") == NULL || strstr(got, text) == NULL) {
		fail_msg("%s is no error with %s", got, text);
	}
}

void room_expect_seqs(const struct hub_client *client, const struct uuid *room, const char *seqs)
{
	assert_string_equal(client_seqs(client, room), seqs);
}

void room_expect_range(
	const struct hub_client *client, const struct uuid *room, uint64_t first, uint64_t last)
{
	uint64_t next = first;
	for (size_t i = 0; i < client->seen_count; i++) {
		if (uuid_eq(&client->seen[i].room, room)) {
			assert_int_equal(client->seen[i].seq, next);
			next++;
		}
	}
	assert_int_equal(next, last + 1);
}

size_t room_records_before_answer(const struct hub_client *client)
{
	for (size_t i = 0; i < client->record_count; i++) {
		if (strstr(client->records[i], "\"type\":3,\"invocationId\":\"1\"") != NULL) {
			return i;
		}
	}
	return SIZE_MAX;
}
