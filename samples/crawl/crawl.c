/* The crawl: which links to follow, the queue, and the workers. */
#include "crawl.h"

#include <errno.h>
#include <string.h>

#include "links.h"
#include "report.h"
#include "visit.h"

/* ---- which links to follow ---- */

/* May be visited at all? What the user names, and where that redirects to, always. */
static int64_t may_follow(struct crawl *crawl, const gyre_url *url, unsigned depth)
{
    char host[LONGEST_URL];

    if (crawl->options->any_host || sites_has(&crawl->sites, url))
        return true;
    if (depth > 0) {
        crawl->left_out.elsewhere++;
        return false;
    }
    gyre_url_print_authority(url, host, sizeof(host));
    return sites_allow(&crawl->sites, host) < 0 ? -ENOMEM : true;
}

/* The URL has passed: a new page, unless there are too many. */
static int64_t add_page(struct crawl *crawl, const char *url, const struct page *from,
                        unsigned depth, bool redirected)
{
    struct page *page;

    if (crawl->pages.count >= crawl->options->pages) {
        crawl->left_out.too_many++;
        return 0;
    }
    page = pages_add(&crawl->pages, url);
    if (!page)
        return -ENOMEM;
    page->from = from;
    page->depth = depth;
    page->redirects = redirected ? from->redirects + 1 : 0;
    return gyre_queue_put_nowait(&crawl->waiting, page);
}

static int64_t consider(struct crawl *crawl, const struct page *from, const gyre_url *url,
                        bool redirected)
{
    unsigned depth = from ? from->depth + !redirected : 0;
    char text[LONGEST_URL];
    struct page *known;
    int64_t rc;

    if (strcmp(url->scheme, "http") != 0 && strcmp(url->scheme, "https") != 0) {
        crawl->left_out.no_page++;
        return 0;
    }
    if (!url->host || gyre_url_print_bare(url, text, sizeof(text)) >= (int64_t)sizeof(text))
        return GYRE_EURL;
    known = pages_find(&crawl->pages, text);
    if (known) {
        if (known->outcome == PAGE_WAITING && depth < known->depth)
            known->depth = depth; /* found by a shorter way */
        return 0;
    }
    rc = may_follow(crawl, url, depth);
    if (rc <= 0)
        return rc;
    if (depth > crawl->options->depth) {
        crawl->left_out.too_deep++;
        return 0;
    }
    return add_page(crawl, text, from, depth, redirected);
}

int64_t crawl_add(struct crawl *crawl, const struct page *from, const gyre_url *base,
                  const char *text, size_t size, bool redirected)
{
    char clean[LONGEST_URL];
    gyre_url url;
    int64_t rc;

    if (size == 0 || *text == '#')
        return 0; /* the page itself */
    size = links_encode(clean, sizeof(clean), text, size);
    if (size == 0)
        return GYRE_EURL;
    rc = base ? gyre_url_resolve(&url, base, clean, size, NULL)
              : gyre_url_parse(&url, clean, size, NULL);
    if (rc < 0)
        return rc;
    rc = consider(crawl, from, &url, redirected);
    gyre_url_fini(&url);
    return rc;
}

/* ---- workers ---- */

struct worker {
    gyre_frame frame;
    struct crawl *crawl;
    void *taken; /* struct page * */
    int64_t n;
};
GYRE_CORO(worker)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_AWAIT(self->n, gyre_queue_get(&self->crawl->waiting, &self->taken));
        if (self->n < 0)
            GYRE_RETURN(self->n == GYRE_EQSHUTDOWN ? 0 : self->n);
        self->crawl->running++;
        if (self->crawl->running > self->crawl->most_running)
            self->crawl->most_running = self->crawl->running;
        GYRE_AWAIT(self->n, GYRE_CALL(visit, .crawl = self->crawl, .page = self->taken));
        self->crawl->running--;
        if (self->n < 0)
            GYRE_RETURN(self->n);
        if (!self->crawl->options->quiet)
            report_page(self->taken);
        gyre_queue_task_done(&self->crawl->waiting); /* what it links to is in the queue by now */
    }
    GYRE_END;
}

/* Gives 0 or an error. */
static int64_t prepare(struct crawl_all *self)
{
    struct crawl *crawl = self->crawl;
    const struct options *options = crawl->options;
    int64_t rc = gyre_http_client_new(gyre_loop_current(),
                                      &(gyre_http_client_options){
                                          .limit = options->workers,
                                          .tls = crawl->tls,
                                          .user_agent = AGENT "/" GYRE_VERSION_STRING,
                                      },
                                      &crawl->client);

    crawl->started_ns = gyre_loop_time(gyre_loop_current());
    if (rc >= 0)
        rc = gyre_queue_init(&crawl->waiting, NULL);
    self->queue_made = rc >= 0;
    for (size_t i = 0; rc >= 0 && i < options->host_count; i++)
        rc = sites_allow(&crawl->sites, options->hosts[i]);
    for (size_t i = 0; rc >= 0 && i < options->url_count; i++)
        rc = crawl_add(crawl, NULL, NULL, options->urls[i], strlen(options->urls[i]), false);
    return rc;
}

GYRE_CORO_PUBLIC(crawl_all)
{
    GYRE_BEGIN;
    self->n = prepare(self);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    gyre_group_enter(&self->group);
    for (unsigned i = 0; i < self->crawl->options->workers; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, worker, .crawl = self->crawl);
    GYRE_AWAIT(self->n, gyre_queue_join(&self->crawl->waiting));
    gyre_queue_shutdown(&self->crawl->waiting, self->n < 0); /* workers that wait for pages end */
    GYRE_AWAIT(self->n, gyre_group_exit(&self->group, self->n));
    self->crawl->took_ns = (int64_t)(gyre_loop_time(gyre_loop_current()) - self->crawl->started_ns);
    self->crawl->interrupted = self->n < 0;
    if (self->n == GYRE_EGROUP)
        self->n = gyre_error_at(gyre_error_current(), 0).code;
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_http_client_close(self->crawl->client));
    if (self->queue_made)
        gyre_queue_fini(&self->crawl->waiting);
    GYRE_END;
}
