/* REST calls over connections that are kept alive, each of another user and with one call under
 * way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/bench/bench_http.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/load.h"

#define EVENTS 256
#define TURN_MS 100
#define WARM_S 0.5
#define ID_SIZE 37
#define TEXT_SIZE 256
#define ROOMS_PATH "/api/v1/rooms"
#define JSON "application/json"

struct rest;

struct rest_call {
	const char *name;
	void (*send)(struct rest *rest, size_t number);
	/* Looks at a good answer. */
	void (*check)(const struct rest *rest, struct bytes body);
};

struct rest_user {
	struct bench_http http;
	char room[ID_SIZE]; /* one that he is in; empty where the load needs none */
};

struct rest {
	const struct load *load;
	const struct rest_call *call;
	struct rest_user *users; /* load->connections of them */
	int epoll;
	uint64_t rooms; /* that were asked for */
	uint64_t done;
	struct buf body;
};

/* ---- calls ---- */

static void send_create(struct rest *rest, size_t number)
{
	char body[TEXT_SIZE];

	snprintf(body, sizeof(body), "{\"name\":\"Room %llu of %s\"}",
		(unsigned long long)++rest->rooms, rest->load->target.name);
	bench_http_send(&rest->users[number].http, "POST", ROOMS_PATH, JSON, bytes_str(body));
}

static void send_list(struct rest *rest, size_t number)
{
	bench_http_send(&rest->users[number].http, "GET", ROOMS_PATH "?limit=50", NULL, BYTES_NONE);
}

static void send_post(struct rest *rest, size_t number)
{
	struct rest_user *user = &rest->users[number];
	char path[TEXT_SIZE];

	snprintf(path, sizeof(path), ROOMS_PATH "/%s/messages", user->room);
	bench_http_send(&user->http, "POST", path, JSON,
		BYTES_LIT("{\"content\":\"hello hello hello hello hello hello hello\"}"));
}

static void check_id(const struct rest *rest, struct bytes body)
{
	if (memmem(body.ptr, body.len, "\"id\":\"", 6) == NULL) {
		bench_fail("%s: an answer without id: %.*s", rest->call->name, BYTES_ARG(body));
	}
}

static void check_list(const struct rest *rest, struct bytes body)
{
	size_t count = 0;
	const char *at = body.ptr, *end = body.ptr + body.len;

	while ((at = memmem(at, (size_t)(end - at), "\"creatorId\":", 12)) != NULL) {
		count++;
		at += 12;
	}
	if (count != rest->load->rooms) {
		bench_fail("%zu rooms are listed, not %zu", count, rest->load->rooms);
	}
}

static const struct rest_call call_create = {"create", send_create, check_id};
static const struct rest_call call_list = {"list", send_list, check_list};
static const struct rest_call call_post = {"post", send_post, check_id};

/* ---- the run ---- */

/* Whether the answer was whole. */
static bool take_answer(struct rest *rest, size_t number)
{
	buf_clear(&rest->body);
	int status = bench_http_read(&rest->users[number].http, &rest->body);
	if (status == 0) {
		return false;
	}
	if (status < 200 || status > 299) {
		bench_fail("%s is answered with %d: %.*s", rest->call->name, status,
			BYTES_ARG(buf_bytes(&rest->body)));
	}
	rest->call->check(rest, buf_bytes(&rest->body));
	return true;
}

static void keep_room(struct rest *rest, size_t number)
{
	const char *id = memmem(rest->body.data, rest->body.len, "\"id\":\"", 6);
	size_t left = (size_t)(rest->body.data + rest->body.len - id);

	if (left < 6 + ID_SIZE) {
		bench_fail("an id that is no UUID: %.*s", BYTES_ARG(buf_bytes(&rest->body)));
	}
	memcpy(rest->users[number].room, id + 6, ID_SIZE - 1);
}

/* Each user makes so many rooms of his own. */
static void make_rooms(struct rest *rest, size_t rooms)
{
	rest->call = &call_create;
	for (size_t round = 0; round < rooms; round++) {
		for (size_t i = 0; i < rest->load->connections; i++) {
			send_create(rest, i);
		}
		for (size_t i = 0; i < rest->load->connections; i++) {
			while (!take_answer(rest, i)) {
			}
			keep_room(rest, i);
		}
	}
}

static void run_for(struct rest *rest, double seconds)
{
	double until = bench_now() + seconds;
	struct epoll_event events[EVENTS];

	while (bench_now() < until) {
		int count = epoll_wait(rest->epoll, events, EVENTS, TURN_MS);
		for (int i = 0; i < count; i++) {
			size_t number = events[i].data.u32;
			if (take_answer(rest, number)) {
				rest->done++;
				rest->call->send(rest, number);
			}
		}
	}
}

static void measure(struct rest *rest)
{
	for (size_t i = 0; i < rest->load->connections; i++) {
		rest->call->send(rest, i);
	}
	run_for(rest, WARM_S);
	uint64_t before = rest->done;
	double cpu = bench_cpu_us(rest->load->pid), start = bench_now();
	run_for(rest, rest->load->seconds);
	double seconds = bench_now() - start;
	cpu = bench_cpu_us(rest->load->pid) - cpu;
	double calls = (double)(rest->done - before);
	if (calls < 1) {
		bench_fail("nothing was answered");
	}
	printf("{\"mode\":\"rest %s\",\"connections\":%zu,\"rooms\":%zu,\"calls_per_second\":%.0f,"
	       "\"cpu\":%.3f,\"us_per_call\":%.2f,\"body_bytes\":%zu}\n",
		rest->call->name, rest->load->connections, rest->load->rooms, calls / seconds,
		cpu / seconds / 1e6, cpu / calls, rest->body.len);
}

static void run(const struct load *load, const struct rest_call *call, size_t rooms)
{
	struct rest rest = {
		.load = load,
		.users = mem_zalloc(load->connections * sizeof(*rest.users)),
		.epoll = epoll_create1(EPOLL_CLOEXEC),
	};

	for (size_t i = 0; i < load->connections; i++) {
		bench_http_open(&rest.users[i].http, &load->target, i, 1);
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		if (epoll_ctl(rest.epoll, EPOLL_CTL_ADD, rest.users[i].http.fd, &event) != 0) {
			bench_fail("epoll_ctl: %m");
		}
	}
	make_rooms(&rest, rooms);
	rest.call = call;
	measure(&rest);
	for (size_t i = 0; i < load->connections; i++) {
		bench_http_close(&rest.users[i].http);
	}
	buf_finish(&rest.body);
	free(rest.users);
	close(rest.epoll);
}

void load_rest_create(const struct load *load)
{
	run(load, &call_create, 0);
}

void load_rest_list(const struct load *load)
{
	run(load, &call_list, load->rooms);
}

void load_rest_post(const struct load *load)
{
	run(load, &call_post, 1);
}
