/* Prints what is needed to plan statements as chatd's links have them planned, for
 * tests/bench/plans.js: a line for each kind of link, "setup", its name and its SQL, and one for
 * each statement, "statement", its name and its text, with tabs between. */
#include <stdio.h>

#include "lib/store/pg_desk.h"
#include "lib/store/pg_sql.h"

int main(void)
{
	static const char *const names[PG_LINE_KIND_COUNT] = {
		[PG_LINE_WRITE] = "write", [PG_LINE_SLOW] = "slow", [PG_LINE_READ] = "read"};

	for (enum pg_line_kind kind = 0; kind < PG_LINE_KIND_COUNT; kind++) {
		printf("setup\t%s\t%s\n", names[kind], pg_line_setup(kind));
	}
	for (enum pg_sql sql = 0; sql < PG_SQL_COUNT; sql++) {
		printf("statement\t%s\t%s\n", pg_sql_name(sql), pg_sql_text(sql));
	}
	return 0;
}
