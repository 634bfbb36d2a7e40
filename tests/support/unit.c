/* Helpers of the unit tests. */
#include "unit.h"

#include "../../loop/backend_internal.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- loops ---- */

/* TEST_RING_RUNG=1 or 2: the ring modes of older kernels. */
static __attribute__((constructor)) void choose_mode(void)
{
    const char *rung = getenv("TEST_RING_RUNG");

    if (rung)
        gyre__ring_rung = (unsigned)atoi(rung);
}

gyre_loop *unit_loop_with(const gyre_loop_options *options)
{
    gyre_loop *loop = NULL;
    int64_t rc = gyre_loop_new(options, &loop);

    if (rc < 0)
        fail_msg("gyre_loop_new: %s: %s", gyre_err_name(rc), gyre_loop_error_text());
    return loop;
}

gyre_loop *unit_loop(void)
{
    return unit_loop_with(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL});
}

static void ignore_report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)context;
    (void)arg;
}

static void record_report(gyre_loop *loop, const gyre_exception_context *context, void *arg);
static bool recording;

void unit_run_dry(gyre_loop *loop)
{
    int64_t rc;

    gyre_loop_set_exception_handler(loop, recording ? record_report : ignore_report, NULL);
    while ((rc = gyre_loop_run_once(loop, GYRE_FOREVER)) >= 0)
        ;
    assert_int_equal(rc, GYRE_EDEADLOCK);
}

/* ---- trace ---- */

static char trace[4096];

void unit_trace(const char *format, ...)
{
    size_t used = strlen(trace);
    va_list args;

    if (used && used + 1 < sizeof(trace))
        trace[used++] = ' ';
    va_start(args, format);
    vsnprintf(trace + used, sizeof(trace) - used, format, args);
    va_end(args);
}

void unit_forget_trace(void)
{
    trace[0] = '\0';
}

void unit__assert_trace(const char *expected, const char *file, int line)
{
    char got[sizeof(trace)];

    memcpy(got, trace, sizeof(got));
    trace[0] = '\0';
    _assert_string_equal(got, expected, file, line);
}

int64_t unit_trace_callback(gyre_loop *loop, void *word)
{
    (void)loop;
    unit_trace("%s", (const char *)word);
    return 0;
}

/* ---- reports ---- */

static unsigned reports;
static unit_report last_report;

static void record_report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)arg;
    reports++;
    last_report = (unit_report){
        .code = context->code,
        .line = context->line,
        .has_future = context->future != NULL,
        .has_handle = context->handle != NULL,
    };
    snprintf(last_report.message, sizeof(last_report.message), "%s", context->message);
    snprintf(last_report.text, sizeof(last_report.text), "%s", gyre_error_text(context->detail));
    snprintf(last_report.name, sizeof(last_report.name), "%s", context->name ? context->name : "");
}

void unit_record_reports(gyre_loop *loop)
{
    reports = 0;
    recording = true;
    last_report = (unit_report){.code = 0};
    gyre_loop_set_exception_handler(loop, record_report, NULL);
}

unsigned unit_reports(void)
{
    return reports;
}

const unit_report *unit_last_report(void)
{
    return &last_report;
}

/* ---- children ---- */

/* No core files, no waiting for ever. */
static void prepare_child(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    alarm(20);
}

int unit_in_child(int (*function)(void *), void *arg)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        prepare_child();
        _exit(function(arg));
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

/* A sanitizer's own handler of SIGABRT may turn it into an exit. */
static bool was_abort(int status)
{
    return (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ||
           (WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

void unit__assert_aborts(void (*function)(void *), void *arg, const char *const *texts,
                         const char *file, int line)
{
    char output[8192];
    size_t used = 0;
    int ends[2], status = 0;
    ssize_t got;
    pid_t child;

    fflush(NULL);
    if (pipe(ends) < 0 || (child = fork()) < 0) {
        _fail(file, line);
        return;
    }
    if (child == 0) {
        prepare_child();
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        function(arg);
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], output + used, sizeof(output) - 1 - used)) > 0)
        used += (size_t)got;
    output[used] = '\0';
    close(ends[0]);
    if (waitpid(child, &status, 0) != child || !was_abort(status)) {
        print_error("did not abort (status %d), stderr:\n%s\n", status, output);
        _fail(file, line);
    }
    for (; *texts; texts++)
        if (!strstr(output, *texts)) {
            print_error("\"%s\" is not in stderr:\n%s\n", *texts, output);
            _fail(file, line);
        }
}

unsigned unit_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}
