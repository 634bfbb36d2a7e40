/*
 * io_uring refused: by a seccomp filter, by limits. The code, and a text that says why and what to
 * do.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../loop/backend_internal.h"
#include "../task/run.h"
#include "../task/sleep.h"
#include "support/unit.h"

/* In the child: this system call fails with this errno from now on. */
static int refuse_call(unsigned number, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

enum { NO_FILTER = 70, WRONG_CODE, WRONG_TEXT, LEAK, SUCCEEDED };

/* What a refusal must say. */
struct expectation {
    int error;
    int64_t code;
    const char *words[4];
    unsigned call; /* 0: io_uring_setup */
};

static int check_refusal(const struct expectation *expected)
{
    unsigned before = unit_descriptors();
    gyre_loop *loop = NULL;
    int64_t rc = gyre_loop_new(NULL, &loop);
    const char *text = gyre_loop_error_text();

    if (rc == 0)
        return SUCCEEDED;
    if (rc != expected->code || loop)
        return WRONG_CODE;
    fprintf(stderr, "    %s\n", text);
    for (int i = 0; i < 4 && expected->words[i]; i++)
        if (!strstr(text, expected->words[i]))
            return WRONG_TEXT;
    if (strchr(text, '\n') || strlen(text) > 300)
        return WRONG_TEXT;
    return unit_descriptors() == before ? 0 : LEAK;
}

static int under_filter(void *arg)
{
    const struct expectation *expected = arg;

    if (refuse_call(expected->call ? expected->call : __NR_io_uring_setup, expected->error) < 0)
        return NO_FILTER;
    return check_refusal(expected);
}

static void refused(struct expectation expected)
{
    int status = unit_in_child(under_filter, &expected);

    if (status == NO_FILTER) {
        print_message("seccomp filters are not allowed here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void by_seccomp_with_eperm(void **state)
{
    (void)state;
    refused(
        (struct expectation){EPERM, GYRE_ENORING, {"seccomp", "docker run", "io_uring_setup"}, 0});
}

static void by_seccomp_with_enosys(void **state)
{
    (void)state;
    refused((struct expectation){ENOSYS, GYRE_ENORING, {"seccomp", "docker run"}, 0});
}

/* A filter that knows of one of the three calls only. */
static void in_part(void **state)
{
    const unsigned calls[] = {__NR_io_uring_enter, __NR_io_uring_register};

    (void)state;
    for (int i = 0; i < 2; i++) {
        refused((struct expectation){EPERM, GYRE_ENORING, {"seccomp", "io_uring_enter"}, calls[i]});
        refused(
            (struct expectation){ENOSYS, GYRE_ENORING, {"seccomp", "io_uring_register"}, calls[i]});
    }
}

static void for_want_of_memory(void **state)
{
    (void)state;
    refused((struct expectation){ENOMEM, GYRE_ENORING, {"memory", "ulimit -l", "KiB"}, 0});
}

static void for_want_of_descriptors(void **state)
{
    (void)state;
    refused((struct expectation){EMFILE, -EMFILE, {"ulimit -n"}, 0});
}

static void for_another_reason(void **state)
{
    (void)state;
    refused((struct expectation){EIO, GYRE_ENORING, {"io_uring_setup failed", "Input/output"}, 0});
}

/* A kernel without the newer flags: every rung of the ladder is tried before giving up. */
static void with_einval_for_every_flag(void **state)
{
    (void)state;
    refused((struct expectation){EINVAL, GYRE_ENORING, {"io_uring"}, 0});
}

/*
 * What a kernel without io_uring says, and the sysctl, as far as they can be told here without one.
 */
static void the_texts_themselves(void **state)
{
    (void)state;
    gyre__explain_refusal(ENOSYS);
    assert_non_null(strstr(gyre_loop_error_text(), "5.11"));
    gyre__explain_refusal(ENOMEM);
    assert_non_null(strstr(gyre_loop_error_text(), "locked memory"));
    gyre__explain_refusal(ENFILE);
    assert_non_null(strstr(gyre_loop_error_text(), "descriptor"));
}

static int without_descriptors(void *arg)
{
    struct rlimit limit = {0, 0};
    gyre_loop *loop = NULL;

    (void)arg;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (gyre_loop_new(NULL, &loop) != -EMFILE)
        return WRONG_CODE;
    return strstr(gyre_loop_error_text(), "ulimit -n") ? 0 : WRONG_TEXT;
}

static void with_no_descriptor_left(void **state)
{
    (void)state;
    assert_int_equal(unit_in_child(without_descriptors, NULL), 0);
}

/* Room for the ring but not for what comes after it: nothing may leak. */
static int with_one_descriptor(void *arg)
{
    int used = open("/dev/null", O_RDONLY); /* the lowest free number */
    struct rlimit limit = {0, 0};
    gyre_loop *loop = NULL;
    int64_t rc;

    (void)arg;
    close(used);
    limit.rlim_cur = limit.rlim_max = (rlim_t)used + 1;
    setrlimit(RLIMIT_NOFILE, &limit);
    rc = gyre_loop_new(NULL, &loop);
    if (rc != -EMFILE)
        return WRONG_CODE;
    if (!strlen(gyre_loop_error_text()))
        return WRONG_TEXT;
    return open("/dev/null", O_RDONLY) == used ? 0 : LEAK;
}

static void with_one_descriptor_left(void **state)
{
    (void)state;
    assert_int_equal(unit_in_child(with_one_descriptor, NULL), 0);
}

/* Not every kernel counts rings as locked memory. */
static int unprivileged_without_memlock(void *arg)
{
    struct expectation expected = {0, GYRE_ENORING, {"locked memory", "ulimit -l is 0 KiB"}, 0};
    struct rlimit limit = {0, 0};

    (void)arg;
    setrlimit(RLIMIT_MEMLOCK, &limit);
    if (geteuid() == 0 && setuid(65534) < 0)
        return NO_FILTER;
    return check_refusal(&expected);
}

static void without_locked_memory(void **state)
{
    int status = unit_in_child(unprivileged_without_memlock, NULL);

    (void)state;
    if (status == SUCCEEDED || status == NO_FILTER) {
        print_message("this kernel does not count rings as locked memory\n");
        skip();
    }
    assert_int_equal(status, 0);
}

/* ---- GYRE_RUN passes it on ---- */

struct never {
    gyre_frame frame;
};
GYRE_CORO(never)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(0));
    GYRE_END;
}

static int run_under_filter(void *arg)
{
    (void)arg;
    if (refuse_call(__NR_io_uring_setup, EPERM) < 0)
        return NO_FILTER;
    return GYRE_RUN(never) == GYRE_ENORING && gyre_loop_error_text()[0] ? 0 : WRONG_CODE;
}

static void run_passes_it_on(void **state)
{
    int status = unit_in_child(run_under_filter, NULL);

    (void)state;
    if (status == NO_FILTER)
        skip();
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_seccomp_with_eperm),
        cmocka_unit_test(by_seccomp_with_enosys),
        cmocka_unit_test(in_part),
        cmocka_unit_test(for_want_of_memory),
        cmocka_unit_test(for_want_of_descriptors),
        cmocka_unit_test(for_another_reason),
        cmocka_unit_test(with_einval_for_every_flag),
        cmocka_unit_test(the_texts_themselves),
        cmocka_unit_test(with_no_descriptor_left),
        cmocka_unit_test(with_one_descriptor_left),
        cmocka_unit_test(without_locked_memory),
        cmocka_unit_test(run_passes_it_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
