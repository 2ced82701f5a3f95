/** The git resource: addresses, host keys, depth, branches and tags, pushes, redirects and secrets. */
import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { openNetwork } from '../../../../src/guarded-fetch/allowed-networks.ts'
import { knownHosts } from '../../../../src/server/runs/native-resources/known-host-keys.ts'
import { explainGit } from '../../../../src/server/runs/native-resources/explain-git-errors.ts'
import { runInGroup } from '../../../../src/server/runs/native-resources/run-command-in-group.ts'
import { trustedAuthorities } from '../../../../src/server/runs/native-resources/trusted-certificate-authorities.ts'
import { isRefName, readGitSource } from '../../../../src/server/runs/native-resources/git-source.ts'
import {
  createRepository,
  git,
  type GitHttpServer,
  type GitRepository,
  startGitHttp,
} from '../../../support/real-parts/git-server.ts'
import { makeKey, missingSshd, startSshd } from '../../../support/real-parts/sshd.ts'
import { testWith } from '../../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { failure } from '../run-harness.ts'
import { type Desk, openDesk, write } from './contract.ts'

const NETWORK = openNetwork(['127.0.0.0/8', 'localhost'])
const TOKEN = 'ghp_k3epThisToYourself'
const open: GitHttpServer[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop()
})

interface Forge {
  repository: GitRepository
  server: GitHttpServer
  uri: string
  source: Record<string, unknown>
  desk: Desk
}

async function forge(username = 'x-access-token'): Promise<Forge> {
  const repository = createRepository()
  const server = startGitHttp(repository.root, { username, password: TOKEN })
  open.push(server)
  const uri = `${server.url}/repo.git`
  return { repository, server, uri, source: { uri, token: 'secret:TOKEN' }, desk: await openDesk({ TOKEN }) }
}

