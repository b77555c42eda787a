/* The ids of questions to clients that are open, for the whole process: one counter, as in ASP.NET
 * Core ("s1", "s2", ...), and whose each is. Any thread. */
#ifndef CHATD_HUB_ASK_IDS_H
#define CHATD_HUB_ASK_IDS_H

#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/ident.h"

struct ask_ids;

struct ask_ids *ask_ids_create(void);
void ask_ids_destroy(struct ask_ids **ids);
/* A fresh number, 1 and up, for a question to that connection. */
uint64_t ask_ids_take(struct ask_ids *ids, const struct uuid *connection);
/* It is open no longer; one that is not is left alone. */
void ask_ids_drop(struct ask_ids *ids, uint64_t number);

/* Whose it is. */
enum ask_owner { ASK_OWNER_NONE, ASK_OWNER_SELF, ASK_OWNER_OTHER };
enum ask_owner ask_ids_owner(struct ask_ids *ids, uint64_t number, const struct uuid *connection);

/* "s17": 22 characters at most, and NUL. */
#define ASK_ID_SIZE 23
void ask_id_format(uint64_t number, char out[ASK_ID_SIZE]);
/* The number of an id that ask_id_format() could have written; 0 for any other text. */
uint64_t ask_id_parse(struct bytes id);

#endif
