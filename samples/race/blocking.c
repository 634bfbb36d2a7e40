/* A blocking HTTPS client, as short as it can be: it knows the one server it talks to. */
#include "blocking.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "content.h"

enum { LARGEST_HEAD = 4096 };

static bool complain_of_tls(const struct race *race, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    return board_complain(race->board, "%s: %s", what, reason ? reason : "the connection ended");
}

SSL_CTX *blocking_trust(const struct race *race)
{
    SSL_CTX *trust = SSL_CTX_new(TLS_client_method());
    BIO *bio = BIO_new_mem_buf(race->root, -1);
    X509 *root = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    if (!trust || !root || X509_STORE_add_cert(SSL_CTX_get_cert_store(trust), root) != 1) {
        complain_of_tls(race, "the certificate of the authority");
        SSL_CTX_free(trust);
        trust = NULL;
    }
    X509_free(root);
    BIO_free(bio);
    if (trust)
        SSL_CTX_set_verify(trust, SSL_VERIFY_PEER, NULL);
    return trust;
}

static bool connect_socket(struct blocking *blocking)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)blocking->race->board->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;

    blocking->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return blocking->fd >= 0 &&
           connect(blocking->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           setsockopt(blocking->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0;
}

bool blocking_open(struct blocking *blocking, const struct race *race, SSL_CTX *trust)
{
    *blocking = (struct blocking){.race = race, .fd = -1, .ssl = SSL_new(trust)};
    blocking->buffer = malloc(LARGEST_HEAD + LARGEST_FILE); /* pages are used when written to */
    if (!blocking->ssl || !blocking->buffer)
        return board_complain(race->board, "%s", strerror(ENOMEM));
    if (!connect_socket(blocking))
        return board_complain(race->board, "cannot connect: %s", strerror(errno));
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(blocking->ssl), "127.0.0.1") != 1 ||
        SSL_set_fd(blocking->ssl, blocking->fd) != 1 || SSL_connect(blocking->ssl) != 1)
        return complain_of_tls(race, "TLS handshake");
    return true;
}

/* Reads until the head is there; gives its size with the empty line, and in *used what has come. */
static size_t read_head(struct blocking *blocking, size_t *used)
{
    char *end = NULL;
    int n;

    for (*used = 0; !end && *used < LARGEST_HEAD - 1; *used += (size_t)n) {
        n = SSL_read(blocking->ssl, blocking->buffer + *used, (int)(LARGEST_HEAD - 1 - *used));
        if (n <= 0)
            return 0;
        blocking->buffer[*used + (size_t)n] = '\0';
        end = strstr(blocking->buffer, "\r\n\r\n");
    }
    return end ? (size_t)(end - blocking->buffer) + 4 : 0;
}

bool blocking_get(struct blocking *blocking, struct file file)
{
    const struct race *race = blocking->race;
    size_t head, used;
    const char *length;
    char *buffer = blocking->buffer;
    int n = snprintf(buffer, LARGEST_HEAD, "GET /%u/%u/%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
                     file.size, file.delay_ms, file.number, race->board->port);

    if (SSL_write(blocking->ssl, buffer, n) != n)
        return complain_of_tls(race, "sending a request");
    head = read_head(blocking, &used);
    if (head == 0)
        return complain_of_tls(race, "reading an answer");
    length = strcasestr(buffer, "\r\nContent-Length:");
    if (strncmp(buffer, "HTTP/1.1 200 ", 13) != 0 || !length || length > buffer + head ||
        strtoul(length + 17, NULL, 10) != file.size)
        return board_complain(race->board, "file %u: %.12s", file.number, buffer);
    for (; used < head + file.size; used += (size_t)n) {
        n = SSL_read(blocking->ssl, buffer + used, (int)(head + file.size - used));
        if (n <= 0)
            return complain_of_tls(race, "reading a file");
    }
    if (!content_is(file, buffer + head, used - head))
        return board_complain(race->board, "file %u: not the bytes it should have", file.number);
    atomic_fetch_add(&race->board->done, 1);
    return true;
}

void blocking_close(struct blocking *blocking)
{
    if (blocking->ssl && SSL_is_init_finished(blocking->ssl))
        SSL_shutdown(blocking->ssl);
    SSL_free(blocking->ssl);
    if (blocking->fd >= 0)
        close(blocking->fd);
    free(blocking->buffer);
}