describe('where a repository is', () => {
  const key = { private_key: 'k', known_hosts: 'example.com ssh-ed25519 AAAA' }
  test.each<[Record<string, unknown>, string, string]>([
    [
      { uri: 'https://github.com/my-org/repo.git', token: 't' },
      'https',
      'https://github.com/my-org/repo.git',
    ],
    [{ uri: 'https://ada:pw@example.com:8443/r.git' }, 'https', 'https://example.com:8443/r.git'],
    [{ uri: 'http://localhost:1234/r.git' }, 'http', 'http://localhost:1234/r.git'],
    [{ uri: 'git@github.com:my-org/repo.git', private_key: 'k' }, 'ssh', 'git@github.com:my-org/repo.git'],
    [{ uri: 'ssh://git@gitlab.com/a/b.git', private_key: 'k' }, 'ssh', 'ssh://git@gitlab.com/a/b.git'],
    [
      { uri: 'ssh://git@ssh.github.com:443/a/b.git', private_key: 'k' },
      'ssh',
      'ssh://git@ssh.github.com:443/a/b.git',
    ],
    [{ uri: 'example.com:r.git', ...key }, 'ssh', 'example.com:r.git'],
    // S92: the documents' own source.
    [
      { uri: 'https://github.com/my-org/private-repo.git', private_key: 'k' },
      'ssh',
      'ssh://git@github.com/my-org/private-repo.git',
    ],
  ])('%p is asked by %s', (source, protocol, url) => {
    expect(readGitSource(source, NETWORK)).toMatchObject({ protocol, url })
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['a path', { uri: '/srv/repo.git' }, /not an address of https or ssh/],
    ['a file', { uri: 'file:///srv/repo.git' }, /not an address of https or ssh/],
    ['a command', { uri: 'ext::sh -c id' }, /not an address of https or ssh/],
    ['an option', { uri: '--upload-pack=id' }, /not an address of https or ssh/],
    ['a host that is an option', { uri: '-oProxyCommand=id:x', private_key: 'k' }, /not an address/],
    [
      'a host of ssh that is an option',
      { uri: 'ssh://-oProxyCommand=id/x', private_key: 'k' },
      /not an address/,
    ],
    ['a path that is an option', { uri: 'git@example.com:-x', ...key }, /not an address/],
    ['another protocol', { uri: 'git://example.com/r.git' }, /not an address of https or ssh/],
    ['http to elsewhere', { uri: 'http://example.com/r.git' }, /source\.uri is http/],
    ['a query', { uri: 'https://example.com/r.git?token=x' }, /not the address of a repository/],
    ['no uri', {}, /source\.uri is missing/],
    ['a number for a uri', { uri: 7 }, /source\.uri has the wrong type/],
    [
      'an unknown host',
      { uri: 'git@git.example.com:r.git', private_key: 'k' },
      /host key of git\.example\.com is not known/,
    ],
    ['ssh without a key', { uri: 'git@github.com:r.git' }, /private_key is missing/],
    ['ssh with a token', { uri: 'git@github.com:r.git', token: 't', private_key: 'k' }, /over ssh/],
    [
      'two credentials',
      { uri: 'https://example.com/r.git', token: 't', password: 'p' },
      /a token and a password/,
    ],
    [
      'a password of two lines',
      { uri: 'https://example.com/r.git', password: 'p\nhost=evil' },
      /more than one line/,
    ],
    [
      'a branch that is an option',
      { uri: 'https://example.com/r.git', branch: '--exec=id' },
      /source\.branch is not a name/,
    ],
  ])('%s is refused', (_name, source, reason) => {
    expect(() => readGitSource(source, NETWORK)).toThrow(reason)
  })

  test('a port where scp knows none gets the address that was meant', async () => {
    const hint = 'if 2222 is a port, write ssh://git@git.example.com:2222/a/r.git'
    const asked = async () =>
      readGitSource({ uri: 'git@git.example.com:2222/a/r.git', private_key: 'k' }, NETWORK)
    expect(await failure(asked())).toMatchObject({ hint })
    const github = readGitSource({ uri: 'git@github.com:2222/a/r.git', private_key: 'k' }, NETWORK)
    const { hint: later } = explainGit(128, 'ERROR: Repository not found.', github)
    expect(later).toBe('if 2222 is a port, write ssh://git@github.com:2222/a/r.git')
    const plain = readGitSource({ uri: 'git@github.com:a/r.git', private_key: 'k' }, NETWORK)
    expect(explainGit(128, 'ERROR: Repository not found.', plain).hint).toBeUndefined()
  })

  test.each(['main', 'feature/x', 'v1.2.3', 'a-b_c', 'grün'])('%p is a name', (name) =>
    expect(isRefName(name)).toBe(true),
  )
  test.each([
    '',
    '-x',
    '/x',
    'x/',
    'a..b',
    'a b',
    'a:b',
    'a^',
    'a~1',
    'x.lock',
    'x.lock/y',
    '@',
    'a@{1}',
    'a//b',
    '.x',
    'a\nb',
    '*',
  ])('%p is none', (name) => expect(isRefName(name)).toBe(false))

  test.each([
    [
      'github.com',
      ['+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU', 'p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM'],
    ],
    [
      'gitlab.com',
      ['eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8', 'HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw'],
    ],
    [
      'bitbucket.org',
      ['ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM', 'FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0'],
    ],
  ])('the host keys of %s have the fingerprints that it publishes', (host, fingerprints) => {
    const lines = (knownHosts(undefined, host, 22) ?? '').split('\n').filter((line) => line.startsWith(host))
    const found = lines.map((line) =>
      createHash('sha256')
        .update(Buffer.from(line.split(' ')[2] ?? '', 'base64'))
        .digest('base64')
        .replace(/=+$/, ''),
    )
    expect(found).toEqual(fingerprints)
  })

  test('a bare host key is one of this host', () => {
    expect(knownHosts('ssh-ed25519 AAAA', 'git.example.com', 2222)).toBe(
      '[git.example.com]:2222 ssh-ed25519 AAAA\n',
    )
  })
})

