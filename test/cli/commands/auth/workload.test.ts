/** The ID token of a CI job: a login by it, and commands that need none, against stand-ins of the server and the issuer. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from '../../../support/client/client-machine.ts'
import { startExchangingServer } from '../../../support/stand-ins/exchanging-server.ts'
import { startWorkloadIssuer, type WorkloadIssuer } from '../../../support/stand-ins/workload-issuer.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const HOUR_MS = 3_600_000
let issuer: WorkloadIssuer
let server: ReturnType<typeof startExchangingServer>
beforeAll(() => {
  issuer = startWorkloadIssuer()
  server = startExchangingServer()
})
beforeEach(() => {
  for (const list of [server.exchanged, server.requests, server.next, issuer.requests]) list.length = 0
})
afterAll(async () => {
  await server.stop()
  await issuer.stop()
})

/** A job of GitHub Actions whose token may be got, with the server named in a variable. */
function gitHubJob(env: Record<string, string> = {}) {
  const common = { CI: 'true', GITHUB_ACTIONS: 'true', FOB_SERVER: server.url }
  return machine({ ...common, ...issuer.githubEnvironment(), ...env })
}
/** One of GitLab CI, with `id_tokens:`. */
function gitLabJob(claims: Record<string, unknown> = {}) {
  const FOB_ID_TOKEN = issuer.mintToken({ aud: server.url, ...claims })
  return machine({ CI: 'true', GITLAB_CI: 'true', FOB_SERVER: server.url, FOB_ID_TOKEN })
}
const subjectTokens = () => server.exchanged.map((form) => form.get('subject_token') ?? '')
const claimsOf = (jwt = '') =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

/** A command in a job whose endpoint responds so, one each; the last one again and again. */
async function against(...responses: Response[]) {
  const asked: string[] = []
  const endpoint = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request): globalThis.Response => {
      asked.push(request.headers.get('authorization') ?? '')
      const [first = new Response('')] = responses
      return responses.length > 1 ? (responses.shift() ?? first) : (first.clone() as globalThis.Response)
    },
  })
  const waits: number[] = []
  const sleep = async (ms: number) => void waits.push(ms)
  const env = { ACTIONS_ID_TOKEN_REQUEST_URL: `${endpoint.url.href}x?a=b` }
  const ended = await gitHubJob(env).run(['whoami'], { sleep })
  await endpoint.stop(true)
  return { ...ended, asked, waits }
}
const issued = () => Response.json({ value: issuer.mintToken({ aud: server.url }) })

const entryIn = (file: string) => JSON.parse(readFileSync(file, 'utf8')).servers[server.url]

const refused = (error: string) => Response.json({ error }, { status: 400 })

