"""The race that samples/demo runs, in small: its table, its bar, its exit statuses, its end.

check_demo.py PROGRAM.
"""

import fcntl
import os
import pathlib
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from report import Report

PROGRAM = os.path.abspath(sys.argv[1])
DEMO = pathlib.Path(__file__).resolve().parent.parent / 'samples' / 'demo'
SMALL = ['-n', '24', '--part', '6', '--delay', '5', '-c', '8']
WAYS = ['one after the other', '4 threads that block', '4 processes, a share each',
        '4 processes fed by a queue', '8 gyre tasks in one thread']
ROW = re.compile(r'(?P<name>[^(]+?)(?: \(1\))? +(?P<seconds>\d+\.\d\d) +(?P<faster>\d+\.\d\d)'
                 r' +(?P<cpu>\d+\.\d\d) +(?P<memory>-|\d+\.\d MB) +(?P<reported>\d+\.\d\d)'
                 r' +(?P<gain>\d\.\d\d)(?: \(2\))?')
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def run(*words, limits=None, **options):
    return subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, timeout=60, preexec_fn=limits,
                          **{'stdout': subprocess.PIPE, **options})


def rows(text):
    return [found for found in map(ROW.fullmatch, text.splitlines()) if found]


def expect(condition, done):
    assert condition, f'\n--- status {done.returncode}, stdout\n{done.stdout}--- stderr\n{done.stderr}'


@check
def the_table():
    done = run(*SMALL, '--race-only')
    table = rows(done.stdout)
    expect(done.returncode == 0 and [row['name'] for row in table] == WAYS, done)
    expect([row['reported'] for row in table] == ['133.35', '83.56', '82.86', '84.98', '65.78'], done)
    expect([row['gain'] for row in table] == ['1.00', '1.60', '1.61', '1.57', '2.03'], done)
    expect(table[0]['faster'] == '1.00', done)
    expect('(1) 6 files in ' in done.stdout and '(2) This row is wrong' in done.stdout, done)
    lines = done.stderr.splitlines()
    expect([line.split(': ')[0] for line in lines] == [*WAYS, 'tasks that block'], done)
    expect(all(re.search(r': (6|24) files in \d+\.\d\d s$', line) for line in lines), done)


@check
def more_at_once_is_faster():
    done = run('-n', '40', '--part', '4', '--delay', '40', '-c', '40', '--race-only')
    serial, threads, shares, queue, tasks = (float(row['seconds']) for row in rows(done.stdout))
    expect(serial > 1.6 and max(threads, shares, queue) < serial and tasks < serial, done)
    expect(all(float(row['memory'].split()[0]) > 0 for row in rows(done.stdout)), done)
    blocked = float(re.search(r'the same here take (\d+\.\d\d) s', done.stdout)[1])
    expect(blocked > 1.6, done)


@check
def scenes():
    done = run(*SMALL)
    expect(done.returncode == 0 and len(rows(done.stdout)) == 5, done)
    arrived = re.findall(r'^ +(\d+) bytes after', done.stdout, re.M)
    expect(arrived == ['12605', '52562', '153759'], done)
    expect(re.search('told of [5-9] steps', done.stdout), done)
    blocking = float(re.search(r'with a blocking client +(\d+\.\d\d) s', done.stdout)[1])
    waiting = float(re.search(r"with gyre's +(\d+\.\d\d) s", done.stdout)[1])
    expect(blocking >= 1.5 and waiting < blocking, done)


@check
def odd_sizes():
    for words in (['-n', '1'], ['--size', '0'], ['--size', '1'], ['--size', '1000003', '-n', '5'],
                  ['-j', '1', '-c', '1'], ['-j', '9', '-c', '100'], ['--part', '99'],
                  ['--delay', '0']):
        done = run(*SMALL, '--race-only', *words)
        expect(done.returncode == 0 and len(rows(done.stdout)) == 5, done)
        scaled = '-n' not in words and '--part' not in words
        expect(('(1)' in done.stdout) == scaled, done)


