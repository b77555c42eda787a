/* Frames of the control socket (PRODUCT.md section 10): 4 bytes of length, big-endian, and that
 * many bytes of JSON. A request is {v, id, command, args}; it is answered by any number of {v, id,
 * item} and then exactly one {v, id, end: true, exit, error}. */
#ifndef LIB_CTL_FRAMES_H
#define LIB_CTL_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/value/value.h"

#define CTL_VERSION 1
#define CTL_FRAME_HEAD 4
#define CTL_FRAME_MAX (1024 * 1024) /* bytes of JSON in one frame */

/* Cuts the next whole frame off *input (advancing it); *ret_json views the input. ERR_AGAIN where
 * it is not whole yet (*input is left alone); ERR_TOO_LARGE as soon as a head claims more than
 * CTL_FRAME_MAX; ERR_BAD_REQUEST where it claims nothing. */
int ctl_frame_next(struct bytes *input, struct bytes *ret_json);

struct ctl_request {
	int64_t id; /* chosen by the caller, 0 or more, repeated in each answer */
	struct bytes command; /* "room create" */
	struct value args; /* VALUE_OBJECT */
};

/* ERR_BAD_REQUEST: malformed; ERR_MISMATCH: another version (ret_request->id is set if it had one);
 * *ret_why is a sentence on the arena. Missing args are an empty object. */
int ctl_request_read(struct arena *arena, struct bytes json, struct ctl_request *ret_request,
	const char **ret_why);
/* Appends a whole frame. ERR_TOO_LARGE: it would be over CTL_FRAME_MAX, nothing is appended. */
int ctl_request_write(struct buf *out, const struct ctl_request *request);

enum ctl_answer_kind { CTL_ITEM, CTL_END };
struct ctl_answer {
	enum ctl_answer_kind kind;
	int64_t id; /* -1: the answer named none */
	struct value item; /* CTL_ITEM */
	/* CTL_END */
	int exit; /* 0 to 8: what chatctl exits with */
	bool has_error;
	struct bytes code, message, hint; /* hint: len 0 for none */
};

/* ERR_BAD_REQUEST, ERR_MISMATCH as above. */
int ctl_answer_read(struct arena *arena, struct bytes json, struct ctl_answer *ret_answer,
	const char **ret_why);
/* Appends the frame of one item. ERR_TOO_LARGE: it would be over CTL_FRAME_MAX, nothing is
 * appended. */
int ctl_item_write(struct buf *out, int64_t id, const struct value *item);
/* Appends the last frame of an answer. id -1: the request was not understood, or there is none. err
 * 0: done. Else the code and the exit code are those of lib/base/err.h; message NULL:
 * err_text(err); hint may be NULL. Texts must be valid UTF-8; over-long ones are cut. */
void ctl_end_write(struct buf *out, int64_t id, int err, const char *message, const char *hint);

#endif
