/* What the db commands share: which database, and what is said when something failed. */
#ifndef CHATCTL_CMD_DB_H
#define CHATCTL_CMD_DB_H

#include <signal.h>

#include "chatctl/cmd.h"

/* The database's URL: --url, the settings, the daemon (database_find()). 0; ERR_USAGE where --url
 * has a password in it, which others could see; else as database_find(). */
int db_find(struct cmd *cmd, struct bytes *ret_url);
/* Sets the failure, with a hint that suits the store. Takes why, which it finishes. Answers err. */
int db_fail(struct cmd *cmd, struct bytes url, int err, struct buf *why);
/* The same without a hint: it is not the database that is at fault. */
int db_fail_plain(struct cmd *cmd, int err, struct buf *why);

/* Runs work; with --wait again and again while it answers ERR_BUSY. why is cleared before each. */
int db_wait(struct cmd *cmd, int (*work)(void *ctx, struct buf *why), void *ctx, struct buf *why);

/* For long work that would leave something half-made behind: until the end signals wait, and what
 * came ends the program then. */
void db_signals_hold(sigset_t *ret_before);
void db_signals_release(const sigset_t *before);
/* ERR_CANCELLED where one waits, else 0: what a progress callback answers. */
int db_signals_waiting(void);

#endif
