/* The operation: a verb of the product, written once in chatd/ops as a table of steps, and the
 * runner that takes it through them. DESIGN.md «One idea carries the rest». */
#ifndef CHATD_OP_OP_H
#define CHATD_OP_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chatd/op/op_time.h"
#include "chatd/op/services.h"
#include "lib/base/arena.h"
#include "lib/base/ident.h"
#include "lib/base/list.h"
#include "lib/value/params.h"
#include "lib/value/value.h"

struct op;
struct op_ask;
struct principal;

/* What a step answers; negative: an error, which ends the operation (see op_fail). */
enum op_next {
	OP_NEXT = 1, /* on to the next step in the same turn */
	OP_WAIT = 2, /* what was started calls op_resume() exactly once */
	OP_DONE = 3, /* the rest of the steps is not needed */
	OP_AGAIN = 4, /* two steps back, for work that goes page by page: read, emit, again */
};

typedef int (*op_step_fn)(struct op *op);

enum op_step_flag {
	/* The point of no return: from this step's start the following steps run whether the caller
	 * lives or not; only the reply is dropped. */
	OP_COMMIT = 1,
};

struct op_step {
	const char *name;
	op_step_fn run;
	unsigned flags;
};

/* Who may start it; the doors check. */
enum op_needs {
	OP_USER = 1, /* an authenticated user */
	OP_MEMBER = 2, /* member of the room it names (the operation itself checks) */
	OP_OPERATOR_READ = 4,
	OP_OPERATOR_WRITE = 8,
	OP_CONNECTION = 16, /* a hub connection */
	OP_INTERNAL = 64, /* nobody: the node does it by itself */
	OP_ADMIN = 32, /* a user whose token has the role auth.admin_role */
};

struct op_def {
	const char *name;
	const struct op_step *steps; /* ends with a row without run */
	size_t state_size; /* bytes at op->state, zeroed */
	const struct param *params;
	size_t param_count;
	size_t params_size; /* bytes at op->params */
	void (*release)(
		struct op *op); /* what is not on the arena, NULL: nothing; also after a failure */
	/* The caller has gone, or has withdrawn the operation, while a step waits, and what it
	 * waits for may take for ever: may give that up and call op_resume() in its stead. NULL:
	 * the answer is awaited. */
	void (*gone)(struct op *op);
	/* It lasts as long as its caller likes: never slow, and the node ends without it. */
	bool endless;
	/* It goes page by page at its own or its reader's pace: taking long is not being slow. */
	bool paced;
	unsigned needs;
	const char *doc;
};

/* One that starts operations: a hub connection, an HTTP exchange, a control call. Embedded in it.
 */
struct op_caller;
struct op_caller_events {
	/* Exactly once per operation, unless the caller went first. It may come inside op_start()
	 * and op_cancel(). The operation and its arena live until it returns. err: 0 with
	 * op->result, or negative with op->message; 0 without a result for one that ended because
	 * it was cancelled. */
	void (*done)(struct op_caller *caller, struct op *op, int err);
	/* An item of a streaming operation; the value lives on a scratch arena until it returns.
	 * NULL where items are not taken. */
	void (*emit)(struct op_caller *caller, struct op *op, const struct value *item);
	/* Whether what was emitted piles up; where it answers true it will call op_resume(op, 0)
	 * once, when there is room again. NULL: never. It may set op->wait (op_wait_on) and is then
	 * told where nobody waits for that any longer. */
	bool (*congested)(struct op_caller *caller, struct op *op);
	/* Asks who stands behind the caller: see op_ask() in chatd/op/ask.h. NULL: there is nobody
	 * to ask. */
	int (*ask)(struct op_caller *caller, struct op_ask *ask, struct bytes target,
		const struct value *arguments);
};
struct op_caller {
	const struct op_caller_events *events;
	struct list ops;
};

/* What a step waits for, where that can be given up. Embedded in it. */
struct op_wait {
	/* The operation waits no longer: it must not be resumed because of this. The runner goes on
	 * with it in its own way. */
	void (*give_up)(struct op_wait *wait);
};

/* Where an operation came in, for the log. */
struct op_origin {
	enum op_door { OP_DOOR_NONE, OP_DOOR_HUB, OP_DOOR_REST, OP_DOOR_CONTROL } door;
	union {
		struct uuid connection; /* HUB: as conn_id_format() shows it */
		uint64_t request; /* REST: http_exchange.id */
		uint64_t call; /* CONTROL: its number since the start */
	};
};

