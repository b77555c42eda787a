#include "lib/metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

struct seen {
	int rows;
	uint64_t sum;
	uint64_t connections, auth_failures;
};

static void visit(void *ctx, const char *name, const char *kind, const char *help, uint64_t value)
{
	struct seen *seen = ctx;
	seen->rows++;
	seen->sum += value;
	assert_true(strlen(help) > 5);
	/* Prometheus: a counter's name ends in _total, a gauge's does not. */
	size_t len = strlen(name);
	int total = len > 6 && strcmp(name + len - 6, "_total") == 0;
	assert_string_equal(kind, total ? "counter" : "gauge");
	if (strcmp(name, "connections{transport=\"WebSockets\",protocol=\"none\"}") == 0) {
		seen->connections = value;
	}
	if (strcmp(name, "auth_failures_total") == 0) {
		seen->auth_failures = value;
	}
}

static void test_add_and_visit(void **state)
{
	struct metrics a, b;
	struct seen seen = {0};
	const size_t rows = sizeof(a) / sizeof(uint64_t);
	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	/* Every counter another power of two: the sum shows one that was left out or doubled. */
	for (size_t i = 0; i < rows; i++) {
		((uint64_t *)(void *)&a)[i] = (uint64_t)1 << i;
		((uint64_t *)(void *)&b)[i] = (uint64_t)1 << (i + 20);
	}
	metrics_add(&a, &b);
	metrics_each(&a, visit, &seen);
	assert_int_equal(seen.rows, rows);
	uint64_t ones = ((uint64_t)1 << rows) - 1;
	assert_true(seen.sum == ones + (ones << 20));
	assert_true(seen.connections == a.ws_none && a.ws_none == 1 + (1 << 20));
	/* Nine rows are those of connections, and they are the first. */
	assert_true(metrics_connections(&a) == 511 + ((uint64_t)511 << 20));
	assert_true(seen.auth_failures == a.auth_failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_add_and_visit)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
