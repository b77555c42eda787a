/* How threads meet: a mailbox takes mail from any thread and runs it on its loop's thread, first
 * in, first out for each poster. The poster wakes the loop (eventfd) only if the box was empty. */
#ifndef LIB_LOOP_MAILBOX_H
#define LIB_LOOP_MAILBOX_H

#include "lib/loop/loop.h"

struct mail;
/* Runs on the receiver's thread. The receiver owns the mail from here on (it is usually embedded in
 * a request). */
typedef void (*mail_fn)(struct mail *mail);

struct mail {
	struct mail *next;
	mail_fn run;
};

struct mailbox;

struct mailbox *mailbox_create(struct loop *loop);
/* On the loop's thread, outside of mail, when nobody posts any more. Mail still in it is run
 * first. */
void mailbox_destroy(struct mailbox **box);
/* Any thread. Ownership of the mail goes to the receiver. Never fails. What is posted while mail
 * runs, runs in a later turn, so that descriptors are served in between. */
void mailbox_post(struct mailbox *box, struct mail *mail, mail_fn run);

#endif
