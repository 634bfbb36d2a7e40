/* A loop used in the child of a fork. */
// must abort: the loop was made before fork\(\); the child may only close it
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gyre/gyre.h>

int main(void)
{
    gyre_loop *loop;
    int status;
    pid_t child;

    if (gyre_loop_new(NULL, &loop) < 0)
        return 1;
    child = fork();
    if (child == 0) {
        gyre_loop_run(loop);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || gyre_loop_close(loop) < 0)
        return 1;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        abort(); /* as the child did */
    return 0;
}
