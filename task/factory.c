/* Task factories: who makes the tasks of a loop. */
#include "factory.h"

#include <errno.h>

#include "../loop/alloc.h"
#include "task_internal.h"

/* What a loop's slot holds. */
struct setting {
    gyre__close_hook hook;
    gyre_task_factory *factory;
    void *arg;
};

static struct setting *setting_of(const gyre_loop *loop)
{
    return loop->slots[GYRE__SLOT_TASK_FACTORY];
}

static void forget(gyre_loop *loop, gyre__close_hook *hook)
{
    loop->slots[GYRE__SLOT_TASK_FACTORY] = NULL;
    gyre_free(GYRE__CONTAINER(hook, struct setting, hook));
}

int64_t gyre_loop_set_task_factory(gyre_loop *loop, gyre_task_factory *factory, void *arg)
{
    struct setting *setting = setting_of(loop);

    gyre__check_thread(loop, __func__);
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    if (!factory) {
        if (setting) {
            gyre__list_remove(&setting->hook.link);
            forget(loop, &setting->hook);
        }
        return 0;
    }
    if (!setting) {
        setting = gyre_alloc_zeroed(sizeof(*setting));
        if (!setting)
            return -ENOMEM;
        setting->hook.close = forget;
        gyre__list_append(&loop->close_hooks, &setting->hook.link);
        loop->slots[GYRE__SLOT_TASK_FACTORY] = setting;
    }
    setting->factory = factory;
    setting->arg = arg;
    return 0;
}

gyre_task_factory *gyre_loop_get_task_factory(const gyre_loop *loop)
{
    return setting_of(loop) ? setting_of(loop)->factory : NULL;
}

gyre_task *gyre__factory_spawn(gyre_loop *loop, const gyre_spawn_options *options,
                               const gyre_coro *coro, const void *args, const char *file,
                               unsigned line)
{
    const struct setting *setting = setting_of(loop);
    gyre_spawn_options own = *options;

    gyre__check_thread(loop, "GYRE_SPAWN");
    if (loop->closing)
        return NULL;
    own.loop = loop;
    return setting->factory(loop, &own, coro, args, file, line, setting->arg);
}

gyre_task *gyre_eager_task_factory(gyre_loop *loop, const gyre_spawn_options *options,
                                   const gyre_coro *coro, const void *args, const char *file,
                                   unsigned line, void *arg)
{
    gyre_spawn_options eager = *options;

    (void)loop;
    (void)arg;
    eager.eager = true;
    return gyre_task_new(&eager, coro, args, file, line);
}