describe('a command in a job with an ID token, and no login', () => {
  test('S100, S134: GitHub: the token for this server is exchanged, used, and stored nowhere', async () => {
    const { run, home } = gitHubJob()
    const { code, out, err } = await run(['api', 'GET', '/api/v1/profile'])
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ name: 'github: repo:acme/app' })])
    expect(issuer.requests).toEqual([
      `GET /actions/token?api-version=2.0&audience=${encodeURIComponent(server.url)}`,
    ])
    expect(claimsOf(subjectTokens()[0]).aud).toBe(server.url)
    expect(Object.fromEntries(server.exchanged[0] ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subjectTokens()[0] ?? '',
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      client_id: 'fob-cli',
    })
    expect(server.headers.at(-1)?.get('authorization')).toBe(`Bearer ${server.issued.at(-1)}`)
    expect(existsSync(home)).toBe(false)
    expect(err).toBe('')
  })

  test('GitLab: the token in FOB_ID_TOKEN is exchanged', async () => {
    const { code, out } = await gitLabJob().run(['whoami'])
    expect([code, out.includes('github: repo:acme/app'), server.exchanged.length]).toEqual([0, true, 1])
    expect(issuer.requests).toEqual([])
  })

  test('Kubernetes: the token in the file of FOB_ID_TOKEN_FILE is exchanged, and read anew each time', async () => {
    const file = join(temporaryFolder(), 'token')
    const { run } = machine({ FOB_SERVER: server.url, FOB_ID_TOKEN_FILE: file })
    const missing = await run(['auth', 'token'])
    expect([missing.code, missing.err]).toEqual([4, expect.stringContaining('cannot be read as an ID token')])
    for (const sub of ['one', 'two']) {
      writeFileSync(file, `${issuer.mintToken({ aud: [`${server.url}/`, 'other'], sub })}\n`)
      expect((await run(['auth', 'token'])).code).toBe(0)
    }
    expect(subjectTokens().map((token) => claimsOf(token).sub)).toEqual(['one', 'two'])
  })

  test('FOB_ID_TOKEN_AUDIENCE is asked for, where the server takes another audience than its address', async () => {
    const { code } = await gitHubJob({ FOB_ID_TOKEN_AUDIENCE: 'fob' }).run(['auth', 'token'])
    expect([code, claimsOf(subjectTokens()[0]).aud]).toEqual([0, 'fob'])
  })

  test.each([
    ['a token in a variable', { FOB_TOKEN: 'canary-variable' }, []],
    ['a JWT in a flag', {}, ['--jwt-token', `e30.${Buffer.from('{"exp":9e9}').toString('base64url')}.x`]],
  ])('%s comes first, and no ID token is asked for', async (_, env, flags) => {
    const { code } = await gitHubJob().run(['auth', 'token', ...flags], { env })
    expect([code, server.exchanged, issuer.requests]).toEqual([0, [], []])
  })

  test('a stored login comes first, and so do Basic credentials in the address', async () => {
    const { run } = gitHubJob()
    server.valid.add('canary-stored')
    expect((await run(['auth', 'login', '--token-stdin'], { stdin: 'canary-stored' })).code).toBe(0)
    expect((await run(['auth', 'token'])).out).toBe('canary-stored\n')
    await run(['whoami', '-s', server.url.replace('//', '//ada:pw@')])
    expect([server.exchanged, issuer.requests]).toEqual([[], []])
  })

  test('no ID token is sent to a server that only a folder names, nor to the default one', async () => {
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, '.fob.toml'), `server = "${server.url}"\n`)
    const { run } = gitHubJob({ FOB_SERVER: '' })
    expect((await run(['auth', 'trust'], { cwd })).code).toBe(0)
    const status = await run(['auth', 'status'], { cwd })
    expect([status.code, status.err.includes(`server: ${server.url} (`)]).toEqual([4, true])
    expect((await run(['auth', 'token'], { cwd })).code).toBe(4)
    expect([server.exchanged, issuer.requests]).toEqual([[], []])
  })

  test.each(['open', 'basic', 'unknown'] as const)(
    'a server whose strategy is %s gets no ID token, and the call goes without',
    async (strategy) => {
      await using other = startExchangingServer({ strategy })
      const { run } = gitHubJob({ FOB_SERVER: other.url })
      await run(['api', 'GET', '/api/v1/profile'])
      expect([other.exchanged, issuer.requests]).toEqual([[], []])
      expect(other.headers.at(-1)?.has('authorization')).toBe(false)
      if (strategy === 'open') expect((await run(['whoami'])).code).toBe(0)
      expect((await run(['auth', 'status', '--check'])).code).toBe(strategy === 'open' ? 0 : 4)
    },
  )

  test('auth status and --debug say where the credential comes from, and show nothing of it', async () => {
    const { run } = gitHubJob()
    const status = await run(['auth', 'status', '-o', 'json'])
    expect([status.code, JSON.parse(status.out)]).toEqual([
      0,
      [
        expect.objectContaining({
          account: 'the ID token of GitHub Actions',
          current: true,
          storage: 'call',
          state: 'valid',
        }),
      ],
    ])
    expect(status.err).toContain('note: commands exchange the ID token of GitHub Actions for a token')
    expect(server.exchanged).toEqual([])
    const checked = await run(['auth', 'status', '--check'])
    expect([checked.code, checked.out.includes('accepted')]).toEqual([0, true])
    const debug = await run(['whoami', '--debug'])
    expect(debug.err).toContain(
      `credential for ${server.url}: the token for the ID token of GitHub Actions\n`,
    )
    for (const secret of [...subjectTokens(), ...server.issued, 'the-token-of-the-job']) {
      expect(debug.err + checked.err + checked.out).not.toContain(secret)
    }
  })
})

