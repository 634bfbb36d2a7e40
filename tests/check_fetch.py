"""gyre-fetch as a user runs it: every option, every exit status, names, lists, results.

check_fetch.py PROGRAM [CHECK]... The web site is fetch_site.py's; real servers are
check_fetch_servers.py's, full disks and interruptions check_fetch_trouble.py's.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from fetch_run import PROGRAM, Skip, check, expect, objects, one_line, run, run_checks, wait_for
from fetch_site import Site, content


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
    assert names[1:5] == ['d/_._.._etc_passwd', 'd/_bashrc', 'd/a_b_', 'd/_rf'], names
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
def manual_and_completion(site):
    """Both know the options that --help lists, and no others."""
    folder = pathlib.Path(__file__).resolve().parent.parent / 'samples' / 'fetch'
    options = set(re.findall(r'(?<![\w-])--?[a-zA-Z][\w-]*', run('--help').stdout))
    manual = (folder / 'gyre-fetch.1').read_text().split('.SH OPTIONS')[1].split('.SH JSON')[0]
    named = ' '.join(re.findall(r'(?m)^\.(?:B|BI|BR) (\\-.*)$', manual)).replace('\\-', '-')
    assert set(re.findall(r'--?[a-zA-Z][\w-]*', named)) == options, (named, options)
    if not shutil.which('bash'):
        raise Skip('no bash')
    script = ('. "$0"; COMP_WORDS=(gyre-fetch -); COMP_CWORD=1; _gyre_fetch; '
              'echo "${COMPREPLY[@]}"; COMP_WORDS=(gyre-fetch -i li); COMP_CWORD=2; _gyre_fetch; '
              'echo "${COMPREPLY[@]}"')
    pathlib.Path('list').touch()
    printed = subprocess.run(['bash', '-c', script, folder / 'gyre-fetch.bash'], check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    offered, files = printed.split('\n')[:2]
    assert set(offered.split()) == options and files == 'list', printed


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
    given = '\n'.join(map(site.url, ['/file/1/a', '/file/2/b']))
    expect(run('-i', '-', '-o', 'd', stdin=given), 0, files)


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
        assert f'\n{line}\n' in done.stdout, done.stdout
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
    expect(run('--resolve', f'[::1]:{site.port}:127.0.0.1', f'http://[::1]:{site.port}/file/9/b'),
           0, {'a': content(10), 'b': content(9)})
    assert site.requests[1][1]['host'] == f'[::1]:{site.port}'
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
    assert (missing['status'], missing['file'], missing['error']) == (
        404, None, 'HTTP 404 Not Found')
    assert refused['status'] is None and refused['final_url'] is None
    assert 'refused' in refused['error'].lower() and refused['bytes'] == 0, refused


@check
def a_slow_reader_loses_nothing(site):
    urls = [site.url(f'/file/10/{i}') for i in range(1500)]
    process = subprocess.Popen([PROGRAM, '--json', '-s', '-c', '50', '-o', 'd', *urls],
                               stdout=subprocess.PIPE, text=True)
    wait_for(lambda: os.path.exists('d') and len(os.listdir('d')) > 150)
    time.sleep(0.5)
    assert len(os.listdir('d')) < 1500, 'went on without its reader'
    results = [json.loads(line) for line in process.stdout]
    assert process.wait(20) == 0 and {result['url'] for result in results} == set(urls)


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
    expect(run('-o', 'd', site.url('/drop/2/c')), 0, says='; again in 0')
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
    paths = '/hang', '/slow/100000/30/a', '/status/503', '/file/1/b'
    done = expect(run('--max-time', 0.5, '--json', *map(site.url, paths)), 1, {'b': content(1)},
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


run_checks()