describe('git over http', () => {
  test.each([
    ['a user and a password', (uri: string) => ({ uri, username: 'ada', password: 'secret:TOKEN' })],
    ['a password in the address', (uri: string) => ({ uri: uri.replace('//', `//ada:${TOKEN}@`) })],
  ])('it takes %s', async (_name, sourceOf) => {
    const { repository, uri, desk } = await forge('ada')
    const ref = repository.commit({ 'hello.txt': 'one' })
    expect(await desk.check({ type: 'git', source: sourceOf(uri) })).toEqual([{ ref }])
  })

  test('numbers and booleans of params stay what they are, and depth cuts the history off', async () => {
    const { repository, source, desk } = await forge()
    for (const text of ['one', 'two', 'three']) repository.commit({ 'hello.txt': text })
    const tags = { depth: 1, submodules: false }
    await desk.fetch({ type: 'git', source, params: tags, destDir: 'w' })
    expect(git(desk.volume('w'), 'rev-list', '--count', 'HEAD')).toBe('1')
    expect(git(desk.volume('w'), 'branch', '--show-current')).toBe('main')
    await desk.fetch({ type: 'git', source, destDir: 'all' })
    expect(git(desk.volume('all'), 'rev-list', '--count', 'HEAD')).toBe('3')
  })

  test('an older commit is fetched with a depth, also from a server that gives out no such commits', async () => {
    const { repository, source, desk, server } = await forge()
    const ref = repository.commit({ 'hello.txt': 'one' })
    repository.commit({ 'hello.txt': 'two' })
    await desk.fetch({ type: 'git', source, version: { ref }, params: { depth: 1 }, destDir: 'w' })
    expect(readFileSync(join(desk.volume('w'), 'hello.txt'), 'utf8')).toBe('one')
    // Of the protocol's first version, where a server may refuse.
    server.meddle = (request) => {
      request.headers.delete('git-protocol')
      return undefined
    }
    await desk.fetch({ type: 'git', source, version: { ref }, params: { depth: 1 }, destDir: 'old' })
    expect(readFileSync(join(desk.volume('old'), 'hello.txt'), 'utf8')).toBe('one')
  })

  test('a version can be a branch or a tag', async () => {
    const { repository, source, desk } = await forge()
    const ref = repository.commit({ 'hello.txt': 'one' })
    repository.git('tag', 'v1', ref)
    const other = repository.commit({ 'hello.txt': 'other' }, { branch: 'feature/x' })
    for (const [name, commit] of [
      ['v1', ref],
      ['feature/x', other],
    ]) {
      const { version } = await desk.fetch({
        type: 'git',
        source,
        version: { ref: name },
        destDir: 'w-' + commit,
      })
      expect(version).toEqual({ ref: commit ?? '' })
    }
    const asked = desk.fetch({ type: 'git', source, version: { ref: 'v2' }, destDir: 'w' })
    expect(String(await failure(asked))).toContain('has no branch or tag v2')
  })

  test('after a rewritten history, a check gives the newest', async () => {
    const { repository, source, desk } = await forge()
    const first = repository.commit({ 'hello.txt': 'one' })
    const gone = repository.commit({ 'hello.txt': 'two' })
    repository.rewind(first)
    const other = repository.commit({ 'hello.txt': 'other' })
    expect(await desk.check({ type: 'git', source, version: { ref: gone } })).toEqual([{ ref: other }])
  })

  test.each([
    ['a branch', { branch: 'nope' }, 'has no branch nope'],
    ['a repository', {}, 'there is no repository at'],
  ])('%s that is not there is said so', async (_name, more, reason) => {
    const { repository, uri, desk } = await forge()
    repository.commit({ 'hello.txt': 'one' })
    const address = 'branch' in more ? uri : uri.replace('repo.git', 'none.git')
    const asked = desk.check({ type: 'git', source: { uri: address, token: 'secret:TOKEN', ...more } })
    expect(String(await failure(asked))).toContain(reason)
  })

  test('a secret in a commit message is taken out of the metadata', async () => {
    const { repository, source, desk } = await forge()
    repository.commit({ 'hello.txt': 'one' }, { message: `Use ${TOKEN} now` })
    const { metadata } = await desk.fetch({ type: 'git', source, destDir: 'w' })
    expect(metadata.find(({ name }) => name === 'message')?.value).toBe('Use ***REDACTED*** now')
    expect(metadata.find(({ name }) => name === 'author')?.value).toBe('Ada')
  })

  test('a redirect is not followed, so no password goes along', async () => {
    const { source, desk, server } = await forge()
    const asked: (string | null)[] = []
    const elsewhere = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => {
        asked.push(request.headers.get('authorization'))
        return new Response('no', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } })
      },
    })
    server.meddle = (request) =>
      Response.redirect(`http://127.0.0.1:${elsewhere.port}${new URL(request.url).pathname}`, 302)
    expect(String(await failure(desk.check({ type: 'git', source })))).toContain('has moved')
    expect(asked).toEqual([])
    await elsewhere.stop(true)
  })

  test('what a server says is one line of bounded length, without a secret', async () => {
    const { source, desk, server } = await forge()
    server.meddle = () => new Response(`\u001b[31m${TOKEN} ${'x'.repeat(5000)}`, { status: 500 })
    const error = String(await failure(desk.check({ type: 'git', source })))
    expect(error.length).toBeLessThan(600)
    expect(error).not.toContain(TOKEN)
  })

  test('nothing of the machine is in effect: no settings, no hooks, no templates', async () => {
    const { repository, uri } = await forge()
    repository.commit({ 'hello.txt': 'one' })
    const home = temporaryFolder()
    const mark = join(home, 'ran')
    writeFileSync(
      join(home, '.gitconfig'),
      `[core]\n\thooksPath = ${home}\n[credential]\n\thelper = "!touch ${mark}"\n`,
    )
    writeFileSync(join(home, 'post-checkout'), `#!/bin/sh\ntouch ${mark}\n`)
    chmodSync(join(home, 'post-checkout'), 0o755)
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.hooksPath',
      GIT_CONFIG_VALUE_0: home,
      GIT_DIR: home,
    }
    const desk = await openDesk({ TOKEN }, { env })
    await desk.fetch({ type: 'git', source: { uri, token: 'secret:TOKEN' }, destDir: 'w' })
    expect(existsSync(mark)).toBe(false)
  })

  test('submodules come where they are asked for, with the same login, and not from the disk', async () => {
    const { repository, source, uri, desk } = await forge()
    const part = createRepository(repository.root, 'part')
    const ref = part.commit({ 'part.txt': 'a part' })
    const addSubmodule = (url: string) => {
      const clone = join(temporaryFolder(), 'clone')
      git(repository.root, 'clone', '-q', repository.path, clone)
      writeFileSync(join(clone, '.gitmodules'), `[submodule "part"]\n\tpath = part\n\turl = ${url}\n`)
      git(clone, 'add', '.gitmodules')
      git(clone, 'update-index', '--add', '--cacheinfo', `160000,${ref},part`)
      git(clone, 'commit', '-q', '-m', 'Take a part')
      git(clone, 'push', '-q', 'origin', 'HEAD:main')
    }
    repository.commit({ 'hello.txt': 'one' })
    addSubmodule(uri.replace('repo.git', 'part.git'))
    await desk.fetch({ type: 'git', source, destDir: 'without' })
    expect(readdirSync(join(desk.volume('without'), 'part'))).toEqual([])
    await desk.fetch({ type: 'git', source, params: { submodules: true }, destDir: 'with' })
    expect(readFileSync(join(desk.volume('with'), 'part/part.txt'), 'utf8')).toBe('a part')
    for (const [at, url] of [
      part.path,
      'http://192.0.2.1/part.git',
      'http://127.0.0.1:1/part.git',
    ].entries()) {
      addSubmodule(url)
      const away = desk.fetch({ type: 'git', source, params: { submodules: true }, destDir: `away${at}` })
      expect(String(await failure(away))).toContain('a submodule leads to another host, or another protocol')
    }
  })

  test.each(['http://127.0.0.1:1/x.git', 'http://127.0.0.1:9/x.git'])('nobody at %s', async (uri) => {
    const desk = await openDesk({})
    const checked = desk.check({ type: 'git', source: { uri } })
    expect(String(await failure(checked))).toContain(`${uri} cannot be reached`)
  })
})

