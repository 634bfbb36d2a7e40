/* A small web site with all that crawlers meet, for --demo. */
#ifndef CRAWL_DEMO_SITE_H
#define CRAWL_DEMO_SITE_H

#include <gyre/gyre.h>

/* Starts it on the running loop, on a free port of 127.0.0.1. *out_server: new. 0 or an error. */
int64_t demo_site_start(gyre_http_server **out_server);

#endif
