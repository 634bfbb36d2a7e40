/* Sites, and the one time that each is asked for its robots.txt. */
#include "sites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "crawl.h"

int64_t sites_allow(struct sites *sites, const char *host)
{
    char **more = realloc(sites->hosts, (sites->host_count + 1) * sizeof(*more)), *copy;

    if (!more)
        return -ENOMEM;
    sites->hosts = more;
    copy = strdup(host);
    if (!copy)
        return -ENOMEM;
    sites->hosts[sites->host_count++] = copy;
    return 0;
}

bool sites_has(const struct sites *sites, const gyre_url *url)
{
    char host[LONGEST_URL];

    gyre_url_print_authority(url, host, sizeof(host));
    for (size_t i = 0; i < sites->host_count; i++) {
        if (strcasecmp(sites->hosts[i], host) == 0)
            return true;
    }
    return false;
}

void sites_fini(struct sites *sites)
{
    struct site *next;

    for (struct site *site = sites->first; site; site = next) {
        next = site->next;
        robots_fini(&site->robots);
        free(site->origin);
        free(site);
    }
    for (size_t i = 0; i < sites->host_count; i++)
        free(sites->hosts[i]);
    free(sites->hosts);
    *sites = (struct sites){.first = NULL};
}

/* ---- robots.txt ---- */

/* Asks the site; whoever waits for it is woken whatever comes of it. */
struct ask_robots {
    gyre_frame frame;
    struct crawl *crawl;
    struct site *site;
    gyre_http_response *response;
    char url[LONGEST_URL], *text;
    size_t size;
    unsigned status;
    int64_t n;
};
GYRE_CORO(ask_robots)
{
    GYRE_BEGIN;
    snprintf(self->url, sizeof(self->url), "%s/robots.txt", self->site->origin);
    GYRE_AWAIT(self->n, gyre_http_send(self->crawl->client,
                                       &(gyre_http_request){.url = self->url,
                                                            .timeouts.total_ns =
                                                                self->crawl->options->timeout_ns,
                                                            .max_redirects = 5},
                                       &self->response));
    if (self->n < 0)
        GYRE_RETURN(self->n == GYRE_ECANCELLED ? self->n
                                               : 0); /* the page will tell what is wrong */
    self->status = gyre_http_response_status(self->response);
    self->site->forbidden = self->status >= 500;
    if (self->status >= 300)
        GYRE_RETURN(0);
    GYRE_AWAIT(self->n, gyre_http_response_read_all(self->response, LARGEST_ROBOTS, &self->text,
                                                    &self->size));
    if (self->n >= 0 && !robots_read(&self->site->robots, self->text, self->size, AGENT))
        GYRE_RETURN(-ENOMEM);
    GYRE_RETURN(self->n == GYRE_ECANCELLED ? self->n : 0);
    GYRE_FINALLY;
    gyre_event_set(&self->site->known);
    gyre_free(self->text);
    gyre_http_response_free(self->response);
    GYRE_END;
}

/* The site of the URL. *out_new: it was not known, and must be asked. NULL: no memory. */
static struct site *find_site(struct sites *sites, const gyre_url *url, bool *out_new)
{
    char host[LONGEST_URL], origin[LONGEST_URL + 16];
    struct site *site = sites->first;

    gyre_url_print_authority(url, host, sizeof(host));
    snprintf(origin, sizeof(origin), "%s://%s", url->scheme, host);
    while (site && strcmp(site->origin, origin) != 0)
        site = site->next;
    *out_new = !site;
    if (site)
        return site;
    site = calloc(1, sizeof(*site));
    if (!site)
        return NULL;
    site->origin = strdup(origin);
    if (!site->origin) {
        free(site);
        return NULL;
    }
    gyre_event_init(&site->known);
    site->next = sites->first;
    sites->first = site;
    return site;
}

/* Finds the site and the target. Gives 1 if the site must be asked, else 0, or -ENOMEM. */
static int64_t look_up(struct may_visit *self)
{
    gyre_url url;
    bool is_new = false;
    int64_t rc = gyre_url_parse(&url, self->url, strlen(self->url), NULL);

    if (rc < 0)
        return rc;
    gyre_url_print_target(&url, self->target, sizeof(self->target));
    self->site = find_site(&self->crawl->sites, &url, &is_new);
    gyre_url_fini(&url);
    return self->site ? is_new : -ENOMEM;
}

GYRE_CORO_PUBLIC(may_visit)
{
    GYRE_BEGIN;
    if (self->crawl->options->no_robots)
        GYRE_RETURN(1);
    self->n = look_up(self);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    if (self->n)
        GYRE_TRY(GYRE_CALL(ask_robots, .crawl = self->crawl, .site = self->site));
    else
        GYRE_TRY(gyre_event_wait(&self->site->known));
    GYRE_RETURN(!self->site->forbidden && robots_allow(&self->site->robots, self->target));
    GYRE_END;
}
