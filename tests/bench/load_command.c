/* How long a command takes from start to end, as its user sees it. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/base/bytes.h"
#include "tests/bench/bench_proc.h"
#include "tests/bench/load.h"

static double run_once(char *const *command)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	double start = bench_now();
	int error = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
	if (error != 0) {
		bench_fail("%s: %s", command[0], strerror(error));
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			bench_fail("waitpid: %s", strerror(errno));
		}
	}
	double ms = (bench_now() - start) * 1e3;
	posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		bench_fail("%s ended badly", command[0]);
	}
	return ms;
}

static int compare(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

void load_command(const struct load *load)
{
	double *ms = mem_zalloc(load->runs * sizeof(*ms));

	if (load->command == NULL || load->command[0] == NULL) {
		bench_fail("which command? load command --runs N -- PROGRAM ARGUMENT...");
	}
	run_once(load->command);
	for (size_t i = 0; i < load->runs; i++) {
		ms[i] = run_once(load->command);
	}
	qsort(ms, load->runs, sizeof(*ms), compare);
	printf("{\"mode\":\"command\",\"runs\":%zu,\"ms\":%.3f,\"least_ms\":%.3f,\"most_ms\":%."
	       "3f}\n",
		load->runs, ms[load->runs / 2], ms[0], ms[load->runs - 1]);
	free(ms);
}
