/* What every back end looks at before it takes a request. */
#ifndef LIB_STORE_STORE_CHECK_H
#define LIB_STORE_STORE_CHECK_H

#include "lib/store/store.h"

/* 0, or ERR_BAD_REQUEST for what is outside the ranges of the request's header. Sets what is the
 * store's own in it. */
#define X(request) int store_check_##request(struct store_##request *req);
STORE_REQUESTS(X)
#undef X

#endif
