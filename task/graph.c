/* Who waits for whom: through futures, gathers and groups to tasks, and to who holds a lock. */
#include "graph_internal.h"

#include <stdarg.h>

#include "inspect.h"

enum {
    MOST_AWAITED = 256, /* futures looked at for one wait; looking for the i-th takes i steps */
    MOST_NAMED = 8,     /* of these, named in a text */
    MOST_NESTED = 4,    /* gathers of gathers */
    LONGEST_PATH = 64,
    MOST_CYCLES = 16,
};

/* ---- edges ---- */

gyre_future *gyre__task_awaits(const gyre_task *task, size_t i)
{
    const gyre__wait_kind *kind = task->waiting;

    return kind && kind->awaits && i < MOST_AWAITED ? kind->awaits(task, i) : NULL;
}

static gyre_future *future_awaits(const gyre_future *future, size_t i)
{
    const gyre__future_class *class;

    if (future->kind != GYRE__FUTURE_COMBINED || i >= MOST_AWAITED)
        return NULL;
    class = ((const gyre__combined *)future)->class;
    return class->awaits ? class->awaits(future, i) : NULL;
}

/* Numbers are never used again, so a holder that has ended is not mistaken for another task. */
static gyre_task *find_task(const gyre_loop *loop, uint32_t id)
{
    for (gyre__link *link = loop->tasks.next; link != &loop->tasks; link = link->next) {
        gyre_task *task = GYRE__CONTAINER(link, gyre_task, link);

        if (task->future.id == id)
            return task;
    }
    return NULL;
}

static uint32_t holder_of(const gyre_task *task)
{
    return task->waiting && task->waiting->holder ? task->waiting->holder(task) : 0;
}

/* Calls visit for the unfinished tasks behind a future until it gives true. */
static bool each_behind(gyre_future *future, unsigned depth, gyre__visit_task *visit, void *arg)
{
    gyre_future *inner;

    if (future->state != GYRE_FUTURE_PENDING)
        return false;
    if (future->kind == GYRE__FUTURE_TASK)
        return visit((gyre_task *)future, arg);
    for (size_t i = 0; depth < MOST_NESTED && (inner = future_awaits(future, i)) != NULL; i++)
        if (each_behind(inner, depth + 1, visit, arg))
            return true;
    return false;
}

bool gyre__each_awaited(const gyre_task *task, gyre__visit_task *visit, void *arg)
{
    gyre_task *holder = find_task(task->future.loop, holder_of(task));
    gyre_future *future;

    for (size_t i = 0; (future = gyre__task_awaits(task, i)) != NULL; i++)
        if (each_behind(future, 0, visit, arg))
            return true;
    return holder && visit(holder, arg);
}

/* ---- as text ---- */

/* A buffer that fills up. */
struct text {
    char *at;
    size_t left;
};

static void GYRE_PRINTF(2, 3) add(struct text *text, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->at, text->left, format, args);
    va_end(args);
    if (length < 0 || text->left == 0)
        return;
    if ((size_t)length >= text->left)
        length = (int)text->left - 1;
    text->at += length;
    text->left -= (size_t)length;
}

static void add_future(struct text *text, gyre_future *future, unsigned depth);

/* What a task or a combined future waits for; gives how many there are. */
static void add_awaited(struct text *text, gyre_future *(*awaits)(const void *, size_t),
                        const void *from, unsigned depth)
{
    gyre_future *future;
    size_t i;

    for (i = 0; i < MOST_NAMED && (future = awaits(from, i)) != NULL; i++) {
        add(text, i ? ", " : "");
        add_future(text, future, depth + 1);
    }
    if (i == MOST_NAMED && awaits(from, i))
        add(text, ", ...");
}

static gyre_future *awaits_of_future(const void *future, size_t i)
{
    return future_awaits(future, i);
}

static gyre_future *awaits_of_task(const void *task, size_t i)
{
    return gyre__task_awaits(task, i);
}

static void add_future(struct text *text, gyre_future *future, unsigned depth)
{
    const char *name = gyre_future_name(future);

    if (future->kind == GYRE__FUTURE_TASK) {
        add(text, "task %s", gyre_task_name((gyre_task *)future));
        return;
    }
    add(text, "%s",
        future->kind == GYRE__FUTURE_COMBINED ? ((gyre__combined *)future)->class->name : "future");
    if (name)
        add(text, " %s", name);
    if (depth < MOST_NESTED && future_awaits(future, 0)) {
        add(text, " of ");
        add_awaited(text, awaits_of_future, future, depth);
    } else {
        add(text, " made at %s:%u", future->file, future->line);
    }
}

static void add_timer(struct text *text, const gyre_task *task)
{
    uint64_t now = gyre_loop_time(task->future.loop), when = task->wait.timer.deadline;

    if (when >= GYRE__NEVER)
        add(text, "sleep without end");
    else
        add(text, "sleep for %.3f s", when > now ? (double)(when - now) / 1e9 : 0.0);
}

