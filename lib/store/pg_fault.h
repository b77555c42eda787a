/* What PostgreSQL's error codes mean to the store. Codes: PostgreSQL manual, appendix A. Of
 * pg_link.c and pg_result.c alone. */
#ifndef LIB_STORE_PG_FAULT_H
#define LIB_STORE_PG_FAULT_H

#include "lib/base/bytes.h"
#include "lib/store/pg_link.h"

/* The fault behind a code of five characters; "" is PG_LOST, as codes are that tell of the end of
 * the connection. */
enum pg_fault pg_fault_of(const char *sqlstate);

/* What libpq says after it could not connect, with the verbosity PQERRORS_VERBOSE, in which each
 * refusal of a server has its code: "FATAL:  28P01: password ...". ERR_CONFIG or ERR_UNAVAILABLE;
 * of several hosts the last one's answer counts. Appends one line for people without codes and
 * places in PostgreSQL's source. */
int pg_fault_of_connect(struct bytes message, struct buf *why);

/* What kind of ERR_CONFIG that is: ERR_NOT_FOUND where there is no such database, ERR_FORBIDDEN
 * where a role or its password was refused, else ERR_CONFIG. */
int pg_fault_refusal(struct bytes message);

/* One line of libpq's several; without those that only add hints. Appends. */
void pg_fault_line(struct bytes message, struct buf *out);

#endif