describe('an ID token that gets nobody in', () => {
  test.each(['invalid_request', 'unsupported_grant_type', 'invalid_grant'])(
    'a server that says %s: exit 4, with what its operator has to set',
    async (error) => {
      server.next.push(refused(error))
      const { code, out, err } = await gitHubJob().run(['whoami'])
      expect([code, out]).toEqual([4, ''])
      expect(err).toContain(`${server.url} does not accept the ID token of GitHub Actions`)
      expect(err).toContain('fob server --trusted-issuer github')
      expect(err).not.toContain(subjectTokens()[0] ?? 'none')
    },
  )

  test('auth status --check exits 4 with the same hint', async () => {
    server.next.push(refused('invalid_request'), refused('invalid_request'))
    const { code, out, err } = await gitLabJob().run(['auth', 'status', '--check', '-o', 'json'])
    expect([code, JSON.parse(out)[0].check]).toEqual([4, 'rejected'])
    expect(err).toContain('--trusted-issuer gitlab')
  })

  test.each([
    ['is empty', '', 'FOB_ID_TOKEN is empty'],
    ['was not replaced', '$FOB_ID_TOKEN', 'is not a JWT'],
    ['has expired', undefined, 'has expired'],
  ])('FOB_ID_TOKEN that %s: exit 4, and nothing is sent', async (_, text, words) => {
    const FOB_ID_TOKEN = text ?? issuer.mintToken({ aud: server.url, exp: 1 })
    const { code, err } = await gitLabJob().run(['whoami'], { env: { FOB_ID_TOKEN } })
    expect([code, err]).toEqual([4, expect.stringContaining(words)])
    if (text !== undefined)
      expect(err).toContain(`hint: give the job "id_tokens: FOB_ID_TOKEN: aud: ${server.url}"`)
    expect(server.exchanged).toEqual([])
  })

  test('one for another server is not sent to this one, and the hint has the line to write', async () => {
    const { code, err } = await gitLabJob({ aud: 'https://other.example' }).run(['whoami'])
    expect([code, server.exchanged]).toEqual([4, []])
    expect(err).toContain(`is for https://other.example, not for ${server.url}`)
    expect(err).toContain(`aud: ${server.url}`)
  })

  test('a redirect of the token endpoint is not followed', async () => {
    await using other = startExchangingServer()
    server.next.push(Response.redirect(`${other.url}/oauth/token`, 307))
    const { code } = await gitHubJob().run(['whoami'])
    expect([code, other.requests]).toEqual([7, []])
  })

  test('it is not sent in the clear to another machine, whatever is set', async () => {
    const fetched: string[] = []
    const { run } = machine({
      FOB_SERVER: 'http://ci.example.com',
      FOB_ID_TOKEN: issuer.mintToken({ aud: 'http://ci.example.com' }),
      FOB_INSECURE_HTTP: '1',
    })
    const fetch = async (url: string) => {
      fetched.push(url)
      return Response.json({ status: 'ok', version: '0', strategy: 'oauth' })
    }
    const { code, err } = await run(['whoami'], { fetch })
    expect([code, fetched]).toEqual([2, ['http://ci.example.com/health']])
    expect(err).toContain('would be sent the ID token of this job in the clear')
  })
})

describe("GitHub's endpoint for ID tokens", () => {
  test('a failure is met with one more request after a second', async () => {
    const { code, asked, waits } = await against(new Response('', { status: 503 }), issued())
    expect([code, asked, waits]).toEqual([0, Array(2).fill('Bearer the-token-of-the-job'), [1000]])
  })

  test.each([
    ['that fails twice', 7, () => new Response('', { status: 502 }), 'responded with 502'],
    [
      'that refuses',
      4,
      () => new Response('{"message":"no"}', { status: 403 }),
      'permissions: id-token: write',
    ],
    ['without a value', 4, () => Response.json({ count: 0 }), 'no ID token'],
    ['with an empty value', 4, () => Response.json({ value: '' }), 'no ID token'],
    ['with a page', 4, () => new Response('<html>'), 'no ID token'],
    ['with a value that is no JWT', 4, () => Response.json({ value: 'x' }), 'is not a JWT'],
    ['that redirects', 4, () => Response.redirect('https://evil.example/', 302), 'responded with 302'],
    ['of 1 MB', 4, () => new Response(' '.repeat(1e6)), 'no ID token'],
  ])('one %s: exit %d, and nothing is sent to the server', async (_, expected, response, words) => {
    const { code, err } = await against(response())
    expect([code, server.exchanged]).toEqual([expected, []])
    expect(err).toContain(words)
  })

  test('one that is down: exit 7 within seconds, in words', async () => {
    const waits: number[] = []
    const { code, err } = await gitHubJob({ ACTIONS_ID_TOKEN_REQUEST_URL: 'http://127.0.0.1:1/token' }).run(
      ['whoami'],
      { sleep: async (ms) => void waits.push(ms) },
    )
    expect([code, waits]).toEqual([7, [1000]])
    expect(err).toContain('cannot reach the ID token endpoint of GitHub Actions at http://127.0.0.1:1')
  })

  test('an address that is not https is not asked', async () => {
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: 'http://actions.example/token' }
    const { code, err } = await gitHubJob(env).run(['whoami'])
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL'),
    ])
  })
})