const leaveAlone: GitHttpServer['meddle'] = () => undefined

/** The files of a repository and nothing else, as a plain web server gives them out. */
function startPlainFiles(root: string): GitHttpServer {
  let meddle = leaveAlone
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const file = Bun.file(join(root, new URL(request.url).pathname))
      const found = (await file.exists()) ? new Response(await file.bytes()) : undefined
      return meddle(request) ?? found ?? new Response('no', { status: 404 })
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    get meddle() {
      return meddle
    },
    set meddle(next) {
      meddle = next
    },
    stop: () => server.stop(true),
  }
}

describe('servers as they are', () => {
  test('one of plain files is asked for no partial clone, and a check has an end', async () => {
    const repository = createRepository()
    const first = repository.commit({ 'a.txt': '1' })
    const second = repository.commit({ 'a.txt': '2' })
    repository.git('update-server-info')
    const server = startPlainFiles(repository.root)
    open.push(server)
    const desk = await openDesk({})
    const source = { uri: `${server.url}/repo.git` }
    expect(await desk.check({ type: 'git', source, version: { ref: first } })).toEqual([
      { ref: first },
      { ref: second },
    ])
    // One that is not there is not asked for again and again either.
    const gone = { ref: '1'.repeat(40) }
    expect(await desk.check({ type: 'git', source, version: gone })).toEqual([{ ref: second }])
    const got = await desk.fetch({ type: 'git', source, destDir: 'w' })
    expect(got.version).toEqual({ ref: second })
  })

  test('one that offers it sends commits without their files', async () => {
    const { repository, source, desk, server } = await forge()
    repository.git('config', 'uploadpack.allowFilter', 'true')
    const first = repository.commit({ 'a.txt': '1' })
    const second = repository.commit({ 'a.txt': '2' })
    const asked: string[] = []
    server.meddle = (request) => {
      if (request.method === 'POST')
        void request
          .clone()
          .text()
          .then((text) => asked.push(text))
      return undefined
    }
    expect(await desk.check({ type: 'git', source, version: { ref: first } })).toEqual([
      { ref: first },
      { ref: second },
    ])
    expect(asked.join('')).toContain('filter tree:0')
    expect(await desk.check({ type: 'git', source, version: { ref: '1'.repeat(40) } })).toEqual([
      { ref: second },
    ])
  })

  test('a SHA-256 repository is checked, fetched and pushed to', async () => {
    const root = temporaryFolder()
    const path = join(root, 'repo.git')
    git(root, 'init', '-q', '--bare', '--object-format=sha256', '--initial-branch=main', path)
    git(path, 'config', 'http.receivepack', 'true')
    const clone = join(root, 'clone')
    git(root, 'init', '-q', '--object-format=sha256', clone)
    git(clone, 'remote', 'add', 'origin', path)
    const commits = ['1', '2'].map((text) => {
      writeFileSync(join(clone, 'a.txt'), text)
      git(clone, 'add', '.')
      git(clone, 'commit', '-qm', text)
      return git(clone, 'rev-parse', 'HEAD')
    })
    git(clone, 'push', '-q', 'origin', 'HEAD:refs/heads/main')
    const server = startGitHttp(root)
    open.push(server)
    const desk = await openDesk({})
    const source = { uri: `${server.url}/repo.git` }
    const [first = '', second = ''] = commits
    expect(first).toHaveLength(64)
    expect(await desk.check({ type: 'git', source, version: { ref: first } })).toEqual([
      { ref: first },
      { ref: second },
    ])
    await desk.fetch({ type: 'git', source, destDir: 'w', params: { depth: 1 } })
    const folder = desk.volume('w')
    writeFileSync(join(folder, 'a.txt'), '3')
    git(folder, 'commit', '-qam', 'three')
    const pushed = await desk.push({
      type: 'git',
      source,
      params: { branch: 'main', rebase: true },
      srcDir: 'w',
    })
    expect(pushed.version.ref).toBe(git(path, 'rev-parse', 'main'))
  })

  test('a push that breaks in the middle is tried once more; a limit on its size is named', async () => {
    const { repository, source, desk, server } = await forge()
    repository.commit({ 'a.txt': '1' })
    await desk.fetch({ type: 'git', source, destDir: 'w' })
    git(desk.volume('w'), 'commit', '-q', '--allow-empty', '-m', 'two')
    const push = () => desk.push({ type: 'git', source, params: { branch: 'main' }, srcDir: 'w' })
    let posts = 0
    const broken = () => {
      posts += 1
      return new Response(new ReadableStream({ pull: (controller) => controller.error() }))
    }
    server.meddle = ({ method }) => (method === 'POST' && posts === 0 ? broken() : undefined)
    await push()
    expect(posts).toBe(1)
    git(desk.volume('w'), 'commit', '-q', '--allow-empty', '-m', 'three')
    server.meddle = ({ method }) => (method === 'POST' ? broken() : undefined)
    expect(await failure(push())).toMatchObject({
      message: expect.stringContaining(`the connection to ${source.uri as string} broke in the middle`),
    })
    posts = 0
    server.meddle = ({ method }) => {
      if (method !== 'POST') return undefined
      posts += 1
      return new Response('too large', { status: 413 })
    }
    expect(await failure(push())).toMatchObject({
      message: expect.stringMatching(/takes no push of this size \(HTTP 413\).*client_max_body_size/),
    })
    // A reason is a reason: nothing is tried again.
    expect(posts).toBe(1)
  })

  test.each([
    ['that the command waits for', 'for i in $(seq 100); do sleep 60 & done; wait'],
    ['whose parents have ended', 'for i in $(seq 100); do (sleep 60 &) ; done; sleep 60'],
  ])('the processes of one call are bounded, those %s', async (_, script) => {
    const cmd = ['sh', '-c', script]
    const env = { PATH: process.env.PATH ?? '' }
    const running = runInGroup({ cmd, cwd: '/', env, signal: new AbortController().signal })
    expect(await failure(running)).toMatchObject({
      message: expect.stringContaining('more than 64 processes'),
    })
  })

  test('authorities of SSL_CERT_FILE and NODE_EXTRA_CA_CERTS reach a git that reads GIT_SSL_CAINFO alone', async () => {
    const scratch = temporaryFolder()
    const [own, extra] = [join(scratch, 'own.pem'), join(scratch, 'extra.pem')]
    writeFileSync(own, 'OWN')
    writeFileSync(extra, 'EXTRA')
    const of = (env: Record<string, string>) => trustedAuthorities(env, scratch)
    expect(await of({})).toEqual({})
    expect(await of({ SSL_CERT_FILE: own })).toEqual({ SSL_CERT_FILE: own, GIT_SSL_CAINFO: own })
    expect(await of({ SSL_CERT_FILE: own, GIT_SSL_CAINFO: extra })).toMatchObject({ GIT_SSL_CAINFO: extra })
    const both = await of({ SSL_CERT_FILE: own, NODE_EXTRA_CA_CERTS: extra })
    expect(readFileSync(both.GIT_SSL_CAINFO ?? '', 'utf8')).toBe('OWN\nEXTRA\n')
    const all = await of({ SSL_CERT_FILE: scratch, GIT_SSL_CAINFO: own, NODE_EXTRA_CA_CERTS: extra })
    expect(readFileSync(all.GIT_SSL_CAINFO ?? '', 'utf8')).toBe('OWN\nEXTRA\n')
    const system = await of({ NODE_EXTRA_CA_CERTS: extra })
    expect(readFileSync(system.GIT_SSL_CAINFO ?? '', 'utf8')).toEndWith('EXTRA\n')
    // One that cannot be read takes nothing away.
    expect(await of({ NODE_EXTRA_CA_CERTS: join(scratch, 'gone') })).toEqual({})
  })
})

