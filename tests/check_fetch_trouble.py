"""gyre-fetch in trouble: parts of files, full disks, terminals, interruptions, certificates.

check_fetch_trouble.py PROGRAM [CHECK]...
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
import shutil
import signal
import struct
import subprocess
import termios
import time

from fetch_run import PROGRAM, Skip, check, expect, objects, one_line, run, run_checks, wait_for
from fetch_site import Site, content


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


@check
def killed_and_resumed(site):
    """What is known about a part is beside it from its beginning."""
    process = subprocess.Popen([PROGRAM, '-s', '--resume', site.url('/slow/1000000/2/a')])
    wait_for(lambda: os.path.exists('a.part') and os.stat('a.part').st_size > 100000)
    process.kill()
    process.wait()
    site.forget()
    expect(run('-s', '--resume', site.url('/slow/1000000/2/a')), 0, {'a': content(1000000)})
    assert 'range' in site.requests[0][1]


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
        urls = [site.url(f'/file/10/{i}') for i in range(50)]
        one_line(expect(run('-s', '-o', disk, *urls), 1, {}, 'Read-only file system'))


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
        try:
            subprocess.run([PROGRAM, '--version'], preexec_fn=drop, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=True)
        except (PermissionError, subprocess.CalledProcessError):
            raise Skip('another user cannot run the program where it lies') from None
    done = run('-s', '-o', 'd', *[site.url(f'/file/10/{i}') for i in range(50)], limits=drop)
    one_line(expect(done, 1, {}, r'cannot write d/\d+: Permission denied'))


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
    for words, terminal, says in ((['-s', url], 'xterm', r''),
                                  ([url], 'dumb', r'.* -> a \(.*\n1 of 1 .*\n')):
        status, _, got = on_terminal(words, TERM=terminal)
        assert status == 0 and re.fullmatch(says, got), got


# ---- interruptions ----

def interrupted_run(site, words, sizes, number, after):
    """Runs, is interrupted; gives its exit status and results."""
    urls = [site.url(f'/slow/{size}/0.15/{i}') for i, size in enumerate(sizes)]
    process = subprocess.Popen([PROGRAM, '--json', '-c', '20', '-o', 'd', *words, *urls],
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
    for turn in range(20):
        number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[turn % 3]
        shutil.rmtree('d', ignore_errors=True)
        status, results, stderr = interrupted_run(site, [], sizes, number,
                                                  chance.uniform(0.05, 0.9))
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
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key', '-out', 'cert', '-subj',
                    f'/CN={name}', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
                   stderr=subprocess.DEVNULL, check=True)
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
    other = ['--resolve', f'other.example:{site.port}:127.0.0.1',
             f'https://other.example:{site.port}/file/5/y']
    done = expect(run('--cacert', 'cert', '--json', *other), 1)
    assert 'other.example' in objects(done)[0]['error'], done
    expect(run('--insecure', *other), 0)
    expect(run('--insecure', site.url(f'/to?{plain.url("/file/1/z")}')), 1)  # no way down to http
    assert not os.path.exists('z') and not os.path.exists('to')
    done = expect(run('--cacert', 'cert', '--json', site.url('/cut/100000/1/c')), 0)
    assert pathlib.Path('c').read_bytes() == content(100000)
    assert objects(done)[0]['phases']['tls'] > 0


run_checks()
