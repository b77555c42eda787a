/* The client of the benchmark: puts one kind of load on a server and prints, as a line of JSON,
 * what that cost the server's process. It speaks to chatd, the floor and ASP.NET Core alike. --help
 * says more.
 */
#include "tests/bench/load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/bench/bench_proc.h"

/* A hanging server ends the program: what no figure takes in --seconds plus this. */
#define HANGING_S 90

static const struct mode {
	const char *name;
	void (*run)(const struct load *load);
	struct load defaults;
	const char *doc;
} modes[] = {
	{"fanout", load_messages, {.connections = 1000, .rooms = 1, .in_flight = 1, .seconds = 2},
		"messages to the members of a room"},
	{"sends", load_messages, {.connections = 400, .rooms = 200, .in_flight = 400, .seconds = 2},
		"many small rooms, everyone sends"},
	{"rate", load_rate, {.connections = 1000, .rooms = 1, .rate = 20, .seconds = 3},
		"latency at an offered rate"},
	{"connect", load_connect, {.connections = 1000}, "upgrade, token, handshake, close"},
	{"negotiate", load_negotiate, {.connections = 100000}, "negotiations without a connection"},
	{"idle", load_idle, {.connections = 5000}, "memory per connection"},
	{"ping", load_ping, {.connections = 2000, .seconds = 3}, "pings to idle connections"},
	{"rest-create", load_rest_create, {.connections = 64, .seconds = 2}, "POST /api/v1/rooms"},
	{"rest-list", load_rest_list, {.connections = 64, .rooms = 5, .seconds = 2},
		"GET /api/v1/rooms"},
	{"rest-post", load_rest_post, {.connections = 64, .seconds = 2},
		"POST /api/v1/rooms/{id}/messages"},
	{"history", load_history, {.connections = 16, .rooms = 16, .messages = 400, .seconds = 2},
		"GetHistory, pages of 50 messages"},
	{"command", load_command, {.runs = 50}, "wall time of a command"},
};
#define MODE_COUNT (sizeof(modes) / sizeof(modes[0]))

static void usage(FILE *out)
{
	fputs("usage: load MODE --pid PID --port PORT [--secret TEXT] [--name TEXT]\n"
	      "            [--connections N] [--rooms N] [--in-flight N] [--rate N] [--seconds "
	      "S]\n"
	      "            [--messages N] [--rotate] [--lockstep] [--allocations FILE]\n"
	      "            [--transport websockets|sse|longpolling] [--encoding json|messagepack]\n"
	      "       load command [--runs N] -- PROGRAM ARGUMENT...\n",
		out);
	for (size_t i = 0; i < MODE_COUNT; i++) {
		fprintf(out, "  %-12s %s\n", modes[i].name, modes[i].doc);
	}
}

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; name != NULL && i < MODE_COUNT; i++) {
		if (strcmp(modes[i].name, name) == 0) {
			return &modes[i];
		}
	}
	return NULL;
}

static bool set_number(struct load *load, int option, const char *text)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end != '\0' || number < 0 || number > 1e7) {
		return false;
	}
	switch (option) {
	case 'i':
		load->pid = (pid_t)number;
		break;
	case 'p':
		load->target.port = (uint16_t)number;
		break;
	case 'c':
		load->connections = (size_t)number;
		break;
	case 'r':
		load->rooms = (size_t)number;
		break;
	case 'f':
		load->in_flight = (size_t)number;
		break;
	case 'a':
		load->rate = number;
		break;
	case 'n':
		load->runs = (size_t)number;
		break;
	case 'm':
		load->messages = (size_t)number;
		break;
	case 's':
		load->seconds = number;
		break;
	default:
		return false;
	}
	return true;
}

/* False: the value is none that the option takes. */
static bool set_text(struct load *load, int option, const char *text)
{
	switch (option) {
	case 'S':
		load->target.secret = text;
		return true;
	case 'N':
		load->target.name = text;
		return true;
	case 'A':
		load->allocations = text;
		return true;
	case 'T':
		return bench_transport_find(text, &load->target.transport);
	case 'E':
		return bench_encoding_find(text, &load->target.encoding);
	default:
		return set_number(load, option, text);
	}
}

static bool parse(struct load *load, int argc, char **argv)
{
	static const struct option options[] = {
		{"pid", required_argument, NULL, 'i'},
		{"port", required_argument, NULL, 'p'},
		{"secret", required_argument, NULL, 'S'},
		{"name", required_argument, NULL, 'N'},
		{"connections", required_argument, NULL, 'c'},
		{"rooms", required_argument, NULL, 'r'},
		{"in-flight", required_argument, NULL, 'f'},
		{"rate", required_argument, NULL, 'a'},
		{"seconds", required_argument, NULL, 's'},
		{"runs", required_argument, NULL, 'n'},
		{"messages", required_argument, NULL, 'm'},
		{"rotate", no_argument, NULL, 'R'},
		{"lockstep", no_argument, NULL, 'L'},
		{"allocations", required_argument, NULL, 'A'},
		{"transport", required_argument, NULL, 'T'},
		{"encoding", required_argument, NULL, 'E'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'R') {
			load->rotate = true;
		} else if (option == 'L') {
			load->lockstep = true;
		} else if (option == '?' || !set_text(load, option, optarg)) {
			return false;
		}
	}
	if (optind < argc) {
		load->command = argv + optind;
		return load->runs > 0;
	}
	if (load->target.transport == BENCH_EVENTS && load->target.encoding != BENCH_JSON) {
		return false; /* events are text */
	}
	return load->pid > 0 && load->target.port > 0 && load->connections > 0;
}

int main(int argc, char **argv)
{
	const struct mode *mode = find_mode(argc > 1 ? argv[1] : NULL);
	struct rlimit files;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (mode == NULL) {
		usage(stderr);
		return 2;
	}
	struct load load = mode->defaults;
	load.target.secret = "";
	load.target.name = mode->name;
	if (!parse(&load, argc - 1, argv + 1)) {
		usage(stderr);
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	alarm((unsigned)load.seconds + HANGING_S);
	mode->run(&load);
	return 0;
}