describe('where a repository may be', () => {
  test.each([
    ['by http', (uri: string) => uri.replace('http:', 'https:')],
    ['by a name', (uri: string) => uri.replace('http://127.0.0.1', 'https://inside.example.com')],
    ['by ssh', () => 'git@inside.example.com:a/b.git'],
  ])('%s it is asked only where the operator has allowed it', async (_name, addressOf) => {
    const { uri } = await forge()
    const key = { private_key: 'secret:TOKEN', known_hosts: 'ssh-ed25519 AAAA' }
    const address = addressOf(uri)
    const desk = await openDesk({ TOKEN }, { allowed: [] })
    const source = { uri: address, ...(address.startsWith('git@') ? key : {}) }
    const error = String(await failure(desk.check({ type: 'git', source })))
    expect(error).toContain('is not a place on the internet')
    expect(error).toContain('fob server --allow-network')
  })

  test('a name that leads elsewhere the next time leads where it was checked', async () => {
    const { repository, server } = await forge()
    const ref = repository.commit({ 'hello.txt': 'one' })
    const answers = [['127.0.0.1'], ['192.0.2.1']]
    const resolveName = async () => answers.shift() ?? []
    const desk = await openDesk({ TOKEN }, { allowed: ['forge.example.com'], resolveName })
    const uri = `${server.url.replace('127.0.0.1', 'forge.example.com')}/repo.git`
    expect(await desk.check({ type: 'git', source: { uri, token: 'secret:TOKEN' } })).toEqual([{ ref }])
    expect(answers).toHaveLength(1)
  })
})

