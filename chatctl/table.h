/* Tables for people, on libsmartcols (table.c is the only file that sees it). */
#ifndef CHATCTL_TABLE_H
#define CHATCTL_TABLE_H

#include <stdbool.h>
#include <stdio.h>

struct table;

/* Headings are shown unless no column has one. Aborts on exhaustion. */
struct table *table_create(void);
void table_destroy(struct table **table);
/* wide: the column that gives way on a narrow terminal. */
void table_add_column(struct table *table, const char *heading, bool right, bool wide);
/* One more line, and its cells from the left; copied. Text must have no control characters. */
void table_add_line(struct table *table);
void table_add_cell(struct table *table, const char *text);
/* On a terminal it is fitted to its width, elsewhere nothing is cut. 0 or ERR_SYSTEM. */
int table_print(struct table *table, FILE *out);

#endif
