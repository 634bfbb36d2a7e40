/*
 * Copying files: cp for the loop. Whatever happens on the way, an error, a cancellation, the end of
 * the loop, both files are closed and no half copy is left.
 *
 *     25_copy_file FROM TO      copies a file
 *     25_copy_file              copies one that it makes
 */
#include <gyre/gyre.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 65536 };

struct copy {
    gyre_frame frame;
    const char *from, *to;
    gyre_file in, out; /* all zero is "not open", so closing them is always right */
    gyre_file_info info;
    char *block; /* the kernel reads into it: it must outlive every await */
    int64_t n, total, rc;
};
GYRE_CORO(copy)
{
    GYRE_BEGIN;
    self->block = malloc(BLOCK);
    if (!self->block)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_file_open(&self->in, self->from, O_RDONLY, 0));
    GYRE_TRY(gyre_file_stat(&self->in, &self->info));
    GYRE_TRY(
        gyre_file_open(&self->out, self->to, O_WRONLY | O_CREAT | O_TRUNC, self->info.mode & 0777));
    do {
        GYRE_TRY(self->n, gyre_file_read(&self->in, self->block, BLOCK));
        GYRE_TRY(gyre_file_write(&self->out, self->block, (size_t)self->n));
        self->total += self->n;
    } while (self->n > 0);
    GYRE_TRY(gyre_file_fsync(&self->out, false));
    GYRE_TRY(gyre_file_close(&self->out)); /* its errors count: they are about what was written */
    GYRE_RETURN(self->total);
    GYRE_FINALLY;
    free(self->block);
    GYRE_AWAIT(self->rc, gyre_file_close(&self->in));
    if (gyre_file_fd(&self->out) >= 0) { /* not complete */
        GYRE_AWAIT(self->rc, gyre_file_close(&self->out));
        unlink(self->to);
    }
    GYRE_END;
}

/* Makes a file, copies it, compares; then shows that a failed copy leaves nothing. */
struct demonstrate {
    gyre_frame frame;
    char folder[32], from[48], to[48];
    char *text, *copied;
    int64_t n;
};
GYRE_CORO(demonstrate)
{
    GYRE_BEGIN;
    strcpy(self->folder, "/tmp/gyre-copy-XXXXXX");
    if (!mkdtemp(self->folder))
        GYRE_RETURN(-errno);
    snprintf(self->from, sizeof(self->from), "%s/from", self->folder);
    snprintf(self->to, sizeof(self->to), "%s/to", self->folder);
    self->text = malloc(1000000);
    if (!self->text)
        GYRE_RETURN(-ENOMEM);
    memset(self->text, 'g', 1000000);
    GYRE_TRY(gyre_file_replace(self->from, self->text, 1000000, 0644));
    GYRE_TRY(self->n, GYRE_CALL(copy, .from = self->from, .to = self->to));
    printf("copied %lld bytes\n", (long long)self->n);
    GYRE_TRY(self->n, gyre_file_read_all(self->to, 0, &self->copied));
    printf("the same: %s\n", memcmp(self->text, self->copied, 1000000) == 0 ? "yes" : "no");
    GYRE_AWAIT(self->n, GYRE_CALL(copy, .from = self->folder, .to = self->from));
    printf("copying a folder: %s\n", gyre_strerror(self->n));
    printf("what it began is gone: %s\n", access(self->from, F_OK) < 0 ? "yes" : "no");
    GYRE_RETURN(0);
    GYRE_FINALLY;
    free(self->text);
    gyre_free(self->copied);
    unlink(self->to);
    rmdir(self->folder);
    GYRE_END;
}

int main(int argc, char **argv)
{
    int64_t rc = argc == 3 ? GYRE_RUN(copy, .from = argv[1], .to = argv[2]) : GYRE_RUN(demonstrate);

    if (rc < 0)
        fprintf(stderr, "25_copy_file: %s\n", gyre_strerror(rc));
    return rc < 0;
}
