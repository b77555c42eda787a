#include "chatd/rest/routes.h"

#include "chatd/ops/ops.h"

static const struct rest_route routes[] = {
	{HTTP1_GET, "/health", &op_health, "Whether the node can do its work."},
	{HTTP1_GET, "/health/live", &op_health_live, "Whether the process answers."},
	{HTTP1_GET, "/health/ready", &op_health_ready, "Whether the node takes clients."},
};

const struct rest_route *rest_route_find(
	enum http1_method method, struct bytes path, const char **ret_allow)
{
	*ret_allow = NULL;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct rest_route *route = &routes[i];
		if (!bytes_eq(bytes_str(route->path), path)) {
			continue;
		}
		bool head = method == HTTP1_HEAD && route->method == HTTP1_GET;
		if (head || route->method == method) {
			return route;
		}
		*ret_allow = "GET, HEAD";
	}
	return NULL;
}
