#include "chatd/rest/rows.h"

static const struct rest_route node[] = {
	{
		.method = HTTP1_GET,
		.path = "/health",
		.op = &op_health,
		.flags = REST_MOMENT | REST_TOKEN_OPTIONAL,
		.schema = "Health",
		.success = "How it is; who has the admin role is told of the parts.",
		.tag = "Node",
		.doc = "Whether the node can do its work",
	},
	{
		.method = HTTP1_GET,
		.path = "/health/live",
		.op = &op_health_live,
		.flags = REST_MOMENT,
		.schema = "Health",
		.success = "The process answers.",
		.tag = "Node",
		.doc = "Whether the process answers",
	},
	{
		.method = HTTP1_GET,
		.path = "/health/ready",
		.op = &op_health_ready,
		.flags = REST_MOMENT,
		.schema = "Health",
		.success = "It takes clients.",
		.tag = "Node",
		.doc = "Whether the node takes clients",
	},
	{
		.method = HTTP1_GET,
		.path = "/api/v1/openapi.json",
		.success = "This document.",
		.tag = "Node",
		.doc = "The description of this interface",
	},
};

const struct rest_table rest_node_table = REST_ALL(node);
