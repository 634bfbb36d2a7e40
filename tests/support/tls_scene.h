/*
 * Scenes for tests of TLS: who shows which certificate to whom, and the exact verdict of both
 * sides.
 *
 * A scene is played with TLS 1.3 and TLS 1.2, with whole messages and byte by byte; the verdict
 * must be the same each time.
 */
#ifndef GYRE_TESTS_SUPPORT_TLS_SCENE_H
#define GYRE_TESTS_SUPPORT_TLS_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../loop/error.h"
#include "../../net/tls.h"
#include "ca.h"

/* Who signs a certificate. */
typedef enum scene_signer { BY_ROOT, BY_MIDDLE, BY_STRANGER, BY_ITSELF } scene_signer;

typedef enum scene_crl {
    CRL_NONE,
    CRL_EMPTY,       /* nobody is revoked */
    CRL_LEAF,        /* the server's certificate, or the client's if it has one, is */
    CRL_STALE,       /* a newer one should have come */
    CRL_OF_STRANGER, /* nothing is said of our authority */
    CRL_MIDDLE       /* the intermediate authority is revoked, what it signed is not */
} scene_crl;

typedef enum scene_ocsp {
    OCSP_NONE,
    OCSP_GOOD,
    OCSP_REVOKED,
    OCSP_UNKNOWN,
    OCSP_STALE,
    OCSP_FORGED,  /* signed by the stranger */
    OCSP_OF_OTHER /* of another certificate */
} scene_ocsp;

typedef struct scene {
    const char *what; /* the name of the test */

    /* ---- certificates; issuers are filled in ---- */
    ca_options leaf;        /* the server's */
    ca_options middle;      /* an intermediate authority; its common_name NULL: there is none */
    ca_options root;        /* common_name NULL: a good one */
    scene_signer by;        /* who signed the leaf */
    bool hide_middle;       /* the server does not send it */
    bool trust_middle;      /* the client trusts that one only, not the root */
    bool trust_leaf;        /* the client trusts the leaf itself, too */
    ca_options client_leaf; /* the client's; nothing in it: it has none */
    bool client_shows;      /* the client has one */
    scene_signer client_by;
    scene_crl crl;   /* given to the client; if it shows a certificate, to the server */
    scene_ocsp ocsp; /* stapled by the server */

    /* ---- options besides certificates and trust ---- */
    gyre_tls_options client, server;
    const char *host;            /* NULL: "www.example" */
    bool cut_client, cut_server; /* ends without close_notify */
    bool one_version;            /* versions are the scene's business */

    /* ---- the verdicts ---- */
    int64_t client_code; /* 0: heard what the other one said, and its end */
    const char *client_text;
    int64_t server_code;
    const char *server_text;
} scene;

/* Fails the running cmocka test unless the scene ends as it should. */
void scene_play(const scene *play);

/* Runs each scene as a test of its own, then the others; gives the exit status. */
struct CMUnitTest;
int scene_run_all(const char *group, const scene *scenes, size_t n, const struct CMUnitTest *tests,
                  size_t test_count);

#endif