describe('fob auth login --workload', () => {
  test('S100, S113: github: a login as any other, that ends with the hour and renews itself by the next ID token', async () => {
    const { run, file, advance } = gitHubJob()
    const login = await run(['auth', 'login', '--workload', 'github', '--scope', 'runs:read,runs:trigger'])
    expect([login.code, login.out]).toEqual([0, ''])
    expect(login.err).toContain(`Logged in to ${server.url} as github: repo:acme/app`)
    expect(entryIn(file)).toMatchObject({
      kind: 'oauth',
      token: server.issued.at(-1),
      scopes: ['runs:read', 'runs:trigger'],
      workload: { kind: 'github' },
      user: { id: 'workload:github:repo:acme/app' },
    })
    expect(readFileSync(file, 'utf8')).not.toContain(subjectTokens()[0] ?? 'none')
    expect((await run(['auth', 'token'])).out).toBe(`${server.issued.at(-1)}\n`)
    expect((await run(['auth', 'status'])).out).toContain('renews itself')
    expect(server.exchanged).toHaveLength(1)

    issuer.jobClaims = { exp: Math.floor(Date.now() / 1000) + 7200 }
    advance(HOUR_MS - 29_000)
    const tokens = await Promise.all([run(['auth', 'token']), run(['auth', 'token']), run(['auth', 'token'])])
    expect(tokens.map(({ out }) => out)).toEqual(Array(3).fill(`${server.issued.at(-1)}\n`))
    expect(server.exchanged.map((form) => form.get('scope'))).toEqual(Array(2).fill('runs:read runs:trigger'))
    expect((await run(['auth', 'refresh'])).code).toBe(0)
    expect(server.exchanged).toHaveLength(3)
    issuer.jobClaims = {}

    const logout = await run(['auth', 'logout'])
    expect([logout.code, logout.err]).toEqual([
      0,
      expect.stringContaining(
        'the token of a job cannot be revoked: the server accepts the token until that expires, within the hour; here it is deleted',
      ),
    ])
    expect(readFileSync(file, 'utf8')).not.toContain('wl_')
  })

  test('S113: after the job its login ends with exit 4 and what was missing', async () => {
    const { run, advance, file } = gitLabJob()
    expect((await run(['auth', 'login', '--workload', 'gitlab'])).code).toBe(0)
    expect(entryIn(file).workload).toEqual({ kind: 'gitlab' })
    advance(HOUR_MS)
    const { code, err } = await run(['auth', 'token'])
    expect([code, err]).toEqual([4, expect.stringContaining('credentials expired — run fob auth login')])
    expect(err).toContain('hint: the ID token in FOB_ID_TOKEN has expired')
  })

  test('auto takes the one that is there; --workload-token-file another', async () => {
    const { run, file } = gitHubJob()
    expect((await run(['auth', 'login', '--workload', 'auto'])).code).toBe(0)
    expect(entryIn(file).workload).toEqual({ kind: 'github' })
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, 'token'), issuer.mintToken({ aud: server.url }))
    expect((await run(['auth', 'login', '--workload-token-file', 'token'], { cwd })).code).toBe(0)
    expect(entryIn(file).workload).toEqual({ kind: 'file', path: join(cwd, 'token') })
    expect(issuer.requests).toHaveLength(1)
  })

  test.each([
    ['github', 'permissions: id-token: write'],
    ['gitlab', 'id_tokens: FOB_ID_TOKEN: aud: '],
    ['auto', 'in GitHub Actions, give the job'],
  ])('without an ID token, --workload %s exits 4 and says what the job needs', async (kind, words) => {
    const args = ['auth', 'login', '--workload', kind, '-s', server.url]
    const { code, err } = await machine({ CI: 'true' }).run(args)
    expect([code, err.includes(words), server.exchanged]).toEqual([4, true, []])
  })

  test.each([
    ['--device'],
    ['--no-browser'],
    ['--token-stdin'],
    ['--with-token=canary'],
    ['--jwt-token=canary'],
    ['--client-id=x'],
    ['--par'],
    ['--dpop'],
    ['--workload-token-file=x'],
  ])('--workload with %s is exit 2', async (flag) => {
    const { code, err } = await gitHubJob().run(['auth', 'login', '--workload', 'github', flag])
    expect([code, err.includes('cannot be used together')]).toEqual([2, true])
  })

  test('a scope that is not granted exits 4; a server that is not fob gets no ID token', async () => {
    server.next.push(Response.json({ error: 'invalid_scope' }, { status: 400 }))
    const more = await gitHubJob().run(['auth', 'login', '--workload', 'github', '--scope', 'secrets:write'])
    expect([more.code, more.err.includes('does not grant this job secrets:write')]).toEqual([4, true])
    await using other = startExchangingServer({ strategy: 'unknown' })
    const foreign = await gitHubJob().run(['auth', 'login', '--workload', 'github', '-s', other.url])
    expect([foreign.code, other.exchanged]).toEqual([2, []])
  })
})
