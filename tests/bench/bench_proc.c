#include "tests/bench/bench_proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/clock.h"

void bench_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

double bench_now(void)
{
	return (double)clock_mono_us(&clock_system) / 1e6;
}

/* utime and stime are the 14th and 15th field, counted from after the name, which may hold blanks
 * and parentheses. */
static double stat_us(pid_t pid)
{
	char path[64], line[1024];
	unsigned long user, system;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
		bench_fail("%s: %s", path, strerror(errno));
	}
	fclose(file);
	const char *rest = strrchr(line, ')');
	if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				    &user, &system) != 2) {
		bench_fail("%s is not understood", path);
	}
	return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* A thread may end between the listing and the reading: it counts as 0 then. */
static double thread_us(pid_t pid, const char *thread, size_t *read_count)
{
	char path[320];
	unsigned long long ns = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, thread);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return 0;
	}
	if (fscanf(file, "%llu", &ns) == 1) {
		(*read_count)++;
	}
	fclose(file);
	return (double)ns / 1e3;
}

double bench_cpu_us(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	double sum = 0;
	size_t read_count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *folder = opendir(path);
	if (folder == NULL) {
		bench_fail("%s: %s", path, strerror(errno));
	}
	while ((entry = readdir(folder)) != NULL) {
		if (isdigit((unsigned char)entry->d_name[0])) {
			sum += thread_us(pid, entry->d_name, &read_count);
		}
	}
	closedir(folder);
	return read_count > 0 ? sum : stat_us(pid);
}

double bench_own_cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return ((double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec) * 1e6 +
	       (double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec;
}

/* The parent is the 4th field; 0: it is gone. */
static pid_t parent_of(const char *pid)
{
	char path[300], line[1024];
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return 0;
	}
	const char *rest = fgets(line, sizeof(line), file) != NULL ? strrchr(line, ')') : NULL;
	fclose(file);
	return rest != NULL && sscanf(rest + 1, " %*c %d", &parent) == 1 ? (pid_t)parent : 0;
}

double bench_children_cpu_us(pid_t parent)
{
	struct dirent *entry;
	double sum = 0;

	if (parent <= 0) {
		return 0;
	}
	DIR *folder = opendir("/proc");
	if (folder == NULL) {
		bench_fail("/proc: %s", strerror(errno));
	}
	while ((entry = readdir(folder)) != NULL) {
		if (isdigit((unsigned char)entry->d_name[0]) &&
			parent_of(entry->d_name) == parent) {
			sum += bench_cpu_us((pid_t)atoi(entry->d_name));
		}
	}
	closedir(folder);
	return sum;
}

double bench_rss_anon_kib(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		bench_fail("%s: %s", path, strerror(errno));
	}
	while (kib == 0 && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "RssAnon: %lu kB", &kib) != 1) {
			kib = 0;
		}
	}
	fclose(file);
	if (kib == 0) {
		bench_fail("%s has no RssAnon", path);
	}
	return (double)kib;
}
