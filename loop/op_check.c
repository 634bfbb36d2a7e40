/* The in-flight table: what the kernel holds, checked at each completion. */
#include "op_check_internal.h"

#ifdef GYRE__OP_CHECK

#include <stdlib.h>

#include "loop_internal.h"

#ifdef GYRE__ASAN
#include <sanitizer/asan_interface.h>
#endif

/* One op the kernel has, in a table with open addressing. Uses malloc itself: it is no part of gyre. */
struct entry {
    gyre__op *op;
    const void *memory; /* what the kernel reads or writes */
    size_t length;
};

struct gyre__op_table {
    struct entry *entries;
    size_t size, used; /* size is a power of two */
};

static size_t position(const struct gyre__op_table *table, const gyre__op *op)
{
    uint64_t hash = (uintptr_t)op / 16 * UINT64_C(0x9E3779B97F4A7C15);

    return (size_t)(hash >> 32) & (table->size - 1);
}

static struct entry *find(struct gyre__op_table *table, const gyre__op *op)
{
    size_t at = position(table, op);

    while (table->entries[at].op && table->entries[at].op != op)
        at = (at + 1) & (table->size - 1);
    return &table->entries[at];
}

static void grow(struct gyre__op_table *table, size_t size)
{
    struct gyre__op_table bigger = {calloc(size, sizeof(struct entry)), size, table->used};

    if (!bigger.entries)
        gyre__fatal("no memory for the in-flight check");
    for (size_t i = 0; i < table->size; i++)
        if (table->entries[i].op)
            *find(&bigger, table->entries[i].op) = table->entries[i];
    free(table->entries);
    *table = bigger;
}

int gyre__op_table_init(gyre__backend *backend)
{
    backend->table = calloc(1, sizeof(*backend->table));
    if (!backend->table)
        return -1;
    grow(backend->table, 64);
    return 0;
}

void gyre__op_table_fini(gyre__backend *backend)
{
    if (!backend->table)
        return;
    free(backend->table->entries);
    free(backend->table);
    backend->table = NULL;
}

/* Bytes of plain buffers; for other requests the op alone is checked. */
static size_t memory_length(const gyre__request *request)
{
    switch (request->verb) {
    case GYRE__OP_READ:
    case GYRE__OP_WRITE:
    case GYRE__OP_RECV:
    case GYRE__OP_SEND:
    case GYRE__OP_SEND_ZC:
        return request->select ? 0 : request->length;
    default:
        return 0;
    }
}

void gyre__op_check_start(gyre__backend *backend, gyre__op *op, const gyre__request *request)
{
    struct gyre__op_table *table = backend->table;
    struct entry *entry = find(table, op);

    if (entry->op)
        gyre__fatal("operation %p started while it is in flight", (void *)op);
    *entry = (struct entry){op, request->addr, memory_length(request)};
    if (++table->used * 2 > table->size)
        grow(table, table->size * 2);
}

/* Open addressing without tombstones: what follows in the run is entered again. */
static void forget(struct gyre__op_table *table, struct entry *entry)
{
    size_t at = (size_t)(entry - table->entries);

    entry->op = NULL;
    table->used--;
    for (;;) {
        struct entry moved;

        at = (at + 1) & (table->size - 1);
        if (!table->entries[at].op)
            return;
        moved = table->entries[at];
        table->entries[at].op = NULL;
        *find(table, moved.op) = moved;
    }
}

void gyre__op_check_complete(gyre__backend *backend, gyre__op *op, bool last)
{
    struct entry *entry = find(backend->table, op);

    if (!entry->op)
        gyre__fatal("completion for %p, which is not in flight", (void *)op);
#ifdef GYRE__ASAN
    if (__asan_region_is_poisoned(op, sizeof(*op)))
        gyre__fatal("operation %p was freed while the kernel had it", (void *)op);
    if (entry->length && __asan_region_is_poisoned((void *)(uintptr_t)entry->memory, entry->length))
        gyre__fatal("the buffer of operation %p was freed while the kernel had it", (void *)op);
#endif
    if (last)
        forget(backend->table, entry);
}

#else
typedef int gyre__op_check_is_off; /* a translation unit must not be empty */
#endif