describe('a push', () => {
  test('onto a branch that has moved on is refused, and goes with rebase or force', async () => {
    const { repository, source, desk } = await forge()
    repository.commit({ 'hello.txt': 'one', 'other.txt': 'one' })
    const push = (params: Record<string, unknown>) =>
      desk.push({ type: 'git', source, params: { branch: 'main', ...params }, srcDir: 'w' })
    await desk.fetch({ type: 'git', source, destDir: 'w' })
    repository.commit({ 'other.txt': 'theirs' })
    commitIn(desk.volume('w'), 'ours')
    expect(String(await failure(push({})))).toContain('the branch has moved on meanwhile')
    const { version, metadata } = await push({ rebase: true })
    expect(repository.git('rev-parse', 'main')).toBe(version.ref ?? '')
    expect(repository.git('show', 'main:other.txt')).toBe('theirs')
    expect(repository.git('show', 'main:hello.txt')).toBe('ours')
    expect(metadata.find(({ name }) => name === 'author')?.value).toBe('Ada')
    await push({ force: true })
    expect(repository.git('show', 'main:other.txt')).toBe('one')
    repository.commit({ 'hello.txt': 'in the way' })
    commitIn(desk.volume('w'), 'something else')
    expect(String(await failure(push({ rebase: true })))).toContain('do not fit')
  })

  test('to a new branch makes it; without one named it asks', async () => {
    const { repository, source, desk } = await forge()
    repository.commit({ 'hello.txt': 'one' })
    await desk.fetch({ type: 'git', source, destDir: 'w' })
    commitIn(desk.volume('w'), 'new')
    expect(String(await failure(desk.push({ type: 'git', source, srcDir: 'w' })))).toContain(
      'the branch to push to is not given',
    )
    const { version } = await desk.push({
      type: 'git',
      source,
      params: { branch: 'release/1' },
      srcDir: '/w',
    })
    expect(repository.git('rev-parse', 'release/1')).toBe(version.ref ?? '')
  })

  test('runs nothing that a task has put into the repository', async () => {
    const { repository, source, desk } = await forge()
    repository.commit({ 'hello.txt': 'one' })
    await desk.fetch({ type: 'git', source, destDir: 'w' })
    const folder = desk.volume('w')
    const mark = join(temporaryFolder(), 'ran')
    const touch = `touch ${mark}`
    write(folder, '.gitattributes', '* filter=evil merge=evil diff=evil\n')
    git(folder, 'add', '-A')
    git(folder, 'commit', '-q', '-m', 'Mischief')
    repository.commit({ 'other.txt': 'theirs' })
    for (const hook of ['pre-push', 'post-checkout', 'pre-rebase', 'reference-transaction', 'post-rewrite']) {
      mkdirSync(join(folder, '.git/hooks'), { recursive: true })
      writeFileSync(join(folder, '.git/hooks', hook), `#!/bin/sh\n${touch}\n`)
      chmodSync(join(folder, '.git/hooks', hook), 0o755)
    }
    const settings = {
      'core.fsmonitor': touch,
      'core.sshCommand': touch,
      'core.hooksPath': join(folder, '.git/hooks'),
      'core.gitProxy': touch,
      'credential.helper': `!${touch}`,
      'filter.evil.clean': touch,
      'filter.evil.smudge': touch,
      'merge.evil.driver': touch,
      'diff.evil.textconv': touch,
      'remote.origin.pushurl': 'ext::sh -c "' + touch + '"',
      'gpg.program': touch,
      'commit.gpgSign': 'true',
    }
    for (const [key, value] of Object.entries(settings)) git(folder, 'config', key, value)
    for (const params of [{ branch: 'a' }, { branch: 'main', rebase: true }]) {
      await desk.push({ type: 'git', source, params, srcDir: 'w' })
    }
    expect(repository.git('show', 'main:other.txt')).toBe('theirs')
    expect(existsSync(mark)).toBe(false)
  })

  test('takes nothing of another repository of this machine', async () => {
    const { repository, source, desk } = await forge()
    repository.commit({ 'hello.txt': 'one' })
    const secretRepository = createRepository()
    const theirs = secretRepository.commit({ 'secret.txt': 'not yours' })
    const folder = desk.volume('w')
    const push = () => desk.push({ type: 'git', source, params: { branch: 'stolen' }, srcDir: 'w' })
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, '.git'), `gitdir: ${secretRepository.path}\n`)
    expect(String(await failure(push()))).toContain('srcDir is not a git repository')
    Bun.spawnSync(['rm', '-rf', folder])
    git(repository.root, 'init', '-q', folder)
    writeFileSync(join(folder, '.git/objects/info/alternates'), `${secretRepository.path}/objects\n`)
    writeFileSync(join(folder, '.git/HEAD'), `${theirs}\n`)
    expect(String(await failure(push()))).toContain('git:')
    Bun.spawnSync(['rm', '-rf', join(folder, '.git/objects')])
    symlinkSync(join(secretRepository.path, 'objects'), join(folder, '.git/objects'))
    expect(String(await failure(push()))).toContain('links')
    expect(repository.git('for-each-ref', 'refs/heads/stolen')).toBe('')
  })
})