static void add_holder(struct text *text, const gyre_task *task)
{
    uint32_t id = holder_of(task);
    gyre_task *holder = find_task(task->future.loop, id);

    if (holder == task)
        add(text, ", held by itself");
    else if (holder)
        add(text, ", held by task %s", gyre_task_name(holder));
    else if (id)
        add(text, ", held by a task that has ended");
}

const char *gyre_task_waits_for(gyre_task *task, char *buffer, size_t size)
{
    gyre_future *future = gyre__task_awaited(task);
    struct text text = {buffer, size};

    if (size)
        buffer[0] = '\0';
    if (gyre_task_done(task)) {
        add(&text, "nothing");
    } else if (future) {
        add_future(&text, future, 0);
    } else if (task->waiting == &gyre__wait_sleep) {
        add_timer(&text, task);
    } else {
        add(&text, "%s", task->waiting ? task->waiting->what : "its turn");
        add(&text, gyre__task_awaits(task, 0) ? ": " : "");
        add_awaited(&text, awaits_of_task, task, 0);
        add_holder(&text, task);
    }
    return buffer;
}

/* ---- cycles ---- */

/* A path of tasks, each of which waits for the next. */
struct path {
    FILE *out;
    gyre_task *tasks[LONGEST_PATH];
    size_t length;
    unsigned cycles; /* found so far */
};

static void print_cycle(struct path *path, size_t from)
{
    if (path->cycles++ == 0)
        fprintf(path->out, "tasks that wait for each other:\n");
    fprintf(path->out, "    ");
    for (size_t i = from; i < path->length; i++)
        fprintf(path->out, "%s -> ", gyre_task_name(path->tasks[i]));
    fprintf(path->out, "%s\n", gyre_task_name(path->tasks[from]));
}

/* Follows the path from a task on; each is visited once. */
static bool follow(gyre_task *task, void *arg)
{
    struct path *path = arg;

    for (size_t i = 0; i < path->length; i++) {
        if (path->tasks[i] == task) {
            print_cycle(path, i);
            return path->cycles >= MOST_CYCLES;
        }
    }
    if (task->flags & GYRE__TASK_SEEN || path->length == LONGEST_PATH)
        return false;
    task->flags |= GYRE__TASK_SEEN;
    path->tasks[path->length++] = task;
    if (gyre__each_awaited(task, follow, path))
        return true;
    path->length--;
    return false;
}

void gyre_loop_print_cycles(const gyre_loop *loop, FILE *out)
{
    struct path path = {.out = out};
    gyre__link *link;

    for (link = loop->tasks.next; link != &loop->tasks; link = link->next)
        if (follow(GYRE__CONTAINER(link, gyre_task, link), &path))
            break;
    for (link = loop->tasks.next; link != &loop->tasks; link = link->next)
        GYRE__CONTAINER(link, gyre_task, link)->flags &= ~(uint32_t)GYRE__TASK_SEEN;
}

/* ---- the other way round ---- */

static bool is_task(gyre_task *task, void *arg)
{
    return task == arg;
}

size_t gyre_task_awaited_by(gyre_task *task, gyre_task **out_tasks, size_t max)
{
    const gyre_loop *loop = task->future.loop;
    size_t count = 0;

    gyre__check_thread(loop, __func__);
    for (gyre__link *link = loop->tasks.next; link != &loop->tasks; link = link->next) {
        gyre_task *other = GYRE__CONTAINER(link, gyre_task, link);

        if (!gyre__each_awaited(other, is_task, task))
            continue;
        if (count < max)
            out_tasks[count] = other;
        count++;
    }
    return count;
}

static void print_awaiters(gyre_task *task, FILE *out, unsigned depth)
{
    const gyre_loop *loop = task->future.loop;

    gyre__print_task(task, out, 4 * depth);
    if (task->flags & GYRE__TASK_SEEN || depth == LONGEST_PATH) {
        fprintf(out, "%*s...\n", 4 * (int)depth + 4, "");
        return;
    }
    task->flags |= GYRE__TASK_SEEN;
    for (gyre__link *link = loop->tasks.next; link != &loop->tasks; link = link->next) {
        gyre_task *other = GYRE__CONTAINER(link, gyre_task, link);

        if (!gyre__each_awaited(other, is_task, task))
            continue;
        fprintf(out, "%*sawaited by\n", 4 * (int)depth + 2, "");
        print_awaiters(other, out, depth + 1);
    }
    task->flags &= ~(uint32_t)GYRE__TASK_SEEN;
}

void gyre_task_print_graph(gyre_task *task, FILE *out)
{
    gyre__check_thread(task->future.loop, __func__);
    print_awaiters(task, out, 0);
}
