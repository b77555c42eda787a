#include "chatctl/table.h"

#include <libsmartcols.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/err.h"

struct table {
	struct libscols_table *columns;
	struct libscols_line *line;
	size_t cell;
	bool headings;
};

static void must(bool good)
{
	if (!good) {
		abort(); /* memory is exhausted */
	}
}

struct table *table_create(void)
{
	struct table *table = mem_zalloc(sizeof(*table));
	table->columns = scols_new_table();
	must(table->columns != NULL);
	return table;
}

void table_destroy(struct table **table)
{
	if (*table != NULL) {
		scols_unref_table((*table)->columns);
		free(*table);
		*table = NULL;
	}
}

void table_add_column(struct table *table, const char *heading, bool right, bool wide)
{
	int flags = (right ? SCOLS_FL_RIGHT : 0) | (wide ? SCOLS_FL_WRAP : 0);
	must(scols_table_new_column(table->columns, heading, 0, flags) != NULL);
	table->headings = table->headings || heading[0] != '\0';
}

void table_add_line(struct table *table)
{
	table->line = scols_table_new_line(table->columns, NULL);
	must(table->line != NULL);
	table->cell = 0;
}

void table_add_cell(struct table *table, const char *text)
{
	must(scols_line_set_data(table->line, table->cell++, text) == 0);
}

int table_print(struct table *table, FILE *out)
{
	scols_table_enable_noheadings(table->columns, !table->headings);
	/* Cells were escaped before, and by stricter rules. */
	scols_table_enable_noencoding(table->columns, 1);
	scols_table_set_stream(table->columns, out);
	scols_table_set_termforce(table->columns,
		isatty(fileno(out)) ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	return scols_print_table(table->columns) == 0 ? 0 : ERR_SYSTEM;
}
