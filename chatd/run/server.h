/* The process as a whole: start, reload, drain. */
#ifndef CHATD_RUN_SERVER_H
#define CHATD_RUN_SERVER_H

struct conf;

struct server_params {
	const char *config_path; /* NULL: the usual places */
	char *const *environment;
};

/* Starts, serves until it is told to stop, drains. conf: already loaded, a reference is taken.
 * Answers the exit code: 0, 1, or 78 where settings, keys or the schema are at fault. What went
 * wrong has been logged. */
int server_run(const struct server_params *params, struct conf *conf);

#endif