def on_terminal(columns, *words):
    """What the program writes to a terminal of that width, as (status, text)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ['TERM'] = 'xterm'
        os.execv(PROGRAM, [PROGRAM, *words])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    text = b''
    while select.select([fd], [], [], 60)[0]:
        try:
            got = os.read(fd, 65536)
        except OSError:
            break
        text += got
        if not got:
            break
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


@check
def a_bar():
    for columns in (80, 30, 5):
        status, text = on_terminal(columns, *SMALL, '--delay', '20', '--race-only')
        bars = re.findall(r'\r([^\r\n]*)\033\[K', text)
        assert status == 0 and len(rows(text.replace('\r', '\n'))) == 5, text
        assert ' files in ' not in text.split('seconds  faster')[0], text
        assert bars and all(len(bar) < columns for bar in bars), text
        if columns == 80:  # everything fits
            assert any(re.match(r'\[=*>? *\] +\d+%  4 threads', bar) for bar in bars), text
            assert any('100%' in bar for bar in bars), text


@check
def bad_usage():
    for words in (['-n'], ['-n', '0'], ['-n', 'x'], ['-n', '-1'], ['-c', '1001'], ['-j', '0'],
                  ['--size', '99999999'], ['--delay', ''], ['--nonsense'], ['-z'], ['word']):
        done = run(*words)
        expect(done.returncode == 2 and done.stdout == '', done)
        expect(done.stderr.startswith('gyre-race: ') and done.stderr.count('\n') == 1, done)


@check
def help_and_version():
    done = run('--help')
    expect(done.returncode == 0 and done.stdout.startswith('usage: gyre-race'), done)
    expect(max(map(len, done.stdout.splitlines())) <= 100, done)
    done = run('--version')
    expect(done.returncode == 0 and re.fullmatch(r'gyre-race \d+\.\d+\.\d+\n', done.stdout), done)


@check
def trouble():
    done = run(*SMALL, '-n', '100', '-c', '60', '--race-only',
               limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
    expect(done.returncode == 1 and 'gyre-race: ' in done.stderr.splitlines()[-1], done)
    with open('/dev/full', 'w') as full:
        done = run(*SMALL, '--race-only', stdout=full)
    assert done.returncode == 1 and 'No space left' in done.stderr, done.stderr


def members(group):
    """The processes of a process group that have not ended."""
    found = []
    for entry in pathlib.Path('/proc').iterdir():
        try:
            state, _, own = (entry / 'stat').read_text().rpartition(')')[2].split()[:3]
        except (OSError, ValueError):
            continue
        if own == str(group) and state != 'Z':
            found.append(entry.name)
    return found


@check
def interrupted():
    for number, after in ((signal.SIGINT, 1), (signal.SIGTERM, 3), (signal.SIGKILL, 5)):
        process = subprocess.Popen([PROGRAM, '--race-only', '-n', '200', '--part', '5'], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        for _ in range(after - 1):  # ways that have ended
            process.stderr.readline()
        process.send_signal(number)
        assert process.wait(20) == -number, process.returncode
        end = time.monotonic() + 20
        while members(process.pid) and time.monotonic() < end:
            time.sleep(0.01)
        assert not members(process.pid), 'processes are left'
        process.communicate()


@check
def the_script():
    def demo(*words):
        return subprocess.run(['bash', str(DEMO), *words], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)

    done = demo('--help')
    expect(done.returncode == 0 and done.stdout.startswith('usage: samples/demo'), done)
    done = demo('--samples', 'more')
    expect(done.returncode == 2 and done.stdout == '', done)


def main():
    report = Report()
    for function in CHECKS:
        try:
            function()
            report.check(function.__name__, '')
        except (AssertionError, subprocess.TimeoutExpired, TypeError, ValueError) as problem:
            report.check(function.__name__, f'{type(problem).__name__}: {problem}')
    report.finish()


main()
