/* Who is kept out, read from the store at the start. */
#ifndef CHATD_RUN_BARS_LOAD_H
#define CHATD_RUN_BARS_LOAD_H

#include "chatd/op/services.h"
#include "lib/base/bytes.h"

/* Sets all of sv->bars that the store knows. Turns sv's loop until the answers are there; nobody
 * may be served before. The store's error, with a sentence for the operator in why. */
int bars_load(struct services *sv, struct buf *why);

#endif
