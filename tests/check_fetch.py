"""gyre-fetch as a user runs it: every option and exit status, terminals, full disks, interruptions.

check_fetch.py PROGRAM. The web site is fetch_site.py's; real servers are check_fetch_servers.py's.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import random
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

from fetch_site import Site, content
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
            assert next(pathlib.Path('.').rglob(name)).read_bytes() == wanted, f'{name} differs{told}'
    if says is not None:
        assert re.search(says, done.stderr), f'stderr does not say {says!r}{told}'
    return done


def one_line(done):
    """What is wrong is told in one line."""
    assert done.stderr.count('\n') == 1 and done.stderr.startswith('gyre-fetch: '), done.stderr
    return done


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- files and names ----

@check
def one_file(site):
    done = expect(run(site.url('/file/100000/a.bin')), 0, {'a.bin': content(100000)})
    assert done.stdout == ''
    expect(done, 0, says=r'a\.bin -> a\.bin \(100\.0 kB in ')
    expect(done, 0, says=r'(?m)^1 of 1 files, 100\.0 kB in .* s, .*B/s$')


@check
def empty_chunked_and_large_files(site):
    expect(run(site.url('/file/0/empty'), site.url('/chunked/54321/c'), site.url('/chunked/0/d'),
               site.url('/file/20000000/large')), 0,
           {'empty': b'', 'c': content(54321), 'd': b'', 'large': content(20000000)})


@check
def a_directory(site):
    expect(run('-o', 'a/b/c', site.url('/file/10/x')), 0, {'x': content(10)})
    assert pathlib.Path('a/b/c/x').is_file()
    expect(run('-o', 'a/b/c/', site.url('/file/11/x')), 0, {'x': content(11)})


@check
def a_file_name(site):
    expect(run('-O', 'here', site.url('/file/10/x')), 0, {'here': content(10)})
    os.mkdir('d')
    os.rename('here', 'd/real')
    os.chmod('d/real', 0o640)
    os.symlink('d/real', 'link')
    expect(run('-O', 'link', site.url('/file/20/x')), 0)
    assert os.path.islink('link') and pathlib.Path('d/real').read_bytes() == content(20)
    assert os.stat('d/real').st_mode & 0o777 == 0o640


@check
def stdout(site):
    done = subprocess.run([PROGRAM, '-s', '-O', '-', site.url('/file/3000000')],
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout == content(3000000)
    assert os.listdir('.') == []
    expect(run('-O', '/dev/null', site.url('/file/100')), 0, {})
    process = subprocess.Popen([PROGRAM, '-O', '-', site.url('/file/30000000')],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()  # as `| head -c 0`
    told = process.stderr.read()
    assert process.wait(20) == 1 and 'stdout: Broken pipe' in told, told


@check
def names_are_safe(site):
    paths = ['/file/1/../x', '/file/2/%2e%2e%2f%2e%2e%2fetc%2fpasswd', '/file/3/.bashrc',
             '/file/4/a%0ab%1b', '/file/5/-rf', '/file/6/' + 'n' * 400 + '.txt', '/file/7/',
             '/file/8/x', '/file/9/x', '/file/10/%FF']
    done = expect(run('--json', '-s', '-o', 'd', *map(site.url, paths)), 0)
    names = {result['url']: result['file'] for result in objects(done)}
    names = [names[site.url(path)] for path in paths]
    assert names[1:5] == ['d/_._.._etc_passwd'.replace('_.', '_.', 1), 'd/_bashrc', 'd/a_b_',
                          'd/_rf'], names
    assert names[5].endswith('n.txt') and len(names[5]) <= 202
    assert [names[0], *names[6:]] == ['d/x', 'd/index.html', 'd/x-2', 'd/x-3', 'd/_'], names
    assert sorted(os.listdir('.')) == ['d'] and len(os.listdir('d')) == 10
    assert [pathlib.Path(name).stat().st_size for name in names[1:]] == list(range(2, 11))


@check
def what_servers_suggest_does_not_count(site):
    expect(run(site.url('/to?/file/100/other')), 0, {'to': content(100)})


@check
def files_are_replaced_only_when_whole(site):
    pathlib.Path('a').write_bytes(b'old')
    os.chmod('a', 0o600)
    expect(run('--retry', 0, site.url('/blunt/1000/9/a')), 1, {'a': b'old'})
    expect(run(site.url('/file/1000/a')), 0, {'a': content(1000)})
    assert os.stat('a').st_mode & 0o777 == 0o600
    os.symlink('/etc/passwd', 'b')  # planted: is replaced, not followed
    expect(run(site.url('/file/5/b')), 0)
    assert not os.path.islink('b')
    os.mkdir('c')
    one_line(expect(run('-s', site.url('/file/5/c')), 1, says='cannot write c: Is a directory'))


# ---- options ----

@check
def help_and_version(site):
    for word in '-h', '--help':
        done = expect(run(word), 0)
        lines = done.stdout.splitlines()
        assert len(lines) <= 24 and max(map(len, lines)) <= 80 and done.stderr == '', done.stdout
    for option in ('-c -o -O -i -H --cacert --insecure --retry --max-time --max-redirs --resolve '
                   '--resume -s --json --help --version').split():
        assert re.search(rf'(?m){option}\b', done.stdout), option
    assert re.fullmatch(r'gyre-fetch \d+\.\d+\.\d+\n', expect(run('--version'), 0).stdout)


@check
def bad_usage(site):
    url = site.url('/file/1')
    for words in ([], ['-c', 0, url], ['-c', 'x', url], ['--nothing', url], ['-H', 'A', url],
                  ['--resolve', 'a:b', url], ['-o', 'a', '-O', 'b', url], ['-O', 'a', url, url],
                  ['-O', '-', '--json', url], ['--retry', -1, url], ['--max-time', 0, url], ['-O'],
                  ['ftp://a/'], ['example.org'], ['http://'], ['-o', PROGRAM, url],
                  ['-O', '.', url], ['--cacert', 'missing', url], ['--cacert', PROGRAM, url],
                  ['-i', 'missing'], ['-i', '.'], ['-i', '/dev/null']):
        one_line(expect(run(*words), 2, {}))
    assert site.requests == []


@check
def lists(site):
    pathlib.Path('list').write_text(f'# a comment\n\n  {site.url("/file/1/a")} \r\n'
                                    f'{site.url("/file/2/b")}')
    files = {'a': content(1), 'b': content(2), 'c': content(3)}
    expect(run('-i', '../list', site.url('/file/3/c'), cwd=make('d')), 0)
    expect(run('-o', 'd', '-i', 'list', site.url('/file/3/c')), 0,
           {**files, 'list': pathlib.Path('list').read_bytes()})
    os.unlink('list')
    expect(run('-i', '-', '-o', 'd', stdin='\n'.join(map(site.url, ['/file/1/a', '/file/2/b']))), 0, files)


def make(folder):
    os.mkdir(folder)
    return folder


@check
def bad_lists(site):
    good = site.url('/file/1/a').encode()
    for text, says in ((good + b'\nnonsense\n', r'list:2: .nonsense.: '), (b'', 'no URLs'),
                       (b'# only\n', 'no URLs'), (good + b'\n' + good + b'\0\n', 'list:2: '),
                       (b'h' * 100000, 'list:1: a line of more than'),
                       (good + b'\n' + good + b' x', 'list:2: '), (b'\xff\xfe' + good, 'list:1: ')):
        pathlib.Path('list').write_bytes(text)
        one_line(expect(run('-i', 'list'), 2, {'list': text}, says))
    one_line(expect(run('-i', '-', stdin='nonsense'), 2, says='stdin:1: '))
    assert site.requests == []


@check
def headers(site):
    done = expect(run('-O', '-', '-s', '-H', 'X-One: 1', '-H', 'X-Two:  two words ', '-H',
                      'User-Agent: me', site.url('/headers')), 0)
    for line in 'X-One: 1', 'X-Two: two words', 'User-Agent: me':
        assert f'\r\n{line}\r\n' in '\r\n' + done.stdout.replace('\n', '\r\n').replace('\r\r', '\r'), done.stdout
    assert done.stdout.lower().count('user-agent') == 1
    done = expect(run('-O', '-', '-s', site.url('/headers')), 0)
    assert 'gyre-fetch/' in done.stdout and 'accept-encoding: gzip' not in done.stdout.lower()


@check
def secrets_stay_with_their_host(site):
    other = Site()
    expect(run('-H', 'Authorization: secret', '-H', 'Cookie: secret', '-H', 'X-Other: stays',
               site.url(f'/to?{other.url("/headers")}')), 0)
    assert site.requests[0][1]['authorization'] == 'secret'
    assert 'secret' not in str(other.requests) and 'stays' in str(other.requests)


@check
def resolve(site):
    url = f'http://name.invalid:{site.port}/file/10/a'
    expect(run('--resolve', f'name.invalid:{site.port}:127.0.0.1', url), 0, {'a': content(10)})
    assert site.requests[0][1]['host'] == f'name.invalid:{site.port}'
    done = expect(run('--retry', 0, '--json', f'http://name.invalid:{site.port}/'), 1)
    assert objects(done)[0]['status'] is None


@check
def redirects(site):
    done = expect(run('--json', '-s', site.url('/redirect/10')), 0, {'10': content(1000)})
    assert objects(done)[0]['final_url'] == site.url('/file/1000/end')
    expect(run(site.url('/redirect/11')), 1)
    expect(run('--max-redirs', 2, site.url('/redirect/2')), 0)
    expect(run('--max-redirs', 2, site.url('/redirect/3')), 1)
    expect(run('--max-redirs', 0, site.url('/redirect/1')), 1, says='HTTP 302')


@check
def silence(site):
    done = expect(run('-s', site.url('/file/1/a')), 0)
    assert done.stderr == '' and done.stdout == ''
    one_line(expect(run('-s', site.url('/file/1/a'), site.url('/status/404')), 1, says='HTTP 404'))


@check
def secrets_stay_out_of_logs(site):
    url = site.url('/status/404').replace('://', '://me:secret@')
    done = expect(run(url, url.replace('status/404', 'file/5/a')), 1, {'a': content(5)})
    assert 'secret' not in done.stderr and '://...@127' in done.stderr, done.stderr
    assert site.requests[0][1]['authorization'].startswith('Basic ')


@check
def closed_descriptors(site):
    for closed in ('<&-', '>&-', '2>&-', '<&- >&- 2>&-'):
        command = f'exec "$0" -O a "$1" {closed}'
        subprocess.run(['sh', '-c', command, PROGRAM, site.url('/file/1000')], check=True,
                       stderr=subprocess.DEVNULL)
        assert pathlib.Path('a').read_bytes() == content(1000)
        os.unlink('a')
    for words, closed in ((['--json'], '>&-'), (['-O', '-'], '>&-'), (['-i', '-'], '<&-')):
        done = subprocess.run(['sh', '-c', f'exec "$0" "$@" {closed}', PROGRAM, *words,
                               site.url('/file/1000/b')], stderr=subprocess.PIPE, text=True)
        assert done.returncode != 0 and 'Bad file descriptor' in done.stderr, done


# ---- results ----

@check
def json_lines(site):
    urls = [site.url('/file/1000/a'), site.url('/status/404'), 'http://127.0.0.1:9/refused']
    done = expect(run('--json', '--retry', 0, '-o', 'd', *urls), 1)
    results = {result['url']: result for result in objects(done)}
    assert set(results) == set(urls)
    fine, missing, refused = (results[url] for url in urls)
    assert list(fine)[:6] == ['url', 'final_url', 'status', 'bytes', 'file', 'error']
    assert (fine['final_url'], fine['status'], fine['bytes'], fine['file'], fine['error']) == (
        urls[0], 200, 1000, 'd/a', None)
    assert fine['phases']['total'] >= fine['phases']['first_byte'] > 0, fine
    assert (missing['status'], missing['file'], missing['error']) == (404, None, 'HTTP 404 Not Found')
    assert refused['status'] is None and refused['final_url'] is None
    assert 'refused' in refused['error'].lower() and refused['bytes'] == 0, refused


@check
def failures_and_their_reasons(site):
    urls = [site.url(f'/status/404/{i}') for i in range(5)] + [site.url('/status/403')]
    done = expect(run('--retry', 0, site.url('/file/1/a'), *urls), 1, {'a': content(1)})
    expect(done, 1, says=r'(?m)^1 of 7 files, .*; 6 failed$')
    expect(done, 1, says=r'(?m)^  5 x HTTP 404 Not Found\n  1 x HTTP 403 Forbidden$')
    assert done.stderr.count('gyre-fetch: http') == 6


@check
def nothing_foreign_reaches_the_terminal(site):
    done = expect(run('--json', site.url('/odd')), 1, {})
    assert not re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f]', done.stderr + done.stdout), done


@check
def retries(site):
    done = expect(run('--json', '-s', site.url('/flaky/2/503/a'), site.url('/drop/1/b')), 0,
                  {'a': content(1000), 'b': content(1000)})
    attempts = {result['file']: result['attempts'] for result in objects(done)}
    assert attempts['a'] == 3 and attempts['b'] <= 2, attempts
    site.forget()
    for path in '/status/404', '/status/501':
        expect(run(site.url(path)), 1)
        assert site.counts[path] == 1
    expect(run('--retry', 1, site.url('/status/500')), 1)
    assert site.counts['/status/500'] == 2
    expect(run('--retry', 0, site.url('/status/408')), 1)
    assert site.counts['/status/408'] == 1


@check
def retry_after(site):
    began = time.monotonic()
    expect(run(site.url('/later/2/a')), 0, {'a': content(1000)})
    assert time.monotonic() - began >= 1.9
    expect(run(site.url('/later/7200/b')), 1, says='not before 7200')


@check
def goes_on_where_it_broke_off(site):
    expect(run(site.url('/cut/100000/2/a')), 0, {'a': content(100000)})
    ranges = [headers.get('range') for path, headers in site.requests]
    assert ranges == [None, 'bytes=50000-', 'bytes=75000-'], ranges
    expect(run(site.url('/blunt/100000/1/b')), 0, {'a': content(100000), 'b': content(100000)})
    done = subprocess.run([PROGRAM, '-s', '-O', '-', site.url('/cut/100000/1/c')],
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout == content(100000)
    expect(run('-O', '-', site.url('/blunt/100000/1/d')), 1, says='cannot go on')


@check
def time_limits(site):
    began = time.monotonic()
    done = expect(run('--max-time', 0.5, '--json', site.url('/hang'), site.url('/slow/100000/30/a'),
                      site.url('/status/503'), site.url('/file/1/b')), 1, {'b': content(1)},
                  'not done within 0.50 s')
    assert time.monotonic() - began < 10
    assert sum(result['error'] is not None for result in objects(done)) == 3


@check
def concurrency(site):
    expect(run('-c', 3, *[site.url(f'/slow/100/0.1/{i}') for i in range(12)]), 0)
    assert site.most_open == 3, site.most_open
    site.forget()
    began = time.monotonic()
    expect(run('-c', 40, *[site.url(f'/slow/100/0.5/{i}') for i in range(40)]), 0)
    assert site.most_open > 30 and time.monotonic() - began < 10


@check
def two_thousand(site):
    urls = [site.url(f'/file/{i * 37 % 5000}/{i}') for i in range(2000)]
    pathlib.Path('list').write_text('\n'.join(urls))
    done = expect(run('-c', 200, '--json', '-o', 'd', '-i', 'list'), 0)
    assert len(objects(done)) == 2000 and len(os.listdir('d')) == 2000
    for i in range(2000):
        assert pathlib.Path(f'd/{i}').read_bytes() == content(i * 37 % 5000), i
    assert site.most_open <= 200


@check
def bounded_memory(site):
    peaks = []
    for size in 1000, 200_000_000:
        process = subprocess.Popen([PROGRAM, '-s', site.url(f'/file/{size}/{size}')])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        assert status == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] - peaks[0] < 16384, f'{peaks} KiB'


# ---- resuming ----

@check
def resume(site):
    name = '/slow/1000000/2/a'
    process = subprocess.Popen([PROGRAM, '--resume', site.url(name)], stderr=subprocess.PIPE)
    wait_for(lambda: os.path.exists('a.part') and os.stat('a.part').st_size > 100000)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 1 and sorted(os.listdir('.')) == ['a.part', 'a.part.info']
    size = os.stat('a.part').st_size
    assert pathlib.Path('a.part').read_bytes() == content(1000000)[:size]
    assert os.stat('a.part.info').st_mode & 0o077 == 0
    site.forget()
    done = expect(run('--resume', '--json', site.url(name)), 0, {'a': content(1000000)}, 'resumed')
    assert site.requests[0][1]['range'] == f'bytes={size}-'
    assert site.requests[0][1]['if-range'] == '"v1"'
    assert objects(done)[0]['resumed'] == size and objects(done)[0]['bytes'] == 1000000
    done = expect(run('--resume', site.url(name)), 0, {'a': content(1000000)}, 'was there')


def leave_part(site, path, part, total=None, url=None):
    """As an earlier run would have left it."""
    name = path.split('/')[-1]
    pathlib.Path(f'{name}.part').write_bytes(part)
    pathlib.Path(f'{name}.part.info').write_text(
        f'gyre-fetch 1\nurl {url or site.url(path)}\nversion "v1"\ntotal {total or -1}\n')


@check
def resume_of_what_does_not_fit(site):
    path, whole = '/file/1000/a', {'a': content(1000)}
    for part, keywords in ((b'x' * 10, {'url': 'http://other.example/a'}),  # of another URL
                           (b'x' * 2000, {'total': 1000}),                  # too long
                           (b'x' * 2000, {}),                              # 416
                           (b'', {'total': 1000})):
        leave_part(site, path, part, **keywords)
        expect(run('--resume', site.url(path)), 0, whole)
        os.unlink('a')
    leave_part(site, path, content(1000), total=1000)  # whole, but for its name
    expect(run('--resume', site.url(path)), 0, whole)
    os.unlink('a')
    pathlib.Path('a.part').write_bytes(b'x' * 10)  # nothing is known about it
    expect(run('--resume', site.url(path)), 0, whole)
    os.unlink('a')
    pathlib.Path('a').write_bytes(b'x' * 999)  # of another size
    expect(run('--resume', site.url(path)), 0, whole)
    site.version = 2  # another version by now
    leave_part(site, path, b'x' * 10)
    expect(run('--resume', site.url(path)), 0, whole)


@check
def resume_keeps_what_failed(site):
    expect(run('--resume', '--retry', 0, site.url('/cut/100000/1/a')), 1)
    assert pathlib.Path('a.part').read_bytes() == content(100000)[:50000]
    expect(run('--resume', '--retry', 0, site.url('/cut/100000/1/a')), 0, {'a': content(100000)})
    expect(run('--resume', '--retry', 0, site.url('/status/404')), 1, {'a': content(100000)})


@check
def one_program_at_a_part(site):
    process = subprocess.Popen([PROGRAM, '-s', '--resume', site.url('/slow/100000/2/a')])
    wait_for(lambda: os.path.exists('a.part'))
    expect(run('-s', '--resume', site.url('/slow/100000/2/a')), 1, says='another program')
    assert process.wait(20) == 0 and pathlib.Path('a').read_bytes() == content(100000)


# ---- disks ----

@check
def full_device(site):
    if not os.path.exists('/dev/full'):
        raise Skip('no /dev/full')
    done = expect(run('-s', '-O', '/dev/full', site.url('/file/100')), 1, {},
                  'cannot write /dev/full: No space left on device')
    one_line(done)
    with open('/dev/full', 'w') as full:
        done = subprocess.run([PROGRAM, '-s', '--json', site.url('/file/100/a')], stdout=full,
                              stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1 and 'stdout: No space left' in done.stderr, done
        done = subprocess.run([PROGRAM, '--help'], stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 1


@contextlib.contextmanager
def mounted(options):
    """A small file system in memory, below the current folder."""
    os.mkdir('disk')
    command = ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', 'disk']
    if os.getuid() != 0 or subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
        raise Skip('mounting takes root')
    try:
        yield 'disk'
    finally:
        subprocess.run(['umount', 'disk'], check=True)


@check
def full_disk(site):
    with mounted('size=1m') as disk:
        urls = [site.url('/file/3000000/large')] + [site.url(f'/file/10/{i}') for i in range(100)]
        done = expect(run('-c', 1, '--json', '-s', '-o', disk, *urls), 1, {},
                      'No space left on device')
        one_line(done)
        assert len(objects(done)) == 101 and os.listdir(disk) == []
        assert all('No space left' in result['error'] for result in objects(done))
        expect(run('-o', disk, site.url('/file/10/small')), 0)


@check
def read_only_disk(site):
    with mounted('size=1m,ro') as disk:
        one_line(expect(run('-s', '-o', disk, *[site.url(f'/file/10/{i}') for i in range(50)]), 1, {},
                        'Read-only file system'))


@check
def read_only_directory(site):
    os.mkdir('d')
    os.chmod('d', 0o555)
    drop = None
    if os.getuid() == 0:
        os.chmod('.', 0o755)

        def drop():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        if subprocess.run([PROGRAM, '--version'], preexec_fn=drop, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode:
            raise Skip('another user cannot run the program where it lies')
    done = run('-s', '-o', 'd', *[site.url(f'/file/10/{i}') for i in range(50)], limits=drop)
    one_line(expect(done, 1, {}, 'cannot write d/0: Permission denied'))


@check
def a_limit_on_file_sizes(site):
    done = run('-s', '--retry', 0, site.url('/file/3000000/a'), site.url('/file/10/b'),
               limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, 1000000)))
    one_line(expect(done, 1, {'b': content(10)}, 'cannot write a: File too large'))


@check
def a_limit_on_open_files(site):
    urls = [site.url(f'/file/10/{i}') for i in range(300)]

    def few(hard):
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    expect(run('-c', 150, '-o', 'd', *urls, limits=few(2000)), 0)
    one_line(expect(run('-c', 150, '-o', 'd', *urls, limits=few(64)), 2, says='ulimit'))


# ---- terminals ----

def on_terminal(words, columns=80, TERM='xterm', interrupt=None):
    """Runs with stderr at a terminal; gives the exit status, stdout and what the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    process = subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE, stderr=theirs,
                               env={**os.environ, 'TERM': TERM})
    os.close(theirs)
    got = b''
    with contextlib.suppress(OSError):  # EIO is its end
        while block := os.read(ours, 65536):
            got += block
    os.close(ours)
    output = process.stdout.read().decode()
    return process.wait(20), output, got.decode().replace('\r\n', '\n')


