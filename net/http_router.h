/*
 * Routing: which handler answers which request.
 *
 *     rc = gyre_http_router_new(&router);
 *     GYRE_HTTP_ROUTE(router, "GET", "/", index);
 *     GYRE_HTTP_ROUTE(router, "GET", "/users/:id", user, .app = app);
 *     GYRE_HTTP_ROUTE(router, NULL, "/files/:path*", files);
 *     GYRE_START_HTTP_SERVER(&server, options, gyre_http_route, .router = router);
 *
 * A pattern begins with "/". A segment ":name" stands for one segment that is not empty, ":name*"
 * at the end for all the rest, which may be empty; what they stood for:
 * gyre_http_exchange_param(). All else is compared byte by byte with the decoded path. Patterns
 * without such parts win over those with; of these the one that was added first wins.
 *
 * HEAD requests go to the handler of GET where there is none of their own. A path that is known
 * with other methods only gets 405 with Allow; OPTIONS is answered the same way with 204; what no
 * pattern fits gets 404.
 */
#ifndef GYRE_NET_HTTP_ROUTER_H
#define GYRE_NET_HTTP_ROUTER_H

#include "http_server.h"

GYRE_BEGIN_DECLS

typedef struct gyre_http_router gyre_http_router;

/* *out_router: new, ended with gyre_http_router_free(). -ENOMEM. */
GYRE_API GYRE_MUST_USE int64_t gyre_http_router_new(gyre_http_router **out_router);

/* Frees it (moved); not while requests are being routed with it. NULL is allowed. */
GYRE_API void gyre_http_router_free(gyre_http_router *router);

GYRE_API int64_t gyre__http_route_add(gyre_http_router *router, const char *method,
                                      const char *pattern, const gyre_coro *coro, const void *args);

#ifndef __cplusplus

/*
 * Adds a route: GYRE_HTTP_ROUTE(router, method, pattern, handler, .argument = value, ...).
 * method: "GET" and so on, NULL: every one. Everything is copied. Gives 0. Errors: -EINVAL for a
 * pattern that is none; -EEXIST for one that is there with the same method; -E2BIG for more than
 * 8 named parts; -ENOMEM.
 */
#define GYRE_HTTP_ROUTE(router_, method_, pattern_, ...)                                           \
    GYRE__HTTP_ROUTE(router_, method_, pattern_, __VA_ARGS__, )
#define GYRE__HTTP_ROUTE(router_, method_, pattern_, name_, ...)                                   \
    gyre__http_route_add((router_), (method_), (pattern_),                                         \
                         &name_##_coro + GYRE__HTTP_HANDLER_CHECK(name_),                          \
                         (&(struct name_){.frame = {.coro = &name_##_coro}, __VA_ARGS__}))

/* The handler that hands on to a router's. `router`: borrowed while the server lives. */
struct gyre_http_route {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    gyre_http_router *router;
};
extern GYRE_API const gyre_coro gyre_http_route_coro;

#endif

/*
 * The same as an awaitable, for handlers that do something before or after: gives the handler's
 * result.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_http_router_dispatch(gyre_http_exchange *exchange,
                                                            gyre_http_router *router);

GYRE_END_DECLS

#endif
