#include "chatd/rest/problem.h"

#include "chatd/net/http_conn.h"
#include "chatd/op/limits.h"
#include "lib/base/err.h"
#include "lib/value/json.h"

int problem_set(struct problem *problem, int err, const char *detail)
{
	*problem = (struct problem){.err = err, .detail = detail};
	return err;
}

int problem_set_at(struct problem *problem, const char *place, const char *name, const char *detail)
{
	*problem = (struct problem){
		.err = ERR_BAD_REQUEST,
		.detail = detail,
		.place = place,
		.name = name,
	};
	return ERR_BAD_REQUEST;
}

static void write_start(struct buf *out, int status, const char *code, const char *detail)
{
	buf_append_str(out, "{\"type\":\"about:blank\"");
	json_write_member_text(out, "title", bytes_str(http1_status_text(status)));
	json_write_member_int(out, "status", status);
	json_write_member_text(out, "code", bytes_str(code));
	json_write_member_text(out, "detail", bytes_str(detail));
}

static void write_parameter(struct buf *out, const struct problem *problem)
{
	buf_append_str(out, ",\"errors\":[{");
	json_write_member_text(out, "in", bytes_str(problem->place));
	json_write_member_text(out, "name", bytes_str(problem->name));
	json_write_member_text(out, "reason", bytes_str(problem->detail));
	buf_append_str(out, "}]");
}

void problem_write(struct buf *out, const struct problem *problem, uint64_t request)
{
	char id[HTTP_ID_SIZE];
	const char *detail = problem->detail != NULL ? problem->detail : err_text(problem->err);
	http_id_format(request, id);
	write_start(out, err_http_status(problem->err), err_code(problem->err), detail);
	buf_printf(out, ",\"instance\":\"req:%s\"", id);
	if (problem->place != NULL) {
		write_parameter(out, problem);
	}
	if (problem->retry_us != 0) {
		json_write_member_int(out, "retryAfter", limits_retry_s(problem->retry_us));
	}
	buf_append_char(out, '}');
}

static int error_of(int status)
{
	switch (status) {
	case 408:
		return ERR_TIMEOUT;
	case 413:
	case 414:
	case 431:
		return ERR_TOO_LARGE;
	case 417:
	case 501:
	case 505:
		return ERR_NOT_SUPPORTED;
	case 503:
		return ERR_UNAVAILABLE;
	default:
		return ERR_BAD_REQUEST;
	}
}

void problem_write_plain(struct buf *out, int status, const char *detail)
{
	write_start(out, status, err_code(error_of(status)), detail);
	buf_append_char(out, '}');
}
