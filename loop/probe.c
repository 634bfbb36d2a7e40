/* Why io_uring is refused, and what to do: a text a user can act on. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend_internal.h"

static _Thread_local char error_text[320];

const char *gyre_loop_error_text(void)
{
    return error_text;
}

void gyre__set_error_text(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error_text, sizeof(error_text), format, args);
    va_end(args);
}

/* Value of the kernel.io_uring_disabled sysctl (6.6 and later), -1 where there is none. */
static int disabled_sysctl(void)
{
    char text[8] = "";
    int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
    ssize_t length;

    if (fd < 0)
        return -1;
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    return length > 0 && text[0] >= '0' && text[0] <= '2' ? text[0] - '0' : -1;
}

/* True if a seccomp filter is in force, as in most containers. */
static bool under_seccomp(void)
{
    char line[128];
    bool found = false;
    FILE *status = fopen("/proc/self/status", "re");

    if (!status)
        return false;
    while (!found && fgets(line, sizeof(line), status))
        found = strncmp(line, "Seccomp:", 8) == 0 && strchr(line, '2') != NULL;
    fclose(status);
    return found;
}

static void explain_permission(void)
{
    int sysctl = disabled_sysctl();

    if (sysctl == 2)
        gyre__set_error_text("io_uring is switched off by the sysctl kernel.io_uring_disabled=2; "
                             "as root: sysctl kernel.io_uring_disabled=0");
    else if (sysctl == 1 && geteuid() != 0)
        gyre__set_error_text("io_uring is for privileged users only (sysctl kernel.io_uring_disabled=1); "
                             "run as root, join the group of kernel.io_uring_group, or set it to 0");
    else
        gyre__set_error_text("io_uring is refused by a seccomp filter, as in most containers; allow "
                             "io_uring_setup, io_uring_enter and io_uring_register (docker run "
                             "--security-opt seccomp=unconfined, or a profile with these three)");
}

void gyre__explain_refusal(int error)
{
    struct rlimit limit = {0, 0};

    switch (error) {
    case EPERM:
    case EACCES:
        explain_permission();
        break;
    case ENOSYS:
    case EINVAL:
        if (under_seccomp())
            explain_permission();
        else
            gyre__set_error_text("this kernel has no io_uring that gyre can use; it needs Linux 5.11 or "
                                 "later with CONFIG_IO_URING");
        break;
    case ENOMEM:
        getrlimit(RLIMIT_MEMLOCK, &limit);
        gyre__set_error_text("the kernel has no memory for an io_uring: raise the limit of locked memory "
                             "(ulimit -l is %llu KiB), or free memory",
                             (unsigned long long)limit.rlim_cur / 1024);
        break;
    case EMFILE:
    case ENFILE:
        gyre__set_error_text("no file descriptor is left for an io_uring: raise ulimit -n");
        break;
    default:
        gyre__set_error_text("io_uring_setup failed: %s", strerror(error));
    }
}
