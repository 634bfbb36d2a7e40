"""gyre-httpd as a user runs it: every option and exit status, TLS, workers, signals, real clients.

check_httpd.py PROGRAM.
"""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from report import Report

PROGRAM = os.path.abspath(sys.argv[1])
CHECKS = []


class Skip(Exception):
    """Raised with the reason why a check cannot run here."""


def check(function):
    CHECKS.append(function)
    return function


@contextlib.contextmanager
def served(*words, told=False):
    """Runs gyre-httpd on a free port; gives its process and its port, and ends it with SIGTERM.

    told: the check itself has done so.
    """
    process = subprocess.Popen([PROGRAM, '--port', '0', *words, 'site'], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        match = re.fullmatch(r'listening on https?://(\S+):(\d+)\n', line)
        assert match, line + process.stderr.read()
        yield process, int(match[2])
        if not told:
            process.send_signal(signal.SIGTERM)  # a second one would end it at once
        process.wait(20)
        assert process.returncode == 0, (process.returncode, process.stderr.read())
    finally:
        process.kill()
        process.communicate()


def get(port, path, headers=None, method='GET', connection=None):
    client = connection or http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    client.request(method, path, headers=headers or {})
    answer = client.getresponse()
    body = answer.read()
    if not connection:
        client.close()
    return answer.status, dict(answer.getheaders()), body


def usage(words, says, status=2):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == status, done
    assert len(done.stderr.splitlines()) == 1 and re.search(says, done.stderr), done.stderr


@check
def the_command_line():
    usage([], 'which directory')
    usage(['a', 'b'], 'one directory')
    usage(['--port', 'x', 'site'], '--port takes a number')
    usage(['--port', '65536', 'site'], 'from 0 to 65535')
    usage(['--port'], 'takes a value')
    usage(['--frob', 'site'], 'unknown option --frob')
    usage(['--bind', 'example.org', 'site'], 'numeric address')
    usage(['--cert', 'x', 'site'], 'belong together')
    usage(['missing'], 'missing: No such file', 1)
    usage(['site/hello.txt'], 'Not a directory', 1)
    usage(['--access-log', 'missing/log', '--port', '0', 'site'], 'missing/log: No such file', 1)
    usage(['--cert', 'none.pem', '--key', 'none.pem', 'site'], 'none.pem', 1)
    usage(['--bind', '192.0.2.1', '--port', '0', 'site'], 'cannot serve on 192.0.2.1', 1)
    for word in '-h', '--help', '--version':
        done = subprocess.run([PROGRAM, word], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and done.stdout and not done.stderr, done


@check
def files_and_directories():
    with served() as (_, port):
        status, headers, body = get(port, '/hello.txt')
        assert (status, body) == (200, b'hello, world\n')
        assert headers['Content-Type'].startswith('text/plain') and headers['Server'] == 'gyre-httpd'
        assert get(port, '/hello.txt', method='HEAD')[2] == b''
        assert get(port, '/hello.txt', {'If-None-Match': headers['ETag']})[0] == 304
        assert get(port, '/hello.txt', {'Range': 'bytes=7-11'})[::2] == (206, b'world')
        assert get(port, '/big')[2] == pathlib.Path('site/big').read_bytes()
        assert get(port, '/with/')[2] == b'<p>index</p>\n'
        assert get(port, '/with')[1]['Location'].endswith('/with/')
        assert b'hello.txt' in get(port, '/')[2]
        assert get(port, '/missing')[0] == 404
        assert get(port, '/.hidden')[0] == 404
        assert get(port, '/../check')[0] in (400, 403, 404)
        assert get(port, '/%2e%2e/check')[0] in (400, 403, 404)
        assert get(port, '/outside')[0] in (403, 404)
        assert get(port, '/hello.txt', method='POST')[0] == 405
    with served('--no-listing', '--hidden') as (_, port):
        assert get(port, '/')[0] == 403
        assert get(port, '/.hidden')[2] == b'secret\n'


@check
def the_access_log():
    with served('--access-log', 'log') as (_, port):
        get(port, '/hello.txt')
        get(port, '/missing"x')
    lines = pathlib.Path('log').read_text().splitlines()
    assert len(lines) == 2, lines
    assert re.fullmatch(r'127\.0\.0\.1:\d+ - - \[[^]]+\] "GET /hello.txt HTTP/1.1" 200 13 [\d.]+ms',
                        lines[0]), lines
    assert re.search(r'"-" 400 \d+ ', lines[1]), lines


@check
def the_other_address_family():
    try:
        socket.create_server(('::1', 0), family=socket.AF_INET6).close()
    except OSError as error:
        raise Skip(f'no IPv6: {error}') from None
    with served('--bind', '::1') as (_, port):
        client = http.client.HTTPConnection('::1', port, timeout=10)
        assert get(port, '/hello.txt', connection=client)[0] == 200


@check
def tls():
    if not shutil.which('openssl'):
        raise Skip('openssl is not installed')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem', '-out', 'cert.pem',
                    '-subj', '/CN=localhost', '-days', '2', '-addext', 'subjectAltName=DNS:localhost'],
                   check=True, capture_output=True)
    for workers in '1', '2':
        with served('--cert', 'cert.pem', '--key', 'key.pem', '--workers', workers) as (_, port):
            context = ssl.create_default_context(cafile='cert.pem')
            client = http.client.HTTPSConnection('localhost', port, timeout=10, context=context)
            assert get(port, '/big', connection=client)[2] == pathlib.Path('site/big').read_bytes()
            client.close()