describe('git over ssh', () => {
  const missing = missingSshd()
  testWith(missing, 'a host that shows another key than the known one gets nothing', async () => {
    const { sshd, uri } = await startSsh()
    const other = makeKey(temporaryFolder(), 'other')
    const [type, key] = readFileSync(`${other.path}.pub`, 'utf8').split(' ')
    const desk = await openDesk({ KEY: sshd.privateKey })
    const source = { uri, private_key: 'secret:KEY', known_hosts: `[127.0.0.1]:${sshd.port} ${type} ${key}` }
    expect(String(await failure(desk.check({ type: 'git', source })))).toContain(
      'is not the one that is known',
    )
    const unknown = { uri, private_key: 'secret:KEY' }
    const error = await failure(desk.check({ type: 'git', source: unknown }))
    expect(String(error)).toContain('ssh-keyscan -p')
    await sshd.stop()
  })

  testWith(
    missing,
    "S92: the documents' own source leads to github.com by ssh, and no other machine passes for it",
    async () => {
      const { sshd, repository } = await startSsh()
      // Leads every ssh of this test to the sshd here, under the name that was asked for.
      const folder = temporaryFolder()
      const real = Bun.which('ssh') ?? ''
      const bend = `-o Port=${sshd.port} -o User=${sshd.user}`
      writeFileSync(join(folder, 'ssh'), `#!/bin/sh\nexec ${real} ${bend} "$@"\n`)
      chmodSync(join(folder, 'ssh'), 0o755)
      const desk = await openDesk(
        { GIT_DEPLOY_KEY: sshd.privateKey },
        { env: { PATH: `${folder}:${process.env.PATH}` } },
      )
      const uri = `https://github.com${repository.path}`
      const source = { uri, private_key: 'secret:GIT_DEPLOY_KEY' }
      expect(String(await failure(desk.check({ type: 'git', source })))).toContain(
        'is not the one that is known',
      )
      const known_hosts = sshd.knownHosts.replace(/^\S+/, 'github.com')
      const [version] = await desk.check({ type: 'git', source: { ...source, known_hosts } })
      expect(version?.ref).toBe(repository.git('rev-parse', 'main'))
      await sshd.stop()
    },
  )

  testWith(missing, 'a key is never a file, and its agent ends with the call', async () => {
    const { sshd, uri } = await startSsh()
    const desk = await openDesk({ KEY: sshd.privateKey.trimEnd().replaceAll('\n', '\r\n') })
    const source = { uri, private_key: 'secret:KEY', known_hosts: sshd.knownHosts }
    expect(await desk.check({ type: 'git', source })).toHaveLength(1)
    expect(agentsOf(desk)).toEqual([])
    await sshd.stop()
  })

  test.each([
    ['no key at all', () => 'hello'],
    ['a key with a passphrase', () => makeKey(temporaryFolder(), 'locked', 'correct horse').text],
  ])('%s is said so', async (_name, keyOf) => {
    const desk = await openDesk({ KEY: keyOf() })
    const source = { uri: 'git@github.com:a/b.git', private_key: 'secret:KEY' }
    const error = await failure(desk.check({ type: 'git', source }))
    expect(String(error)).toContain('is not a private key, or is protected by a passphrase')
  })
})

function commitIn(folder: string, text: string): void {
  write(folder, 'hello.txt', text)
  git(folder, 'commit', '-q', '-a', '-m', text)
}

async function startSsh() {
  const sshd = await startSshd()
  const repository = createRepository()
  repository.commit({ 'hello.txt': 'one' })
  const uri = `ssh://${sshd.user}@127.0.0.1:${sshd.port}${repository.path}`
  return { sshd, repository, uri }
}

/** Agents that were started with the settings of our calls. */
function agentsOf(desk: Desk): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const isAgent = readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('ssh-agent')
        return isAgent && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(desk.scratch)
      } catch {
        return false
      }
    })
}