struct op {
	const struct op_def *def;
	struct services *sv;
	struct arena *arena; /* owned */
	void *params; /* bound by the door, in the arena */
	void *state; /* in the arena */
	struct op_caller *caller; /* NULL once it has gone */
	struct principal *principal; /* a reference; NULL for operators */
	void *connection; /* struct conn of a hub call, NULL for others and once it has gone */
	void *door; /* the door's own note, untouched */
	struct op_origin origin; /* set by the door before op_start() */
	struct value result;
	const char *message; /* of a failure; on the arena or constant */
	const char *exception; /* of op_fail_said(), else NULL */
	uint64_t retry_us; /* of ERR_RATE_LIMITED: it may be tried again after so long */
	uint64_t expect_version; /* in: the caller changes what he saw in this version; 0: any */
	uint64_t version; /* out: of what the result shows; 0: it has none */
	bool created; /* out: something new is there now, and the result shows it */
	struct list uploads; /* chatd/op/upload.h: released with it */
	bool cancelled; /* out: the caller has withdrawn it */
	/* The runner's own. */
	struct list_node in_caller, in_list;
	struct op_wait *wait; /* OP_WAITING: what for, NULL where it cannot be given up */
	size_t step;
	int resume_err;
	enum op_phase {
		OP_RUNNING, /* a step is being run, or the next one is about to be */
		OP_WAITING, /* an answer is outstanding: op_resume() will come */
		OP_ENDED, /* answered or dropped; being released */
	} phase;
	bool committed; /* the OP_COMMIT step was started */
	bool abandoned; /* its caller has gone or has withdrawn it */
	bool resumed; /* op_resume() came inside the step that then answers OP_WAIT */
	bool told; /* its trouble stands in the log already */
	struct op_time time;
};

/* All operations of a worker that have not ended. */
struct op_list;
struct op_list *op_list_create(void);
void op_list_destroy(struct op_list **list);
/* But for those that are endless. */
size_t op_list_count(const struct op_list *list);
/* Times of all operations that ended on this worker. */
const struct op_stats *op_list_stats(const struct op_list *list);

void op_caller_init(struct op_caller *caller, const struct op_caller_events *events);
/* The caller goes: its operations that have not committed end as soon as nothing is outstanding,
 * the others run on without it. */
void op_caller_gone(struct op_caller *caller);

/* The caller withdraws one of its operations: as if it had gone, but it is told of the end by done,
 * with op->cancelled set; what is emitted until then is dropped. One that has committed runs on. It
 * may end inside. Again, or for one that has ended in this turn: nothing happens. */
void op_cancel(struct op *op);

/* Makes an operation with an arena of its own or, where arena is not NULL, on that one (ownership
 * passes). params and state are zeroed. */
struct op *op_create(struct services *sv, const struct op_def *def, struct arena *arena);
/* Releases an operation that was never started. */
void op_discard(struct op **op);
/* Takes a reference to principal (may be NULL), and runs. The operation belongs to the runner from
 * here on. */
void op_start(
	struct op *op, struct op_caller *caller, struct principal *principal, void *connection);

/* A step that answers OP_AGAIN: the end of a table that goes page by page. */
int op_step_again(struct op *op);
/* What a step waited for has come. err is for the next step to look at (op_error); it does not end
 * the operation by itself. Exactly once per OP_WAIT, on the operation's worker. */
void op_resume(struct op *op, int err);
/* What op_resume() brought. */
int op_error(const struct op *op);
/* Sets the message of a failure and gives err back: return op_fail(op, ERR_BAD_ROOM, "..."). */
int op_fail(struct op *op, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The failure is not of our own making: text is what somebody outside said (the producer of a
 * stream, a client that was asked), and exception is what ASP.NET Core would call it. The hub door
 * passes the text on as it is: that of a "HubException" to everyone, others with detailed errors
 * only. exception: constant. Gives err back. */
int op_fail_said(struct op *op, int err, const char *exception, const char *text);
/* The same for ERR_RATE_LIMITED: what there is too much of ("too many calls"), and when it may be
 * tried again; doors with a place for it tell op->retry_us apart. */
int op_fail_limited(struct op *op, const char *what, uint64_t retry_us);
/* "conn:...", "req:..." or "ctl:...", on the operation's arena; "-" where no door said. */
const char *op_origin_text(const struct op *op);
/* One line at LOG_ERROR about what a part below answered; why may be NULL. At most one a second
 * for each worker: the next one says how many more there were. */
void op_log_trouble(struct op *op, int err, const char *why);
/* Hands one item to the caller, if it is still there. */
void op_emit(struct op *op, const struct value *item);
/* Asked after emitting: true means that the step must answer OP_WAIT. */
bool op_congested(struct op *op);

/* For what steps wait on. The step is about to answer OP_WAIT. */
void op_wait_on(struct op *op, struct op_wait *wait);
/* Whether a step waits for this now. */
bool op_waits_on(const struct op *op, const struct op_wait *wait);

#endif