def bars(got):
    """What was drawn, each time."""
    return [part.split('\n')[0] for part in got.split('\r\x1b[K')[1:]]


@check
def bar_of_one_file(site):
    for columns in 80, 40, 20, 300:
        status, _, got = on_terminal([site.url('/slow/3000000/1.5/a')], columns)
        drawn = [bar for bar in bars(got) if bar and ' of 1 files' not in bar]
        assert status == 0 and len(drawn) >= 3, got
        assert max(map(len, drawn)) < columns, (columns, drawn)
        assert all('%' in bar for bar in drawn[1:]), drawn
        if columns >= 80:
            assert re.search(r'\[=+> *\] .*\d+% .* of 3\.0 MB  .*/s  \d:\d\d left', got), got
        assert got.endswith('/s\n') and '\x1b' not in got.rsplit('\x1b[K', 1)[1]


@check
def bar_of_many_files(site):
    urls = [site.url(f'/slow/1000/0.3/{i}') for i in range(60)] + [site.url('/status/404')]
    status, output, got = on_terminal(['-c', '10', '--json', *urls])
    assert status == 1 and len(output.splitlines()) == 61
    assert re.search(r'\[=+> *\] +\d+%  \d+ of 61 files', got), got
    assert ' -> ' not in got and 'HTTP 404' in got
    assert re.search(r'(?m)^60 of 61 files, 60\.0 kB .*; 1 failed$', bars(got)[-1] + got), got


