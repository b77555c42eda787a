/* What a process has used, read from /proc; and clocks for the benchmark's own waiting. */
#ifndef TESTS_BENCH_BENCH_PROC_H
#define TESTS_BENCH_BENCH_PROC_H

#include <sys/types.h>

/* CPU time of all living threads of a process in microseconds, from /proc/PID/task/TID/schedstat
 * (nanoseconds, proc(5)); kernels without schedstat: from /proc/PID/stat, in clock ticks. Ends the
 * program if there is no such process: a figure without it would be wrong. */
double bench_cpu_us(pid_t pid);

/* CPU time of the calling process in microseconds, from getrusage(2). */
double bench_own_cpu_us(void);

/* CPU time of all living children of a process, such as a database server's, in microseconds. 0 or
 * less is no process: 0. */
double bench_children_cpu_us(pid_t parent);

/* RssAnon of /proc/PID/status in KiB. Ends the program if it cannot be read. */
double bench_rss_anon_kib(pid_t pid);

/* Seconds since some fixed point. */
double bench_now(void);

/* Prints "PROGRAM: " and the text on stderr and ends with exit code 1. */
void bench_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
