"""Running gyre-fetch for check_fetch.py and check_fetch_trouble.py, each check in a new folder."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from fetch_site import Site
from report import Report

PROGRAM = os.path.abspath(sys.argv[1])
CHECKS = []


class Skip(Exception):
    """Raised with the reason why a check cannot run here."""


def check(function):
    CHECKS.append(function)
    return function


def run(*words, stdin=None, limits=None, timeout=60, **options):
    """Runs gyre-fetch in the current folder; gives its CompletedProcess, with texts."""
    return subprocess.run([PROGRAM, *map(str, words)], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, preexec_fn=limits,
                          encoding='utf-8', errors='backslashreplace', **options)


def expect(done, status, files=None, says=None):
    """Checks the exit status, which files there are with which bytes, and what stderr matches."""
    told = f'\n--- stdout\n{done.stdout}--- stderr\n{done.stderr}'
    assert done.returncode == status, f'exit status {done.returncode}, not {status}{told}'
    if files is not None:
        found = {path.name for path in pathlib.Path('.').rglob('*') if path.is_file()}
        assert found == set(files), f'files {sorted(found)}, not {sorted(files)}{told}'
        for name, wanted in files.items():
            there = next(pathlib.Path('.').rglob(name)).read_bytes()
            assert there == wanted, f'{name} differs{told}'
    if says is not None:
        assert re.search(says, done.stderr), f'stderr does not say {says!r}{told}'
    return done


def one_line(done):
    """What is wrong is told in one line."""
    assert done.stderr.count('\n') == 1 and done.stderr.startswith('gyre-fetch: '), done.stderr
    return done


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, 'nothing happened'
        time.sleep(0.005)


def run_checks():
    """Runs the checks of the program, or those that are named: PROGRAM [NAME]..."""
    report = Report()
    home = os.getcwd()
    wanted = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix='gyre-fetch-') as folder:
        for number, function in enumerate(CHECKS):
            if wanted and function.__name__ not in wanted:
                continue
            scratch = pathlib.Path(folder, str(number))
            scratch.mkdir()
            os.chmod(folder, 0o755)
            os.chdir(scratch)
            began = time.monotonic()
            try:
                function(Site())
                if os.environ.get('TIMES'):
                    print(f'{time.monotonic() - began:.2f} s  {function.__name__}')
                report.check(function.__name__, '')
            except Skip as reason:
                report.skip(function.__name__, reason)
            except (AssertionError, OSError, subprocess.SubprocessError, ValueError,
                    LookupError) as problem:
                report.check(function.__name__, f'{type(problem).__name__}: {problem}')
            finally:
                os.chdir(home)
    report.finish()

