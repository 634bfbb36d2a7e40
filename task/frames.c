/* The frame stack of a task: bump-allocated, in pieces, so that frames never move. */
#include <string.h>

#include "task_internal.h"

enum { ALIGNMENT = 16, SEGMENT_SIZE = 512 };

/* A piece of stack beyond the inline one. */
struct gyre__segment {
    gyre__segment *older;
    size_t size; /* of the whole block */
    _Alignas(ALIGNMENT) char frames[];
};

static size_t rounded(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The innermost frame that is on the stack: generators' frames lie elsewhere. */
static gyre_frame *innermost_on_stack(gyre_frame *frame)
{
    while (frame && frame->detached)
        frame = frame->caller;
    return frame;
}

static char *stack_limit(const gyre_task *task)
{
    if (task->segment)
        return (char *)task->segment + task->segment->size;
    return (char *)(uintptr_t)task + (size_t)task->future.blocks * GYRE__BLOCK_UNIT;
}

static char *stack_top(const gyre_task *task)
{
    gyre_frame *frame = innermost_on_stack(task->top);

    if (!frame)
        return (char *)(uintptr_t)(task + 1);
    return (char *)frame + rounded(frame->coro->frame_size);
}

static char *add_segment(gyre_task *task, size_t frame_size)
{
    size_t size = sizeof(gyre__segment) + frame_size;
    gyre__segment *segment;

    if (size < SEGMENT_SIZE)
        size = SEGMENT_SIZE;
    segment = gyre__blocks_take(&task->future.loop->blocks, size);
    if (!segment)
        return NULL;
    segment->older = task->segment;
    segment->size = size;
    task->segment = segment;
    return segment->frames;
}

void gyre__frame_copy_large(gyre_frame *frame, const void *args, size_t size)
{
    memcpy(frame + 1, (const gyre_frame *)args + 1, size - sizeof(*frame));
}

gyre_frame *gyre__frame_push(gyre_task *task, const gyre_coro *coro, const void *args)
{
    size_t size = rounded(coro->frame_size);
    char *place = stack_top(task);

    if ((size_t)(stack_limit(task) - place) < size) {
        place = add_segment(task, size);
        if (!place)
            return NULL;
    }
    return gyre__frame_make(task, place, coro, args);
}

gyre_frame *gyre__frame_pop(gyre_task *task)
{
    gyre_frame *frame = task->top, *caller = frame->caller;
    gyre__segment *segment = task->segment;

    task->top = caller;
    if (segment && (char *)frame == segment->frames) {
        task->segment = segment->older;
        gyre__blocks_give(&task->future.loop->blocks, segment, segment->size);
    }
    return caller;
}

void gyre__frames_fini(gyre_task *task)
{
    while (task->segment) {
        gyre__segment *segment = task->segment;

        task->segment = segment->older;
        gyre__blocks_give(&task->future.loop->blocks, segment, segment->size);
    }
}
