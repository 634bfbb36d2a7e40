/* The ring of provided buffers. */
#include "provided_internal.h"

#include <errno.h>
#include <sys/mman.h>

#include "alloc.h"

/* One mapping: the ring's entries, then the buffers. */
struct gyre__provided {
    struct io_uring_buf_ring *ring;
    char *buffers;
    size_t mapped;
};

static size_t ring_size(void)
{
    return GYRE__PROVIDED_COUNT * sizeof(struct io_uring_buf);
}

static void add(struct gyre__provided *provided, unsigned id, int offset)
{
    io_uring_buf_ring_add(provided->ring, provided->buffers + (size_t)id * GYRE__PROVIDED_SIZE,
                          GYRE__PROVIDED_SIZE, (unsigned short)id,
                          io_uring_buf_ring_mask(GYRE__PROVIDED_COUNT), offset);
}

int64_t gyre__provided_need(gyre_loop *loop)
{
    struct gyre__provided *provided = loop->provided;
    struct io_uring_buf_reg registration = {.ring_entries = GYRE__PROVIDED_COUNT,
                                            .bgid = GYRE__PROVIDED_GROUP};
    void *memory;

    if (provided)
        return provided->ring ? 0 : GYRE_EUNSUPPORTED;
    provided = gyre_alloc_zeroed(sizeof(*provided));
    if (!provided)
        return -ENOMEM;
    /* Mapped, not allocated: the ring must start a page, and untouched buffers cost nothing. */
    provided->mapped = ring_size() + (size_t)GYRE__PROVIDED_COUNT * GYRE__PROVIDED_SIZE;
    memory = mmap(NULL, provided->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        gyre_free(provided);
        return -ENOMEM;
    }
    loop->provided = provided;
    registration.ring_addr = (uintptr_t)memory;
    if (io_uring_register_buf_ring(&loop->backend.ring, &registration, 0) < 0) {
        munmap(memory, provided->mapped);
        return GYRE_EUNSUPPORTED; /* remembered: `ring` stays NULL */
    }
    provided->ring = memory;
    provided->buffers = (char *)memory + ring_size();
    io_uring_buf_ring_init(provided->ring);
    for (unsigned id = 0; id < GYRE__PROVIDED_COUNT; id++)
        add(provided, id, (int)id);
    io_uring_buf_ring_advance(provided->ring, GYRE__PROVIDED_COUNT);
    return 0;
}

char *gyre__provided_data(gyre_loop *loop, uint32_t cqe_flags)
{
    return loop->provided->buffers +
           (size_t)(cqe_flags >> IORING_CQE_BUFFER_SHIFT) * GYRE__PROVIDED_SIZE;
}

void gyre__provided_return(gyre_loop *loop, uint32_t cqe_flags)
{
    add(loop->provided, cqe_flags >> IORING_CQE_BUFFER_SHIFT, 0);
    io_uring_buf_ring_advance(loop->provided->ring, 1);
}

void gyre__provided_fini(gyre_loop *loop)
{
    struct gyre__provided *provided = loop->provided;

    if (!provided)
        return;
    if (provided->ring)
        munmap(provided->ring, provided->mapped);
    gyre_free(provided);
    loop->provided = NULL;
}
