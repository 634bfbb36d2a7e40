"""The tests with threads again, under ThreadSanitizer: loop, futures and tasks compiled for it in one go."""

import concurrent.futures
import os
import pathlib
import shlex
import subprocess
import tempfile

from report import Report

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = ['loop', 'future', 'task']
SUPPORT = ['gate', 'trace', 'unit']
TESTS = ['test_loop_threadsafe', 'test_task_queue_threads', 'test_task_executor',
         'test_task_to_thread', 'test_task_thread_future', 'test_task_threads_slow']
POSTS = '40000'  # for test_task_threads_slow: it is some 20 times slower here
FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-g', '-O1', '-fsanitize=thread', '-pthread', f'-I{ROOT}',
         f'-I{ROOT}/tests']

# The memory of rings is shared with the kernel, and mapped and unmapped by system calls that the
# sanitizer does not see: to it a ring lies where another thread's ring was a moment ago.
SUPPRESSIONS = 'race:loop/uring.c\nrace:loop/backend_internal.h\nrace:liburing\n'

PROBE = '''
#include <pthread.h>
static int shared;
static void *run(void *arg) { return arg ? (void *)0 : (shared = 1, (void *)&shared); }
int main(void)
{
    pthread_t thread;
    if (pthread_create(&thread, 0, run, 0) || pthread_join(thread, 0))
        return 2;
    return shared == 1 ? 0 : 3;
}
'''


def output_of(command, **options):
    """What a command prints if it fails, else ''."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', **options)
    except subprocess.TimeoutExpired as late:
        return f'{command[0]}: not done after {late.timeout} seconds'
    return '' if done.returncode == 0 else done.stdout or f'exit status {done.returncode}'


def package_flags(*options):
    found = subprocess.run(['pkg-config', *options, 'liburing', 'cmocka'], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return shlex.split(found.stdout) if found.returncode == 0 else None


def why_not(compiler, folder):
    """Why this cannot run here, in a line; '' if it can."""
    if '-fsanitize' in os.environ.get('GYRE_CFLAGS', ''):
        return 'this build has another sanitizer'
    if package_flags('--libs') is None:
        return 'liburing or cmocka is unknown to pkg-config'
    source = folder / 'probe.c'
    source.write_text(PROBE)
    problem = output_of([*compiler, *FLAGS, str(source), '-o', str(folder / 'probe')])
    problem = problem or output_of([str(folder / 'probe')], timeout=60)
    return f'ThreadSanitizer does not work: {problem.splitlines()[0]}' if problem else ''


def compile_all(compiler, folder, sources):
    """Each source to an object, as many at a time as there are processors. Complaints, or ''."""
    def compile_one(source):
        target = folder / (str(source.relative_to(ROOT)).replace('/', '_') + '.o')
        return output_of([*compiler, *FLAGS, *package_flags('--cflags'), '-c', str(source),
                          '-o', str(target)])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return ''.join(pool.map(compile_one, sources))


def main():
    report = Report()
    compiler = shlex.split(os.environ.get('CC', 'cc'))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        reason = why_not(compiler, folder)
        if reason:
            report.skip('threads under ThreadSanitizer', reason)
            report.finish()
        library = [source for room in ROOMS for source in sorted((ROOT / room).glob('*.c'))]
        library += [ROOT / 'tests' / 'support' / f'{stem}.c' for stem in SUPPORT]
        report.check('the library compiles', compile_all(compiler, folder, library))
        objects = [str(path) for path in sorted(folder.glob('*.o'))]
        (folder / 'suppressions').write_text(SUPPRESSIONS)
        environment = dict(os.environ, GYRE_POSTS=POSTS,
                           TSAN_OPTIONS=f'suppressions={folder}/suppressions')
        for test in TESTS:
            program = str(folder / test)
            problem = output_of([*compiler, *FLAGS, *package_flags('--cflags'),
                                 str(ROOT / 'tests' / f'{test}.c'), *objects, '-o', program,
                                 *package_flags('--libs')])
            report.check(test, problem or output_of([program], env=environment, timeout=240))
    report.finish()


main()
