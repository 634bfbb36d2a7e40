/* Errors nobody took: the exception handler of a loop. */
#include <inttypes.h>
#include <stdio.h>

#include "error_internal.h"
#include "loop_internal.h"

void gyre_loop_default_exception_handler(gyre_loop *loop, const gyre_exception_context *context)
{
    const char *text = gyre_error_text(context->detail);

    fprintf(stderr, "gyre: %s", context->message);
    if (context->code < 0)
        fprintf(stderr, ": %s (%s, %" PRId64 ")", *text ? text : gyre_strerror(context->code),
                gyre_err_name(context->code), context->code);
    if (context->name)
        fprintf(stderr, " in %s", context->name);
    if (context->file)
        fprintf(stderr, " made at %s:%u", context->file, context->line);
    fputc('\n', stderr);
    for (size_t i = 0; i < gyre_error_count(context->detail); i++) {
        gyre_error_item item = gyre_error_at(context->detail, i);

        text = gyre_error_text(item.detail);
        fprintf(stderr, "gyre:   - %s (%s)\n", *text ? text : gyre_strerror(item.code),
                gyre_err_name(item.code));
    }
    if (context->code == GYRE_EDEADLOCK && loop && loop->dump)
        loop->dump(loop, stderr);
}

void gyre_loop_set_exception_handler(gyre_loop *loop, gyre_exception_handler *handler, void *arg)
{
    gyre__check_thread(loop, __func__);
    loop->exception_handler = handler;
    loop->exception_arg = arg;
}

void gyre_loop_call_exception_handler(gyre_loop *loop, const gyre_exception_context *context)
{
    if (loop->exception_handler)
        loop->exception_handler(loop, context, loop->exception_arg);
    else
        gyre_loop_default_exception_handler(loop, context);
}

void gyre__callback_failed(gyre_loop *loop, int64_t rc, gyre_handle *handle, const char *message)
{
    gyre_error *detail = rc < 0 ? gyre__error_take(rc) : NULL;

    gyre_error_clear();
    if (rc < 0) {
        const gyre_exception_context context = {
            .message = message, .code = rc, .detail = detail, .handle = handle};

        gyre_loop_call_exception_handler(loop, &context);
    }
    gyre_error_unref(detail);
}

int64_t gyre__report_deadlock(gyre_loop *loop)
{
    const gyre_exception_context context = {
        .message = "nothing is ready and no timer or operation is pending", .code = GYRE_EDEADLOCK};

    gyre_loop_call_exception_handler(loop, &context);
    return GYRE_EDEADLOCK;
}
