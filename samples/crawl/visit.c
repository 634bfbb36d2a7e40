/* A visit: a page is asked for and read, and searched for links if it is HTML. */
#include "visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "links.h"

enum { PIECE = 16 << 10 };

/* One try. */
struct attempt {
    gyre_frame frame;
    struct crawl *crawl;
    struct page *page;
    gyre_http_response *response;
    char *body; /* of HTML the whole, of anything else the last piece */
    size_t size, room;
    bool html;
    int64_t n;
};

static void fail(struct page *page, const char *problem)
{
    page->outcome = PAGE_FAILED;
    snprintf(page->problem, sizeof(page->problem), "%s", problem);
}

/* What went wrong when asking or reading. Gives 0, or the error if it is the crawl's. */
static int64_t note_error(struct page *page, int64_t error)
{
    const char *text = gyre_error_text(gyre_error_current());

    if (error == GYRE_ECANCELLED || error == -ENOMEM)
        return error;
    fail(page, error == GYRE_ETIMEOUT || !*text ? gyre_strerror(error) : text);
    return 0;
}

/* ---- links ---- */

struct search {
    struct crawl *crawl;
    const struct page *page;
    gyre_url base;
    bool own_base; /* the page has named another than its URL; only the first counts */
    int64_t rc;
};

static void take_link(void *arg, enum link_kind kind, const char *text, size_t size)
{
    struct search *search = arg;
    char clean[LONGEST_URL];
    gyre_url base;

    if (kind == LINK_PAGE && search->rc >= 0)
        search->rc = crawl_add(search->crawl, search->page, &search->base, text, size, false);
    if (search->rc == GYRE_EURL) { /* people write all kinds of things there */
        search->crawl->left_out.bad++;
        search->rc = 0;
    }
    if (kind == LINK_PAGE)
        return;
    size = links_encode(clean, sizeof(clean), text, size);
    if (search->own_base || size == 0 ||
        gyre_url_resolve(&base, &search->base, clean, size, NULL) < 0)
        return;
    gyre_url_fini(&search->base);
    search->base = base;
    search->own_base = true;
}

/* Adds what the page links to, or redirects to (`location`, NULL: it does not). */
static int64_t add_links(struct attempt *self, const char *location)
{
    struct search search = {.crawl = self->crawl, .page = self->page};
    const char *url = self->page->url;

    search.rc = gyre_url_parse(&search.base, url, strlen(url), NULL);
    if (search.rc < 0)
        return search.rc;
    if (location)
        search.rc =
            crawl_add(self->crawl, self->page, &search.base, location, strlen(location), true);
    else
        links_find(self->body, self->size, take_link, &search);
    gyre_url_fini(&search.base);
    return search.rc;
}

/* ---- the page ---- */

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool is_html(const gyre_http_response *response)
{
    const char *type = gyre_http_response_header(response, "content-type");

    return type && (strncasecmp(type, "text/html", 9) == 0 ||
                    strncasecmp(type, "application/xhtml+xml", 21) == 0);
}

/* Room for another piece. Text that is not to be searched is overwritten by the next. */
static bool make_room(struct attempt *self)
{
    char *more;

    if (!self->html)
        self->size = 0;
    if (self->room - self->size >= PIECE)
        return true;
    more = realloc(self->body, self->room * 2 + PIECE);
    if (!more)
        return false;
    self->body = more;
    self->room = self->room * 2 + PIECE;
    return true;
}

/* What the status says: that the page is elsewhere, or that it cannot be had. */
static int64_t settle_status(struct attempt *self)
{
    struct page *page = self->page;
    const char *location = gyre_http_response_header(self->response, "location");
    int64_t rc;

    if (is_redirect(page->status) && location) {
        if (page->redirects >= self->crawl->options->redirects) {
            fail(page, "too many redirects");
            return 0;
        }
        page->outcome = PAGE_REDIRECTED;
        rc = add_links(self, location);
        if (rc == GYRE_EURL)
            fail(page, "redirects to what is no URL");
        return rc == GYRE_EURL ? 0 : rc;
    }
    if (page->status < 200 || page->status > 299)
        fail(page, gyre_http_reason(page->status));
    return 0;
}

GYRE_CORO(attempt)
{
    GYRE_BEGIN;
    GYRE_TRY(
        gyre_http_send(self->crawl->client,
                       &(gyre_http_request){.url = self->page->url,
                                            .timeouts.total_ns = self->crawl->options->timeout_ns,
                                            .no_redirects = true},
                       &self->response));
    self->page->status = gyre_http_response_status(self->response);
    self->html = self->page->status < 300 && is_html(self->response);
    do {
        if (!make_room(self))
            GYRE_RETURN(-ENOMEM);
        GYRE_TRY(self->n, gyre_http_response_read(self->response, self->body + self->size, PIECE));
        self->size += (size_t)self->n;
        self->page->bytes += (uint64_t)self->n;
        if (self->page->bytes > LARGEST_PAGE) {
            fail(self->page, "larger than 8 MiB");
            GYRE_RETURN(0);
        }
    } while (self->n > 0);
    self->page->outcome = PAGE_FETCHED;
    GYRE_TRY(gyre_sleep(0)); /* a page with many links shall not hold up the others */
    self->n = settle_status(self);
    if (self->n >= 0 && self->html && self->page->outcome == PAGE_FETCHED)
        self->n = add_links(self, NULL);
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    free(self->body);
    gyre_http_response_free(self->response);
    GYRE_END;
}

/* Whether it may work the next time: the connection broke, and nobody has refused. */
static bool is_worth_it(int64_t error)
{
    return error != GYRE_ECANCELLED && error != -ENOMEM && error != GYRE_ETIMEOUT &&
           error != GYRE_ETLSVERIFY && error != GYRE_ETLSHOST && error != GYRE_EDNSNAME;
}

GYRE_CORO_PUBLIC(visit)
{
    GYRE_BEGIN;
    GYRE_TRY(self->n, GYRE_CALL(may_visit, .crawl = self->crawl, .url = self->page->url));
    if (self->n == 0) {
        self->page->outcome = PAGE_FORBIDDEN;
        GYRE_RETURN(0);
    }
    for (;;) {
        self->page->bytes = 0;
        self->page->status = 0;
        self->started_ns = gyre_loop_time(gyre_loop_current());
        GYRE_AWAIT(self->n, GYRE_CALL(attempt, .crawl = self->crawl, .page = self->page));
        self->page->took_ns = (int64_t)(gyre_loop_time(gyre_loop_current()) - self->started_ns);
        self->crawl->waited_ns += self->page->took_ns;
        if (self->n >= 0 || !is_worth_it(self->n) || ++self->tries >= self->crawl->options->tries)
            break;
        GYRE_TRY(gyre_sleep(GYRE_MS(100)));
    }
    GYRE_RETURN(self->n < 0 ? note_error(self->page, self->n) : 0);
    GYRE_END;
}
