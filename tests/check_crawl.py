"""gyre-crawl as a user runs it, on a small site with loops, redirects, dead links and odd HTML.

check_crawl.py PROGRAM.
"""

import asyncio
import gzip
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
HTML = 'text/html; charset=utf-8'


def check(function):
    CHECKS.append(function)
    return function


class Site:
    """Serves the pages of `self.pages`: path -> text, bytes, number (a status), or a dict of status,
    type, body, headers, delay, drop (so many times), raw."""

    def __init__(self, context=None):
        self.pages, self.asked, self.agents = {}, [], set()
        self.open = self.most_open = 0
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda *_: None)
        self.server = self.loop.run_until_complete(asyncio.start_server(
            self.serve, '127.0.0.1', 0, backlog=1000, ssl=context))
        self.port = self.server.sockets[0].getsockname()[1]
        self.root = f'http{"s" if context else ""}://127.0.0.1:{self.port}'
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def show(self, pages):
        self.pages, self.asked = pages, []
        self.most_open = 0

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b'\r\n\r\n')).decode('latin-1')
                path = head.split(' ')[1]
                self.asked.append(path)
                self.agents.add(re.search(r'(?i)^user-agent: (.*)\r', head, re.M)[1])
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                try:
                    if not await self.answer(writer, path):
                        break
                finally:
                    self.open -= 1
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def answer(self, writer, path):
        page = self.pages.get(path, 404)
        if isinstance(page, int):
            page = {'status': page, 'body': 'no'}
        if not isinstance(page, dict):
            page = {'body': page}
        await asyncio.sleep(page.get('delay', 0))
        if page.get('drop', 0) > 0:
            page['drop'] -= 1
            return False
        if 'raw' in page:
            writer.write(page['raw'])
            return False
        body = page.get('body', '')
        body = body.encode() if isinstance(body, str) else body
        lines = [f'HTTP/1.1 {page.get("status", 200)} Whatever', f'Content-Length: {len(body)}',
                 f'Content-Type: {page.get("type", HTML)}', *page.get('headers', [])]
        writer.write('\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body)
        await writer.drain()
        return True

    def visited(self):
        """The paths that were asked for, in alphabetical order."""
        return sorted(path for path in self.asked if path != '/robots.txt')


def run(*words, timeout=60, **options):
    return subprocess.run([PROGRAM, *map(str, words)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **options)


def expect(done, status, says=()):
    told = f'\n--- stdout\n{done.stdout}--- stderr\n{done.stderr}'
    assert done.returncode == status, f'exit status {done.returncode}, not {status}{told}'
    for pattern in [says] if isinstance(says, str) else says:
        assert re.search(pattern, done.stdout, re.M), f'does not say {pattern!r}{told}'
    assert done.stdout.isascii() and done.stdout.replace('\n', '').isprintable(), told
    return done


def crawl(site, pages, *words, status=0, says=(), paths=None):
    """Crawls the pages from "/" on, and checks which were asked for, each once."""
    site.show(pages)
    done = expect(run(*words, site.root + '/'), status, says)
    wanted = sorted(pages if paths is None else paths)
    assert site.visited() == wanted, f'visited {site.visited()}, not {wanted}\n{done.stdout}'
    return done


def links(*targets):
    return ''.join(f'<a href="{target}">x</a>\n' for target in targets)


# ---- following ----

@check
def every_page_once(site):
    crawl(site, {'/': links('/a', 'b', './c', '/', '#top', '', '/a#part', '?q=1'),
                 '/a': links('/', 'a', 'b'), '/b': links('a/../c', '/d/e/'),
                 '/c': links(site.root + '/a', f'//127.0.0.1:{site.port}/f'), '/d/e/': links('../g'),
                 '/f': 'no links', '/d/g': '', '/?q=1': links('?q=1', '?q=1&r=2'), '/?q=1&r=2': ''},
          says=[r'^9 pages, \d+ B in \d+\.\d\d s, up to \d+ at a time',
                r'^0 redirects, 0 left alone as robots.txt asks, 0 failures$',
                r'^statuses: 9 of 200$'])
    assert site.asked.count('/robots.txt') == 1 and site.agents == {next(iter(site.agents))}
    assert next(iter(site.agents)).startswith('gyre-crawl/')


@check
def loops(site):
    crawl(site, {'/': links('/a'), '/a': links('/b'), '/b': links('/', '/a', '/b')})


@check
def dead_links(site):
    done = crawl(site, {'/': links('/gone', '/broken', '/a'), '/a': ''}, status=1,
                 paths=['/', '/gone', '/broken', '/a'],
                 says=[r', 2 failures$', r'^404 .*/gone  \(Not Found\)$',
                       r'^  http://.*/gone\n    404 Not Found, linked from http://.*/$',
                       r'^statuses: 2 of 200, 2 of 404$'])
    assert done.stderr == ''


@check
def depth_and_number(site):
    row = {f'/{i}': links(f'/{i + 1}') for i in range(1, 30)}
    row['/'] = links('/1')
    crawl(site, row, '--depth', 3, paths=['/', '/1', '/2', '/3'], says='1 too deep')
    crawl(site, row, '--depth', 0, paths=['/'])
    crawl(site, row, paths=['/', *(f'/{i}' for i in range(1, 11))])
    crawl(site, row, '--pages', 4, paths=['/', '/1', '/2', '/3'], says='1 beyond the number of pages')
    # Found late by a short way, but in time.
    crawl(site, {'/': links('/1', '/slow'), '/1': links('/2'), '/2': links('/x'),
                 '/slow': {'body': links('/x'), 'delay': 0.3}, '/x': {'body': '', 'delay': 0}},
          '--depth', 2)


@check
def other_hosts(site):
    other = f'http://localhost:{site.port}'
    pages = {'/': links(other + '/there', 'mailto:x@y.example', 'javascript:void(0)', 'tel:1', '/here'),
             '/here': '', '/there': links(other + '/more'), '/more': ''}
    crawl(site, pages, paths=['/', '/here'],
          says=r'^links not followed: 1 to other hosts, 3 neither http nor https$')
    crawl(site, pages, '--host', f'localhost:{site.port}')
    crawl(site, pages, '--any-host')
    assert site.asked.count('/robots.txt') == 2
    # Where the user's own URL redirects to is what the user wants.
    crawl(site, {'/': {'status': 301, 'headers': [f'Location: {other}/home']},
                 '/home': links('/x'), '/x': ''})


@check
def redirects(site):
    def to(target, status=302):
        return {'status': status, 'headers': [f'Location: {target}'], 'body': links('/never')}

    pages = {'/': links('/r1', '/loop1', '/self', '/out'), '/r1': to('r2', 301), '/r2': to('/r3', 303),
             '/r3': to('/end#x', 308), '/end': '', '/loop1': to('/loop2', 307), '/loop2': to('/loop1'),
             '/self': to('/self'), '/out': to('http://elsewhere.example/')}
    crawl(site, pages, says=[r'^7 redirects', '1 to other hosts'])
    chain = {f'/{i}': to(f'/{i + 1}') for i in range(20)}
    chain['/'] = to('/0')
    crawl(site, chain, status=1, paths=['/', *(f'/{i}' for i in range(10))],
          says=r'302 too many redirects, linked from .*/8$')
    crawl(site, chain, '--redirects', 0, status=1, paths=['/'])
    crawl(site, {'/': to('http://[bad/')}, status=1, says='redirects to what is no URL')
    crawl(site, {'/': {'status': 302}}, status=1, says=r'302 Found$')


# ---- HTML ----

@check
def odd_html(site):
    crawl(site, {'/': '''
        <A HREF=/1>x</a><a
          class=x href = "/2" id=y>x<a href='/3'/><a/href=/4><a href=/5 href=/not>
        <a href="/6?a=1&amp;b=2&#38;c=3&#x26;d&copy">x</a> <a href="  /7\n/8\t ">x</a>
        <a title="<a href=/not>" href=/9><area href=/10><iframe src=/11></iframe><frame SRC="/12">
        <meta http-equiv="Refresh" content="5; URL='/13'"><meta name=x content="0;url=/not">
        <!-- <a href=/not> --><!--><a href=/14><!-- > -- <a href=/not>-->
        <script>"<a href=/not></a>"</script ><a href=/15><style><a href=/not></style>
        <title><a href=/not></TITLE><textarea><a href=/not></textarea><a href=/16>
        <a name=x><a hrefx=/not><abbr href=/not><img src=/not><link href=/not><a data-href=/not>
        < a href=/not> </a href=/not> <a href=/17 <a href=/not> <a href=/a b>
        <a href="/spa ce"><a href=/\u00fc><a href="/[x]"><a href="/%zz%41"><a href="\\x">
        <a href="http://[oops/"><a href="http:///x"><a href="http://h\u00f6st/"><a href=//>
        <a href="unclosed>''',
        '/6?a=1&b=2&c=3&d&copy': '', '/7/8': '', '/a': '', '/spa%20ce': '', '/%C3%BC': '',
        '/%5Bx%5D': '', '/%25zz%41': '', '/%5Cx': '',
        **{f'/{i}': '' for i in (1, 2, 3, 4, 5, *range(9, 18))}},
          says=r'^links not followed: \d that are no URLs$')


@check
def bases(site):
    crawl(site, {'/': '<base target=x><base href="/sub/"><base href="/not/">' + links('a', '/b', '../c'),
                 '/sub/a': links('d'), '/sub/d': '', '/b': '', '/c': ''})


@check
def what_is_no_html(site):
    anchor = links('/not')
    crawl(site, {'/': links('/text', '/none', '/x', '/zip', '/nul', '/long'),
                 '/text': {'type': 'text/plain', 'body': anchor},
                 '/none': {'type': 'image/png', 'body': b'\x89' + anchor.encode()},
                 '/x': {'type': 'application/xhtml+xml', 'body': links('/y')}, '/y': '',
                 '/zip': {'body': gzip.compress(links('/zipped').encode()),
                          'headers': ['Content-Encoding: gzip']}, '/zipped': '',
                 '/nul': b'\0' * 1000 + links('/z').encode() + b'\xff\xfe<', '/z': '',
                 '/long': 'x' * 3000000 + links('/far'), '/far': ''})
    crawl(site, {'/': 'x' * (9 << 20)}, status=1, says='larger than 8 MiB')
    crawl(site, {'/': links('/' + 'x' * 5000, '/' + '\u00fc' * 1000)}, says='1 that are no URLs')


# ---- robots.txt ----

@check
def robots(site):
    pages = {'/': links('/a', '/b', '/b/c', '/d.pdf', '/d.pdf?x', '/b/ok', '/e')}
    pages.update((path, '') for path in ('/a', '/b', '/b/c', '/d.pdf', '/d.pdf?x', '/b/ok', '/e'))
    everything = list(pages)

    def asks(text, *forbidden, **more):
        pages['/robots.txt'] = {'type': 'text/plain', 'body': text, **more}
        done = crawl(site, pages, paths=[path for path in everything if path not in forbidden],
                     says=f'{len(forbidden)} left alone as robots.txt asks')
        assert done.stdout.count('(left alone: robots.txt)') == len(forbidden), done.stdout

    asks('User-agent: *\nDisallow: /b\n', '/b', '/b/c', '/b/ok')
    asks('user-AGENT:*\r\nDISALLOW: /b # all of it\r\nallow : /b/ok\r\n', '/b', '/b/c')
    asks('User-agent: *\nDisallow: /*.pdf$\n', '/d.pdf')
    asks('User-agent: *\nDisallow: /*f\n', '/d.pdf', '/d.pdf?x')
    asks('User-agent: *\nDisallow: /\n\nUser-agent: x\nUser-agent: Gyre-Crawl\nDisallow: /a\n', '/a')
    asks('User-agent: gyre-crawl\nDisallow: /a\nUser-agent: *\nDisallow: /\n', '/a')
    asks('User-agent: other\nDisallow: /\n')
    asks('User-agent: *\nDisallow:\n')
    asks('User-agent: *\nDisallow: /b/\nAllow: /b/\n')
    asks('Disallow: /\n\0\xff nonsense: : :\n')
    pages['/robots.txt'] = 503
    crawl(site, pages, paths=[], says='1 left alone as robots.txt asks')
    asks('User-agent: *\nDisallow: /\n', status=404)
    asks('User-agent: *\nDisallow: /b\n' + '#' * 600000)  # too long to be believed
    pages['/robots.txt'] = 'User-agent: *\nDisallow: /'
    crawl(site, pages, '--no-robots', paths=everything)
    assert '/robots.txt' not in site.asked
    crawl(site, pages, paths=[])
    pages['/robots.txt'] = {'drop': 99}
    crawl(site, pages, paths=everything)


# ---- what goes wrong ----

@check
def time_outs(site):
    start = time.monotonic()
    crawl(site, {'/': links('/hang', '/a'), '/hang': {'delay': 30}, '/a': ''}, '--timeout', 0.3,
          status=1, says=[r'^ - .*/hang  \(.*timed out.*\)', r'^  http://.*/hang\n    .*timed out'])
    assert time.monotonic() - start < 15


@check
def tries(site):
    def pages():
        return {'/': links('/flaky'), '/flaky': {'drop': 2, 'body': ''}}

    site.show(pages())
    expect(run('--tries', 3, site.root), 0, r'^2 pages')
    site.show(pages())
    expect(run('--tries', 1, site.root), 1, r'^1 pages')


@check
def malformed(site):
    crawl(site, {'/': links('/1', '/2', '/3', '/4', '/5'), '/1': {'raw': b'\x1b[31mnonsense\r\n\r\n'},
                 '/2': {'raw': b'HTTP/1.1 200 \x1b[31m\r\nContent-Length: 0\r\n\r\n'},
                 '/3': {'raw': b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort'},
                 '/4': {'raw': b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n'
                               b'Transfer-Encoding: chunked\r\n\r\nzz\r\n'},
                 '/5': {'body': b'\x1f\x8b no', 'headers': ['Content-Encoding: gzip']}},
          '--tries', 1, status=1, says=r', [45] failures$')


@check
def nobody_there(site):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        done = run('--tries', 1, f'127.0.0.1:{taken.getsockname()[1]}/x')
    expect(done, 1, [r'^0 pages', r'(?i)connect.*refused'])


@check
def bad_usage(site):
    for words in ([], ['--nonsense'], ['-z'], ['-w', '0', 'x'], ['-w', '1001', 'x'], ['--depth'],
                  ['--depth', '-1', 'x'], ['--timeout', '0', 'x'], ['--timeout', 'nan', 'x'],
                  ['http://'], ['ftp://x/'], ['http://a b/'], ['--demo', 'x'], [''],
                  ['--cacert', '/nonexistent', 'x']):
        done = run(*words)
        assert done.returncode == 2 and done.stdout == '', (words, done)
        assert done.stderr.startswith('gyre-crawl: ') and done.stderr.count('\n') == 1, (words, done)


@check
def help_and_version(site):
    done = expect(run('--help'), 0, r'^usage: gyre-crawl')
    assert max(map(len, done.stdout.splitlines())) <= 100
    expect(run('--version'), 0, r'^gyre-crawl \d+\.\d+\.\d+$')


@check
def interrupted(site):
    for number in (signal.SIGINT, signal.SIGTERM):
        site.show({'/': links('/a', '/hang', '/hang2'), '/a': '', '/hang': {'delay': 30},
                   '/hang2': {'delay': 30}})
        process = subprocess.Popen([PROGRAM, '-w', '2', '--timeout', '60', site.root], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while '/hang2' not in site.asked:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 1 and err == '', (process.returncode, err)
        assert re.search(r'^2 pages.*\n.*0 failures, 2 not visited: interrupted$', out, re.M), out


@check
def output(site):
    site.show({'/': links('/a'), '/a': ''})
    done = expect(run('-q', site.root), 0)
    assert done.stdout.startswith('2 pages, '), done.stdout
    with open('/dev/full', 'w') as full:
        done = subprocess.run([PROGRAM, site.root], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and 'cannot write' in done.stderr, done


# ---- many ----

@check
def workers(site):
    pages = {f'/{i}': {'body': '', 'delay': 0.05} for i in range(40)}
    pages['/'] = links(*pages)
    site = Site()  # where nobody hangs
    for count in (1, 7, 100):
        crawl(site, pages, '-w', count, says=f'up to {min(count, 40)} at a time')
        assert site.most_open == min(count, 40), (count, site.most_open)


@check
def two_thousand(site):
    pages = {f'/{i}': links(*(f'/{i * 5 + j}' for j in range(1, 6) if i * 5 + j < 2000), '/0', '/7')
             for i in range(2000)}
    pages['/'] = links('/0')
    crawl(site, pages, '-q', '-w', 50, '--pages', 5000, says=r'^2001 pages')


@check
def https(site):
    if not shutil.which('openssl'):
        return 'no openssl program'
    with tempfile.TemporaryDirectory() as folder:
        cert = pathlib.Path(folder, 'cert.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{folder}/key.pem', '-out',
                        cert, '-days', '2', '-subj', '/CN=crawl', '-addext',
                        'subjectAltName=IP:127.0.0.1', '-addext', 'keyUsage=digitalSignature,keyCertSign'],
                       check=True, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, f'{folder}/key.pem')
        secure = Site(context)
        pages = {'/': links('/a'), '/a': ''}
        crawl(secure, pages, '--cacert', cert)
        crawl(secure, pages, '--insecure')
        crawl(secure, pages, status=1, paths=[], says=r'^0 pages')


@check
def the_demo(site):
    done = expect(run('--demo'), 0, [r'^19 pages, 264\.3 kB', r'^3 redirects, 1 left alone .* 2 failures$',
                                     r'\b1 too deep\b', r'500 Internal Server Error, linked from .*/slow$'])
    for size in (227, 11759, 40740, 150227, 59391):
        assert re.search(rf'^200 +{size} B ', done.stdout, re.M), done.stdout
    assert 'hidden' not in done.stdout


def main():
    report, site = Report(), Site()
    for function in CHECKS:
        try:
            reason = function(site)
            if reason:
                report.skip(function.__name__, reason)
            else:
                report.check(function.__name__, '')
        except (AssertionError, subprocess.SubprocessError) as problem:
            report.check(function.__name__, f'{type(problem).__name__}: {problem}')
    report.finish()


main()