@check
def a_request_under_way_is_finished():
    with served(told=True) as (process, port):
        raw = socket.create_connection(('127.0.0.1', port), timeout=20)
        raw.sendall(b'GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
        head, _, body = raw.recv(1024).partition(b'\r\n\r\n')
        process.send_signal(signal.SIGTERM)
        size = len(body)
        while piece := raw.recv(1 << 20):
            size += len(piece)
        assert size == 60_000_000, (head, size)


@check
def an_idle_connection_does_not_hold_it_up():
    with served(told=True) as (process, port):
        client = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
        get(port, '/hello.txt', connection=client)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert time.monotonic() - start < 8, 'waited for the grace time'
        client.close()


@check
def workers_share_the_port():
    with served('--workers', '2') as (process, port):
        children = pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children')
        pids = children.read_text().split()
        assert len(pids) == 2, pids
        for _ in range(40):
            assert get(port, '/hello.txt')[0] == 200
        os.kill(int(pids[0]), signal.SIGKILL)  # is replaced
        deadline = time.monotonic() + 20
        while True:
            now = children.read_text().split()
            if len(now) == 2 and pids[0] not in now:
                break
            assert time.monotonic() < deadline, now
            time.sleep(0.05)
        assert get(port, '/hello.txt')[0] == 200


@check
def many_clients_at_once():
    expected = pathlib.Path('site/big').read_bytes()
    wrong = []
    with served() as (_, port):
        def client():
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
            for _ in range(5):
                if get(port, '/big', connection=connection)[2] != expected:
                    wrong.append(1)
            connection.close()
        threads = [threading.Thread(target=client) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


@check
def curl_fetches():
    if not shutil.which('curl'):
        raise Skip('curl is not installed')
    with served() as (_, port):
        url = f'http://127.0.0.1:{port}'
        done = subprocess.run(['curl', '-sS', '--fail', '-C', '5', f'{url}/hello.txt'],
                              capture_output=True, timeout=20)
        assert done.stdout == b', world\n', done
        done = subprocess.run(['curl', '-sS', '--fail', f'{url}/missing'], capture_output=True,
                              timeout=20)
        assert done.returncode == 22, done


def make_site():
    site = pathlib.Path('site')
    (site / 'with').mkdir(parents=True)
    (site / 'hello.txt').write_text('hello, world\n')
    (site / '.hidden').write_text('secret\n')
    (site / 'big').write_bytes(bytes(range(256)) * 12000)
    with (site / 'large').open('wb') as large:  # more than the buffers of a connection
        large.truncate(60_000_000)
    (site / 'with/index.html').write_text('<p>index</p>\n')
    pathlib.Path('check').write_text('not to be seen\n')
    (site / 'outside').symlink_to('../check')


def main():
    report = Report()
    home = os.getcwd()
    wanted = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix='gyre-httpd-') as folder:
        os.chdir(folder)
        make_site()
        for function in CHECKS:
            if wanted and function.__name__ not in wanted:
                continue
            try:
                function()
                report.check(function.__name__, '')
            except Skip as reason:
                report.skip(function.__name__, reason)
            except (AssertionError, OSError, subprocess.SubprocessError, ValueError, LookupError,
                    http.client.HTTPException) as problem:
                report.check(function.__name__, f'{type(problem).__name__}: {problem}')
        os.chdir(home)
    report.finish()


main()
