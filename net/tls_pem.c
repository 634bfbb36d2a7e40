/* PEM for TLS contexts, from files and from memory, one way for both. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "../loop/error_internal.h"
#include "tls_context_internal.h"

enum { MOST_BYTES = 16 << 20, FIRST_BYTES = 8192 };

/* Wipes what may have been a key. */
static void wipe(char *data, size_t size)
{
    if (data)
        OPENSSL_cleanse(data, size);
    gyre_free(data);
}

/* A block twice as large with the same start; the old one stays. NULL: no memory, or too large. */
static char *grow(char *data, size_t *size)
{
    char *larger = *size < MOST_BYTES ? gyre_alloc(*size * 2) : NULL;

    if (larger) {
        memcpy(larger, data, *size);
        *size *= 2;
    }
    return larger;
}

/* Reads all of a descriptor: gives 0 or -errno. */
static int64_t read_all(int fd, char **out_data, size_t *out_size)
{
    size_t capacity = FIRST_BYTES, used = 0;
    char *data = gyre_alloc(capacity), *larger;
    ssize_t got = -ENOMEM;

    while (data && (got = TEMP_FAILURE_RETRY(read(fd, data + used, capacity - used))) > 0) {
        used += (size_t)got;
        if (used < capacity)
            continue;
        got = capacity < MOST_BYTES ? -ENOMEM : -EFBIG;
        larger = grow(data, &capacity);
        if (!larger)
            break;
        wipe(data, used);
        data = larger;
    }
    if (got == 0) {
        *out_data = data;
        *out_size = used;
        return 0;
    }
    got = got == -1 ? -errno : got;
    wipe(data, used);
    return got;
}

int64_t gyre__tls_read_file(const char *file, char **out_data, size_t *out_size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int64_t rc = fd < 0 ? -errno : read_all(fd, out_data, out_size);

    if (fd >= 0)
        close(fd);
    if (rc == -ENOMEM)
        return rc;
    return rc == 0 ? 0 : gyre_raise(gyre_error_newf(rc, "%s: %s", file, gyre_strerror(rc)));
}

int64_t gyre__tls_pem_open(gyre__tls_pem *pem, const char *file, const void *memory, size_t size,
                           const char *memory_name)
{
    int64_t rc = 0;

    *pem = (gyre__tls_pem){.name = file ? file : memory_name, .size = size};
    if (file) {
        rc = gyre__tls_read_file(file, &pem->data, &pem->size);
        memory = pem->data;
    }
    if (rc == 0 && pem->size == 0)
        rc = gyre_raise(gyre_error_newf(GYRE_ETLSCERT, "%s: is empty", pem->name));
    if (rc == 0 && pem->size > MOST_BYTES)
        rc = gyre_raise(gyre_error_newf(-EFBIG, "%s: %s", pem->name, gyre_strerror(-EFBIG)));
    if (rc == 0) {
        pem->bio = BIO_new_mem_buf(memory, (int)pem->size);
        if (!pem->bio)
            rc = gyre__tls_raise(-ENOMEM, NULL);
    }
    if (rc < 0)
        gyre__tls_pem_close(pem);
    return rc;
}

void gyre__tls_pem_close(gyre__tls_pem *pem)
{
    BIO_free(pem->bio);
    wipe(pem->data, pem->size);
    pem->bio = NULL;
    pem->data = NULL;
}

bool gyre__tls_pem_ended(void)
{
    unsigned long error = ERR_peek_last_error();

    if (error &&
        (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE))
        return false;
    ERR_clear_error();
    return true;
}

int gyre__tls_ask(char *buffer, int size, int writing, void *userdata)
{
    gyre__tls_password *password = userdata;
    size_t length;

    (void)writing;
    if (!password)
        return -1;
    password->asked = true;
    if (!password->text)
        return -1;
    length = strlen(password->text);
    password->too_long = length > (size_t)size;
    if (password->too_long)
        return -1;
    memcpy(buffer, password->text, length);
    return (int)length;
}
