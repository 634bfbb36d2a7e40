/*
 * A small web site: five pages of the sizes that a well-known tutorial fetched, slow in different
 * measure, and what else crawlers meet: loops, redirects, dead links, an endless row of pages.
 */
#include "demo_site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct demo_page {
    const char *path;
    unsigned delay_ms;
    unsigned status;
    size_t size; /* filled up to it; 0: as it is */
    const char *text;
} site[] = {
    {"/", 50, 200, 0,
     "<!doctype html><title>Start</title><a href=tiny>tiny</a> <a href='small'>small</a>\n"
     "<a href=\"/medium\">medium</a> <a href=large#end>large</a> <a href='./slow'>slow</a>\n"
     "<a href=moved>moved</a> <a href=/dead>dead</a> <a href=/private/diary>private</a>\n"
     "<a href='http://elsewhere.example/'>elsewhere</a> <a href='mailto:a@b.example'>mail</a>\n"
     "<a href=/loop>loop</a> <a href=/endless/1>endless</a> <!-- <a href=/hidden>hidden</a> -->\n"},
    {"/robots.txt", 0, 200, 0, "User-agent: *\nDisallow: /private/\n"},
    {"/tiny", 150, 200, 227, "<a href=/>back</a>\n"},
    {"/small", 300, 200, 11759, "<a href='/tiny?again&amp;again'>tiny</a>\n"},
    {"/medium", 450, 200, 40740, "<base href='/sub/'><a href=one>one</a> <a href=two>two</a>\n"},
    {"/large", 600, 200, 150227, "<script>'<a href=/hidden>'</script><a href='/sub/one'>one</a>\n"},
    {"/slow", 900, 200, 59391, "<a href=/broken>broken</a>\n"},
    {"/sub/one", 100, 200, 500, "<a href='../tiny'>tiny</a> <a href=two>two</a>\n"},
    {"/sub/two", 100, 200, 500, "<a href='one'>one</a>\n"},
    {"/moved", 20, 301, 0, "/small"},
    {"/loop", 20, 302, 0, "/loop/"},
    {"/loop/", 20, 302, 0, "/loop"},
    {"/broken", 100, 500, 0, "broken\n"},
};

struct answer {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    const struct demo_page *page;
    char *body;
    unsigned number;
};

static const struct demo_page *find_page(const char *path)
{
    for (size_t i = 0; i < sizeof(site) / sizeof(site[0]); i++) {
        if (strcmp(site[i].path, path) == 0)
            return &site[i];
    }
    return NULL;
}

/* The text of a page, filled up with blanks to its size. */
static char *fill(const struct demo_page *page)
{
    size_t length = strlen(page->text), size = page->size > length ? page->size : length;
    char *body = malloc(size + 1);

    if (body) {
        memset(body, ' ', size);
        memcpy(body, page->text, length);
        body[size] = '\0';
    }
    return body;
}

GYRE_CORO(answer)
{
    GYRE_BEGIN;
    self->page = find_page(gyre_http_exchange_path(self->exchange));
    if (sscanf(gyre_http_exchange_path(self->exchange), "/endless/%u", &self->number) == 1) {
        GYRE_TRY(gyre_sleep(GYRE_MS(50)));
        GYRE_TRY(gyre_http_respondf(self->exchange, 200, "text/html",
                                    "<a href=/endless/%u>more</a>\n", self->number + 1));
        GYRE_RETURN(0);
    }
    if (!self->page)
        GYRE_RETURN(404);
    GYRE_TRY(gyre_sleep(GYRE_MS((int64_t)self->page->delay_ms)));
    if (self->page->status == 301 || self->page->status == 302) {
        GYRE_TRY(gyre_http_redirect(self->exchange, self->page->status, self->page->text));
        GYRE_RETURN(0);
    }
    self->body = fill(self->page);
    if (!self->body)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_http_respond(self->exchange, self->page->status, "text/html", self->body,
                               strlen(self->body)));
    GYRE_FINALLY;
    free(self->body);
    GYRE_END;
}

int64_t demo_site_start(gyre_http_server **out_server)
{
    return GYRE_START_HTTP_SERVER(out_server,
                                  ((gyre_http_server_options){.listen.host = "127.0.0.1"}), answer);
}