@check
def no_bar(site):
    url = site.url('/slow/100000/0.7/a')
    for words, terminal, says in ((['-s', url], 'xterm', r''), ([url], 'dumb', r'.* -> a \(.*\n1 of 1 .*\n')):
        status, _, got = on_terminal(words, TERM=terminal)
        assert status == 0 and re.fullmatch(says, got), got


# ---- interruptions ----

def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, 'nothing happened'
        time.sleep(0.005)


def interrupted_run(site, words, sizes, number, after):
    """Runs, is interrupted; gives its exit status and results."""
    process = subprocess.Popen([PROGRAM, '--json', '-c', '20', '-o', 'd', *words,
                                *[site.url(f'/slow/{size}/0.15/{i}') for i, size in enumerate(sizes)]],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(after)
    process.send_signal(number)
    began = time.monotonic()
    stdout, stderr = process.communicate(timeout=20)
    assert time.monotonic() - began < 5, 'took long to end'
    assert 'Sanitizer' not in stderr, stderr
    return process.returncode, [json.loads(line) for line in stdout.splitlines()], stderr


@check
def interruptions_leave_whole_files(site):
    chance = random.Random(7)
    sizes = [chance.choice((0, 100, 5000, 100000)) for _ in range(100)]
    for turn in range(25):
        number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[turn % 3]
        shutil.rmtree('d', ignore_errors=True)
        status, results, stderr = interrupted_run(site, [], sizes, number, chance.uniform(0.05, 0.9))
        if status == -number:
            assert not os.path.exists('d') or os.listdir('d') == [], 'died before it began'
            continue
        assert status in (0, 1) and len(results) == 100, (status, len(results), stderr)
        fine = sorted(result['file'][2:] for result in results if result['error'] is None)
        assert fine == sorted(os.listdir('d')), (fine, os.listdir('d'))
        for name in fine:
            assert pathlib.Path('d', name).read_bytes() == content(sizes[int(name)])
        assert status == 0 or all(result['error'] in (None, 'interrupted') for result in results)
        assert status == 0 or 'not fetched (interrupted)' in stderr, stderr


@check
def interruptions_and_resuming(site):
    chance = random.Random(8)
    sizes = [chance.choice((100, 5000, 200000)) for _ in range(60)]
    resumed, turns, status = 0, 0, 1
    while status != 0:
        turns += 1
        assert turns < 50, 'makes no progress'
        status, results, stderr = interrupted_run(site, ['--resume'], sizes, signal.SIGINT,
                                                  chance.uniform(0.1, 0.35))
        if status < 0:
            continue
        resumed += sum(0 < result['resumed'] < result['bytes'] for result in results)
        for path in pathlib.Path('d').glob('*.part'):
            whole = content(sizes[int(path.stem)])
            assert whole.startswith(path.read_bytes()), path
    assert sorted(os.listdir('d'), key=int) == [str(i) for i in range(60)]
    for i, size in enumerate(sizes):
        assert pathlib.Path('d', str(i)).read_bytes() == content(size), i
    assert resumed > 0


@check
def a_second_interruption(site):
    process = subprocess.Popen([PROGRAM, '--json', '-c', '30', '-o', 'd',
                                *[site.url(f'/slow/100000/5/{i}') for i in range(300)]],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_for(lambda: os.path.exists('d') and len(os.listdir('d')) >= 10)
    process.send_signal(signal.SIGINT)  # nobody reads stdout, so the end is held up
    process.send_signal(signal.SIGINT)
    time.sleep(1.2)
    assert process.poll() is None and os.listdir('d') == []
    process.send_signal(signal.SIGINT)
    with contextlib.closing(process.stdout):
        assert process.wait(10) == -signal.SIGINT
    assert os.listdir('d') == []


@check
def signals_that_are_ignored(site):
    process = subprocess.Popen([PROGRAM, '-s', site.url('/slow/1000/1/a')],
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    time.sleep(0.4)
    process.send_signal(signal.SIGHUP)  # as under nohup
    assert process.wait(10) == 0


# ---- TLS ----

def certificate(name):
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    if not shutil.which('openssl'):
        raise Skip('no openssl')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                    '-nodes', '-keyout', 'key', '-out', 'cert', '-subj', f'/CN={name}', '-addext',
                    'subjectAltName=DNS:localhost,IP:127.0.0.1'], stderr=subprocess.DEVNULL, check=True)
    both = pathlib.Path('cert').read_bytes() + pathlib.Path('key').read_bytes()
    pathlib.Path('both').write_bytes(both)
    return 'both'


@check
def https(plain):
    certificate('gyre test')
    site = Site('both')
    urls = [site.url(f'/file/{1000 + i}/{i}') for i in range(40)]
    expect(run('--cacert', 'cert', '-o', 'd', *urls), 0)
    assert len(os.listdir('d')) == 40
    site.forget()
    expect(run('--retry', 3, site.url('/file/5/x')), 1, says='certificate')
    assert not os.path.exists('x') and site.requests == []
    expect(run('--insecure', site.url('/file/5/x')), 0)
    done = expect(run('--cacert', 'cert', '--json', '--resolve', f'other.example:{site.port}:127.0.0.1',
                      f'https://other.example:{site.port}/file/5/y'), 1)
    assert 'other.example' in objects(done)[0]['error'], done
    expect(run('--insecure', '--resolve', f'other.example:{site.port}:127.0.0.1',
               f'https://other.example:{site.port}/file/5/y'), 0)
    expect(run('--insecure', site.url(f'/to?{plain.url("/file/1/z")}')), 1)  # no way down to http
    assert not os.path.exists('z') and not os.path.exists('to')
    done = expect(run('--cacert', 'cert', '--json', site.url('/cut/100000/1/c')), 0)
    assert pathlib.Path('c').read_bytes() == content(100000)
    assert objects(done)[0]['phases']['tls'] > 0


def main():
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
            except (AssertionError, OSError, subprocess.SubprocessError, ValueError, LookupError) as problem:
                report.check(function.__name__, f'{type(problem).__name__}: {problem}')
            finally:
                os.chdir(home)
    report.finish()


main()
