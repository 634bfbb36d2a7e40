"""gyre-compare as a user runs it: the tables it prints, its options and exit statuses.

check_compare.py PROGRAM.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

from report import Report

PROGRAM = os.path.abspath(sys.argv[1])
CHECKS = []

WAYS = ['one after the other', '{} threads', '{} processes', '{} processes and a queue', 'tasks',
        'tasks and {} threads', 'tasks and {} processes']
BLOCKING = [*WAYS[:5], 'tasks that block', *WAYS[5:]]
# The first word of each kind's title, its ways, and by how many threads and processes.
KINDS = {'cpu': ('Computing', WAYS, 4), 'disk': ('Disk', WAYS, 10),
         'network': ('Network', BLOCKING, 10), 'sleep': ('Sleeping', WAYS, 10)}
TITLE = re.compile('(' + '|'.join(kind[0] for kind in KINDS.values()) + '): ')
ROW = re.compile(r'(\S.*?)  +(\d+\.\d\d) +(\d+\.\d\d)((?: +(?:\d+\.\d\d|-))*)')


def check(function):
    CHECKS.append(function)
    return function


def run(*words, timeout=60, **options):
    return subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=timeout, **options)


def tables(text):
    """The tables of an output: title -> rows, each with name, figures here, figures reported."""
    found = {}
    for line in text.splitlines():
        title, row = TITLE.match(line), ROW.fullmatch(line)
        if title:
            rows = found[title[1]] = []
        elif row:
            rows.append((row[1], [float(row[2]), float(row[3])], row[4].split()))
    return found


def done(words, kinds, workers=None):
    """Runs it; its tables must be those of the kinds, whole, with a sentence below every row."""
    ran = run('--quick', *words, *kinds)
    assert ran.returncode == 0 and not ran.stderr, ran
    found = tables(ran.stdout)
    assert list(found) == [KINDS[kind][0] for kind in kinds], ran.stdout
    for kind in kinds:
        title, ways, usual = KINDS[kind]
        names = [way.format(workers or usual) for way in ways]
        assert [row[0] for row in found[title]] == names, ran.stdout
    lines = ran.stdout.splitlines()
    for line, below in zip(lines, lines[1:]):
        assert not ROW.fullmatch(line) or re.match(r'    [A-Z]|    \w+\(\)', below), (line, below)
    return ran.stdout, found


def usage(words, says):
    ran = run(*words)
    assert ran.returncode == 2 and not ran.stdout, ran
    assert len(ran.stderr.splitlines()) == 1 and re.search(says, ran.stderr), ran.stderr


@check
def the_command_line():
    usage(['dinner'], "'dinner' is no kind of work")
    usage(['--what'], 'unknown option --what')
    usage(['-j'], 'takes a value')
    usage(['-j', '0'], 'from 1 to 100')
    usage(['-n', '101'], 'from 1 to 100')
    usage(['--sums', '-1'], 'takes a number')
    usage(['--sleep', '1s'], 'takes a number')
    for word in ['-h', '--help']:
        assert run(word).stdout.startswith('usage: gyre-compare')
    assert run('--version').stdout.startswith('gyre-compare ')


@check
def all_the_tables():
    text, found = done([], KINDS)
    assert re.search(r'Here are \d+ processors', text), text
    reported = {row[0]: row[2] for row in found['Computing']}
    assert reported['one after the other'] == ['131.50', '1.00', '83.42', '1.00'], reported
    assert reported['4 processes'] == ['71.51', '1.84', '9.08', '9.19'], reported
    assert reported['4 processes and a queue'] == ['77.31', '1.70', '-', '-'], reported
    reported = {row[0]: row[2] for row in found['Sleeping']}
    assert reported['10 processes'] == ['2.01', '9.96'], reported
    for rows in found.values():
        assert rows[0][1][1] == 1, rows


@check
def one_kind():
    done(['disk'], ['disk'])
    done(['-j', '2'], ['cpu'], workers=2)
    assert list(tables(run('--quick', 'sleep', 'cpu').stdout)) == ['Computing', 'Sleeping']


@check
def who_waits_together_takes_the_time_of_one():
    _, found = done(['--delay', '300', '--sleep', '300', '-n', '4'], ['network', 'sleep'], workers=4)
    for rows in found.values():
        figures = {row[0]: row[1] for row in rows}
        for name in ['one after the other', *(['tasks that block'] if rows is found['Network'] else [])]:
            assert figures[name][0] >= 1.2, figures
        for name in ['4 threads', '4 processes', '4 processes and a queue', 'tasks',
                     'tasks and 4 threads', 'tasks and 4 processes']:
            seconds, faster = figures[name]
            assert seconds >= 0.3 and faster > 1.2, figures


@check
def tasks_that_block_are_told_of():
    text, _ = done([], ['network'])
    told = re.search(r'(\d+) slow steps of 10', text)
    assert told and int(told[1]) >= 10, text  # more where the machine is busy


@check
def the_files():
    with tempfile.TemporaryDirectory() as folder:
        done(['--dir', folder, '--size', '200', '-n', '3'], ['disk'], workers=3)
        assert not os.listdir(folder)
        ran = run('--quick', '--dir', os.path.join(folder, 'none'), 'disk')
        assert ran.returncode == 1, ran
        assert ran.stderr == 'gyre-compare: one after the other: No such file or directory\n', ran

        def limit_size():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))

        ran = run('--quick', '--dir', folder, '--size', '200', 'disk', preexec_fn=limit_size)
        assert ran.returncode == 1 and ran.stderr.startswith('gyre-compare: one after'), ran
        assert not os.listdir(folder)


def gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@check
def nothing_is_left_behind():
    for number, send in [(signal.SIGINT, os.killpg), (signal.SIGKILL, os.kill)]:
        process = subprocess.Popen([PROGRAM, '--sleep', '60000', 'sleep'], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
        process.stdout.readline()
        send(process.pid, number)
        assert process.wait(20) == -number, process.returncode
        process.communicate()
        end = time.monotonic() + 20
        while not gone(process.pid):  # the others go with the first one
            assert time.monotonic() < end, number
            time.sleep(0.01)


def main():
    report = Report()
    for function in CHECKS:
        try:
            function()
            problem = ''
        except (AssertionError, subprocess.TimeoutExpired) as trouble:
            problem = f'{type(trouble).__name__}: {trouble}'
        report.check(function.__name__, problem)
    report.finish()


main()
