#include "chatd/conn/renew.h"

#include <stdio.h>

#include "chatd/auth/bars.h"
#include "chatd/conn/conn.h"
#include "lib/base/err.h"

int conn_renew(struct conn *conn, struct principal *renewed, char *why)
{
	if (!uuid_eq(&renewed->user_id, &conn->principal->user_id)) {
		snprintf(why, BARS_WHY_SIZE, "the token is another user's");
		return ERR_FORBIDDEN;
	}
	int err = bars_check(conn->sv->bars, renewed, why);
	if (err == 0) {
		conn_set_principal(conn, renewed);
	}
	return err;
}
