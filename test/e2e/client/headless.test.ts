/** `fob run` on a machine without a login, as in CI: output, tokens, a read-only home and exit codes. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import * as v from 'valibot'
import { startCuttingProxy } from '../../support/hostile/event-cutting-proxy.ts'
import { type Ended, environment, FOB, fob, start } from '../../support/client/compiled-binary.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { logIn } from '../../support/servers/oauth-login.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import {
  GITLAB_CLAIMS,
  startWorkloadIssuer,
  type WorkloadIssuer,
} from '../../support/stand-ins/workload-issuer.ts'
import { inTerminal, missingTerminalPart } from '../../support/real-parts/terminal.ts'

const ROOT = resolve(import.meta.dir, '../../..')
const CANARY = 'canary-8e21-headless'
const LINES = 400

const ECHO = `export const pipeline = async () => {
  await runtime.run({ name: 'show', image: 'x', env: { KEY: 'secret:KEY' },
    command: { path: 'sh', args: ['-c', 'echo "task: $0 key: $KEY"', String(pipelineContext.task)] } })
  if (pipelineContext.task === 'fail') throw new Error('as it was told')
}
`
/** Many small events, some of them while they are followed. */
const COUNT = `export const pipeline = async () => {
  for (let i = 1; i <= ${LINES}; i++) {
    console.log('line ' + i + ' ä€')
    if (i % 100 === 0) await runtime.run({ name: 'nap', image: 'x', command: { path: 'sleep', args: ['0.3'] } })
  }
}
`
/** Waits until a file is there, so that a test says when it goes on. */
const WAIT = `export const pipeline = async () => {
  const [file] = pipelineContext.args
  const script = 'echo before; echo aside >&2; while [ ! -e "$0" ]; do sleep 0.05; done; echo after'
  await runtime.run({ name: 'wait', image: 'x', command: { path: 'sh', args: ['-c', script, file] } })
}
`

let server: BinaryServer
let token: string
/** Of GitHub Actions, and of GitLab CI. */
let issuer: WorkloadIssuer
let gitlab: WorkloadIssuer
const bin = temporaryFolder()

/** A machine with nothing on it but the binary. */
function bare(args: string[], options: { home?: string; env?: Record<string, string>; stdin?: string } = {}) {
  return fob(args, options)
}

async function set(name: string, source: string): Promise<void> {
  const file = join(temporaryFolder(), `${name}.ts`)
  writeFileSync(file, source)
  const ended = await bare(['pipeline', 'set', file, '-s', server.url, '--auth-token', token])
  if (ended.code !== 0) throw new Error(ended.err)
}

beforeAll(async () => {
  symlinkSync(FOB, join(bin, 'fob'))
  // What the example's task finds instead of the agent.
  writeFileSync(
    join(bin, 'opencode'),
    '#!/bin/sh\necho "opencode $1: $2, key of ${#MODEL_API_KEY} letters"\n',
  )
  chmodSync(join(bin, 'opencode'), 0o755)
  issuer = startWorkloadIssuer()
  gitlab = startWorkloadIssuer()
  server = await startBinaryServer({
    tables: [trusted('GitHub Actions', issuer), trusted('GitLab', gitlab)],
  })
  token = (await logIn(server.url, ADA)).access_token
  for (const [name, source] of Object.entries({
    echo: ECHO,
    count: COUNT,
    wait: WAIT,
    deploy: ECHO,
    review: ECHO,
  })) {
    await set(name, source)
  }
  const example = readFileSync(join(ROOT, 'examples/opencode.ts'), 'utf8')
  await set('opencode', example.replace('env: { ', `env: { PATH: '${bin}:/usr/bin:/bin', `))
  for (const key of ['KEY', 'MODEL_API_KEY']) {
    await bare(['secrets', 'set', key, '-s', server.url, '--auth-token', token], { stdin: CANARY })
  }
})
afterAll(async () => {
  await server.stop()
  await issuer.stop()
  await gitlab.stop()
})

const given = () => ['--jwt-token', token, '-s', server.url, '--silent']

describe('fob run on a machine with nothing configured', () => {
  test('S125, S131, S132: prints the redacted log and nothing else, and leaves nothing behind', async () => {
    const home = join(temporaryFolder(), 'home')
    mkdirSync(home)
    const ended = await bare(['run', 'echo', '--task', 'say "hi" $HOME', ...given()], { home })
    expect(ended).toEqual({ code: 0, out: 'task: say "hi" $HOME key: ***REDACTED***\n', err: '' })
    expect(existsSync(join(home, '.fob'))).toBe(false)
  })

  test('a token that has runs:trigger alone follows the run that it starts', async () => {
    const by = ['--auth-token', token, '-s', server.url]
    const created = await bare([
      'tokens',
      'create',
      'ci',
      '--scope',
      'runs:trigger',
      '--all-pipelines',
      ...by,
    ])
    const ended = await bare(['run', 'echo', '--task', 'x', '-q', '-s', server.url], {
      env: { FOB_TOKEN: created.out.trim() },
    })
    expect(ended).toEqual({ code: 0, out: 'task: x key: ***REDACTED***\n', err: '' })
  })

  test('a run that fails exits 1 with its reason', async () => {
    const { code, err } = await bare(['run', 'echo', '--task', 'fail', ...given()])
    expect([code, err]).toEqual([1, expect.stringContaining('as it was told')])
  })

  test.each([
    ['S126: --base-url', () => ['--jwt-token', token, '--base-url', server.url], {}],
    [
      'S126: --base-url with /api/v1 behind it',
      () => ['--jwt-token', token, '--base-url', `${server.url}/api/v1/`],
      {},
    ],
    ['S125: the flag alone, the address from FOB_SERVER', () => ['--jwt-token', token], { server: true }],
  ])('%s', async (_, args, from: { server?: boolean }) => {
    const env = from.server ? { FOB_SERVER: server.url } : {}
    const ended = await bare(['run', 'echo', '--task', 'x', '-q', ...args()], { env })
    expect(ended).toEqual({ code: 0, out: 'task: x key: ***REDACTED***\n', err: '' })
  })

  test.each([
    ['a word', 'not-a-token'],
    ['two parts', 'e30.e30'],
    ['four parts', 'e30.e30.e30.e30'],
    ['a part that is no JSON', 'abc.abc.abc'],
    ['null, as jq prints it', 'null'],
  ])('S127: %s is no JWT: exit 4, and nothing is sent', async (_, text) => {
    const ended = await bare(['run', 'echo', '--task', 'x', '--jwt-token', text, '-s', 'http://127.0.0.1:1'])
    const err = expect.stringContaining('is not a JWT (header.payload.signature)') as string
    expect(ended).toEqual({ code: 4, out: '', err })
    expect(ended.err).not.toContain(text)
  })

  test('S129: without a token: exit 4, and where one is looked for', async () => {
    const ended = await bare(['run', 'echo', '--task', 'x', '-s', server.url])
    expect([ended.code, ended.out]).toEqual([4, ''])
    for (const place of [
      '--jwt-token',
      'FOB_TOKEN',
      'FOB_JWT_TOKEN',
      'the stored logins',
      'hint: provide one',
    ]) {
      expect(ended.err).toContain(place)
    }
  })

  test('S128, S130: one that ends within 7 days is warned of, one that has ended needs a new one', async () => {
    const soon = await bare(['run', 'echo', '--task', 'x', '--jwt-token', token, '-s', server.url])
    expect([soon.code, soon.err]).toEqual([
      0,
      expect.stringContaining('warning: the token in --jwt-token ends in less than an hour'),
    ])
    const expired = `e30.${Buffer.from('{"exp":1}').toString('base64url')}.x`
    const late = await bare(['run', 'echo', '--task', 'x', '--jwt-token', expired, '-s', server.url])
    expect([late.code, late.err]).toEqual([4, expect.stringContaining('hint: ')])
  })

  test('S133: the text alone, where config.toml names the pipeline; and behind the flags', async () => {
    const home = temporaryFolder()
    mkdirSync(join(home, '.fob'), { mode: 0o700 })
    writeFileSync(join(home, '.fob', 'config.toml'), '[run]\npipeline = "echo"\n', { mode: 0o600 })
    const alone = await bare(['run', 'fix the failing test', ...given()], { home })
    expect(alone.out).toBe('task: fix the failing test key: ***REDACTED***\n')
    const behind = await bare(['run', ...given(), 'echo', 'fix the test'])
    expect(behind.out).toBe('task: fix the test key: ***REDACTED***\n')
  })

  test('--task - takes the text from standard input, an argument as well', async () => {
    const piped = await bare(['run', 'echo', '--task', '-', ...given()], { stdin: 'from\na pipe\n' })
    expect(piped.out).toBe('task: from\na pipe key: ***REDACTED***\n')
    const prompt = await bare(['run', 'echo', 'fix the test', ...given()])
    expect(prompt.out).toBe('task: fix the test key: ***REDACTED***\n')
  })

  test('works with a home that cannot be written', async () => {
    const home = temporaryFolder()
    const args = ['run', 'echo', '--task', 'x', ...given()]
    const ended = await bare(args, { home, env: { FOB_HOME: '/proc/nowhere/.fob' } })
    expect([ended.code, ended.err]).toEqual([0, ''])
  })

  test('S128: an expired token, and no server: 4 before 7', async () => {
    const expired = `e30.${Buffer.from('{"exp":1}').toString('base64url')}.x`
    const nowhere = 'http://127.0.0.1:1'
    expect((await bare(['run', 'echo', '--jwt-token', expired, '-s', nowhere])).code).toBe(4)
    expect((await bare(['run', 'echo', '--jwt-token', token, '-s', nowhere])).code).toBe(7)
  })
})

describe('a connection that is cut at any byte', () => {
  const seed = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000)
  /** Mulberry32: the same cuts for the same seed. */
  const random = (() => {
    let state = seed
    return () => {
      state = (state + 0x6d2b79f5) | 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    }
  })()
  const all = Array.from({ length: LINES }, (_, i) => `line ${i + 1} ä€\n`).join('')

  test(`loses no line and doubles none (seed ${seed})`, async () => {
    // The head of an answer has some 700 bytes: the first falls into it.
    const lengths = [1, ...Array.from({ length: 5 }, () => 1000 + Math.floor(random() * 2000))]
    const proxy = await startCuttingProxy(server.url, lengths)
    const ended = await bare(['run', 'count', '--jwt-token', token, '-s', proxy.url])
    expect(ended.out).toBe(all)
    expect(ended.code).toBe(0)
    expect(proxy.cuts()).toBeGreaterThan(3)
    expect(ended.err).toContain('the connection was lost; reconnecting')
    const id = /Run (run_\w+)/.exec(ended.err)?.[1] ?? ''
    await proxy.stop()

    const again = await startCuttingProxy(server.url, lengths)
    const logs = await bare(['runs', 'logs', id, '-f', '-q', '--auth-token', token, '-s', again.url])
    expect({ out: logs.out === all, err: logs.err, code: logs.code }).toEqual({ out: true, err: '', code: 0 })
    expect(again.cuts()).toBeGreaterThan(3)
    await again.stop()
  }, 60_000)
})

describe('a request to run whose answer never comes', () => {
  const RUN = `run_${'0'.repeat(32)}`
  test.each([
    [['run', 'deploy', '--task', 'x'], 'a run may have started', 'fob runs list -p deploy'],
    [['pipeline', 'run', 'deploy'], 'a run may have started', 'fob runs list -p deploy'],
    [['runs', 'resume', RUN], 'the run may have been resumed', `fob runs show ${RUN}`],
  ])('fob %j says that it may have arrived', async (words, fact, look) => {
    const asked = Promise.withResolvers<void>()
    const silent = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => {
        // A resume looks at the run first, where it may.
        if (request.method === 'GET') return Response.json({ error: 'forbidden' }, { status: 403 })
        asked.resolve()
        return new Promise<Response>(() => {})
      },
    })
    const running = start([...words, '-s', silent.url.origin, '--auth-token', token])
    await asked.promise
    running.child.kill('SIGINT')
    const { code, err } = await running.ended
    await silent.stop(true)
    expect(code).toBe(130)
    expect(err).toContain(`fob: interrupted; ${fact}\nhint: look before you `)
    expect(err).toContain(look)
  })
})

/** Starts one that waits for a file. */
async function begin(): Promise<{ id: string; release(): void }> {
  const file = join(temporaryFolder(), 'go')
  const { out } = await bare(['run', 'wait', file, '--detach', '-o', 'json', ...given()])
  return { id: (JSON.parse(out) as { id: string }).id, release: () => writeFileSync(file, '') }
}
const asMe = () => ['-s', server.url, '--auth-token', token]

describe('a run that still goes', () => {
  test('runs logs prints what is there so far, stdout and stderr apart, and comes back', async () => {
    const { id, release } = await begin()
    let ended: Ended = { code: -1, out: '', err: '' }
    const deadline = Date.now() + 15_000
    while (!ended.err.includes('aside') && Date.now() < deadline)
      ended = await bare(['runs', 'logs', id, ...asMe()])
    expect([ended.code, ended.out]).toEqual([0, 'before\n'])
    expect(ended.err).toContain('aside\n')
    expect(ended.err).toContain('the run has not ended (running); follow it with -f')
    const json = await bare(['runs', 'logs', id, '-o', 'json', ...asMe()])
    expect(json.out).toContain('"data":"before\\n"')
    release()
    expect((await bare(['runs', 'logs', id, '-f', '-q', ...asMe()])).out).toBe('before\nafter\n')
  })

  test('Ctrl-C ends the following, not the run, and says how to go on and how to end it', async () => {
    const { id, release } = await begin()
    const following = start(['runs', 'logs', id, '-f', ...asMe()])
    await following.saw('before')
    following.child.kill('SIGINT')
    const { code, err } = await following.ended
    expect(code).toBe(130)
    expect(err).toContain(`fob runs logs ${id} -f`)
    expect(err).toContain(`fob runs stop ${id}`)
    release()
    expect((await bare(['runs', 'logs', id, '-f', '-q', ...asMe()])).out).toBe('before\nafter\n')
  })

  test.skipIf(missingTerminalPart() !== undefined)(
    'a terminal shows how far it has come, below the log',
    async () => {
      const file = join(temporaryFolder(), 'go')
      const terminal = inTerminal(['run', 'wait', file, '--jwt-token', token, '-s', server.url])
      await terminal.saw('before')
      await terminal.saw(/0:0\d {2}tasks: 0 done, 1 running/)
      writeFileSync(file, '')
      await terminal.saw('after')
      const { code, text } = await terminal.ended
      expect(code).toBe(0)
      // The last that is drawn is erased again.
      const rest = text.slice(text.lastIndexOf('tasks:'))
      expect(rest).toContain('\u001b[2K')
      expect(text).toContain('the run succeeded')
    },
  )

  test.skipIf(missingTerminalPart() !== undefined)('with CI set, the terminal has no such line', async () => {
    const args = ['run', 'echo', '--task', 'x', '--jwt-token', token, '-s', server.url]
    const { text, code } = await inTerminal(args, { env: { CI: 'true' } }).ended
    expect([code, text.includes('tasks:')]).toEqual([0, false])
  })
})

/** As a CI system does: a shell that stops at the first error, on a machine with fob on its PATH. */
async function shell(script: string, env: Record<string, string>): Promise<Ended> {
  const home = temporaryFolder()
  const surroundings = environment({ home }).env
  const child = Bun.spawn(['bash', '-e', '-o', 'pipefail', '-c', script], {
    cwd: home,
    env: { ...surroundings, PATH: [bin, surroundings.PATH].join(delimiter), CI: 'true', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { out, err, code }
}

const page = readFileSync(join(ROOT, 'docs/ci.md'), 'utf8')
/** The code under a heading, block by block. */
function snippets(heading: string): string[] {
  const part = page.split(/^###? /m).find((text) => text.startsWith(`${heading}\n`)) ?? ''
  return [...part.matchAll(/```\w+\n([\s\S]*?)```/g)].map(([, code = '']) => code)
}
/** The last of it, which is what a job has; what a server has comes first. */
function snippet(heading: string): string {
  const code = snippets(heading).at(-1)
  if (code === undefined) throw new Error(`no code under ${heading}`)
  return code
}

const YAML_JOB = v.looseObject({
  env: v.optional(v.record(v.string(), v.string()), {}),
  steps: v.array(v.looseObject({ env: v.optional(v.record(v.string(), v.string()), {}), run: v.string() })),
})

/** Runs the first step of a GitHub workflow with the variables that it names, and those of `given`. */
function gitHubStep(yaml: string, values: Record<string, string>, given: Record<string, string>) {
  const { deploy } = v.parse(v.object({ jobs: v.object({ deploy: YAML_JOB }) }), Bun.YAML.parse(yaml)).jobs
  const [step] = deploy.steps
  const named = Object.entries({ ...deploy.env, ...step?.env }).map(([name, text]) => [
    name,
    text.replace(/\$\{\{ ([\w.]+) \}\}/g, (_all, of: string) => values[of] ?? ''),
  ])
  const env = { ...given, ...(Object.fromEntries(named) as Record<string, string>) }
  return shell(step?.run ?? '', { GITHUB_ACTIONS: 'true', GITHUB_SHA: 'abc1234', ...env })
}

/** What the page sets on a server, for the stand-in. */
const trusted = (heading: string, { url }: WorkloadIssuer) => `${snippets(heading)[0] ?? ''}url = "${url}"\n`

const gitLabJob = () => {
  const of = v.looseObject({
    id_tokens: v.object({ FOB_ID_TOKEN: v.object({ aud: v.string() }) }),
    script: v.array(v.string()),
  })
  return v.parse(v.object({ review: of }), Bun.YAML.parse(snippet('GitLab'))).review
}

const values = () => ({ 'vars.FOB_SERVER': server.url })
const idToken = (aud = server.url) =>
  gitlab.mintToken({ ...GITLAB_CLAIMS, aud, project_path: 'my-group/app' })

describe('S100, S113, S134: the snippets of docs/ci.md that need no stored secret', () => {
  const deployed = { code: 0, out: 'task: Deploy abc1234 key: ***REDACTED***\n', err: '' }
  const reviewed = { code: 0, out: 'task: Review abc1234 key: ***REDACTED***\n', err: '' }
  test('GitHub Actions: the job exchanges its ID token, and leaves nothing behind', async () => {
    issuer.jobClaims = { repository: 'my-org/app' }
    expect(await gitHubStep(snippet('GitHub Actions'), values(), issuer.githubEnvironment())).toEqual(
      deployed,
    )
  })

  test('GitHub Actions: without the permission, exit 4 with the line that is missing', async () => {
    const { code, err } = await gitHubStep(snippet('GitHub Actions'), values(), {})
    expect([code, err]).toEqual([4, expect.stringContaining('permissions: id-token: write')])
  })

  test('GitHub Actions: another repository is refused: exit 4, what the operator sets, and why in the log', async () => {
    issuer.jobClaims = { repository: 'stranger/app' }
    const { code, err } = await gitHubStep(snippet('GitHub Actions'), values(), issuer.githubEnvironment())
    expect([code, err]).toEqual([4, expect.stringContaining('--trusted-issuer github')])
    expect(err).not.toContain('eyJ')
    await server.running.saw('a JWT was refused')
  })

  test('GitLab: the job exchanges FOB_ID_TOKEN', async () => {
    const { script, id_tokens: tokens } = gitLabJob()
    const aud = tokens.FOB_ID_TOKEN.aud.replace('$FOB_SERVER', server.url)
    const env = {
      GITLAB_CI: 'true',
      FOB_SERVER: server.url,
      FOB_ID_TOKEN: idToken(aud),
      CI_COMMIT_SHORT_SHA: 'abc1234',
      CI_SERVER_URL: 'https://gitlab.example',
    }
    expect(await shell(script.join('\n'), env)).toEqual(reviewed)
  })

  test('Kubernetes: the file with the token', async () => {
    const file = join(temporaryFolder(), 'token')
    writeFileSync(file, idToken())
    const script = snippet('Kubernetes, and other CI systems').replace('/var/run/secrets/fob/token', file)
    const ended = await shell(script, { FOB_SERVER: server.url })
    expect(ended).toEqual({ code: 0, out: 'task: Nightly key: ***REDACTED***\n', err: '' })
  })

  test('a login for the whole job', async () => {
    const env = { FOB_SERVER: server.url, FOB_ID_TOKEN: idToken() }
    const { code, out, err } = await shell(snippet('A login for the whole job'), env)
    expect([code, out]).toEqual([0, 'task: Deploy 1.2.3 key: ***REDACTED***\n'])
    expect(err).toContain(`Logged in to ${server.url} as `)
    expect(err).toContain(`Logged out of ${server.url}`)
  })

  test('no program that fob starts sees the variables of the ID token', async () => {
    const browser = join(temporaryFolder(), 'browser')
    const seen = `${browser}.env`
    writeFileSync(browser, `#!/bin/sh\nenv >${seen}.part\nmv ${seen}.part ${seen}\n`)
    chmodSync(browser, 0o755)
    const env = {
      ...issuer.githubEnvironment(),
      FOB_ID_TOKEN: 'canary-id-token',
      BROWSER: browser,
      KEEP: 'kept',
    }
    const running = start(['auth', 'login', '-s', server.url], { env })
    await running.saw('/oauth/authorize?')
    while (!existsSync(seen)) await Bun.sleep(10)
    running.child.kill('SIGINT')
    await running.ended
    const text = readFileSync(seen, 'utf8')
    expect([text.includes('KEEP=kept'), /ACTIONS_ID_TOKEN|FOB_/.test(text)]).toEqual([true, false])
  })
})

describe('S134: the snippets of docs/ci.md with a token', () => {
  test('GitLab, with a token', async () => {
    const job = v.parse(
      v.object({ review: v.object({ script: v.array(v.string()) }) }),
      Bun.YAML.parse(snippet('GitLab, with a token')),
    )
    const env = {
      FOB_SERVER: server.url,
      FOB_JWT_TOKEN: token,
      CI_COMMIT_SHORT_SHA: 'abc1234',
      CI_SERVER_URL: 'https://gitlab.example',
    }
    const ended = await shell(job.review.script.join('\n'), env)
    expect(ended).toEqual({ code: 0, out: 'task: Review abc1234 key: ***REDACTED***\n', err: '' })
  })

  test('GitHub Actions, with a token', async () => {
    const values = { 'vars.FOB_SERVER': server.url, 'secrets.FOB_JWT_TOKEN': token }
    const ended = await gitHubStep(snippet('GitHub Actions, with a token'), values, {})
    expect(ended).toEqual({ code: 0, out: 'task: Deploy abc1234 key: ***REDACTED***\n', err: '' })
  })

  describe('a token from an identity provider', () => {
    let provider: Bun.Server<undefined>
    beforeAll(() => {
      provider = Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        async fetch(request) {
          const form = new URLSearchParams(await request.text())
          const known =
            form.get('grant_type') === 'client_credentials' && form.get('client_secret') === 's3cret'
          return known
            ? Response.json({ access_token: token, token_type: 'Bearer', expires_in: 3600 })
            : Response.json({ error: 'invalid_client' }, { status: 401 })
        },
      })
    })
    afterAll(() => provider.stop(true))
    const env = (secret: string) => ({
      TOKEN_URL: provider.url.href,
      CLIENT_ID: 'ci',
      CLIENT_SECRET: secret,
      FOB_SERVER: server.url,
      VERSION: '1.2.3',
    })

    test('is taken from curl and jq', async () => {
      const ended = await shell(snippet('A token from your identity provider'), env('s3cret'))
      expect(ended).toEqual({ code: 0, out: 'task: Deploy 1.2.3 key: ***REDACTED***\n', err: '' })
    })

    test('and where there was none, exit 4', async () => {
      const script = `set +e +o pipefail\n${snippet('A token from your identity provider')}`
      const { code, out, err } = await shell(script, env('wrong'))
      expect([code, out, err]).toEqual([4, '', expect.stringContaining('--jwt-token is empty')])
    })
  })

  test('a token from a service key', async () => {
    const all = [
      '--scope',
      'runs:trigger',
      '--scope',
      'runs:read',
      '--all-pipelines',
      '--data',
      server.dataDir,
    ]
    const added = await bare(['server', 'service-key', 'add', 'ci', ...all, '-q'])
    const env = { SERVICE_KEY: added.out.trim(), FOB_SERVER: server.url, VERSION: '1.2.3' }
    const ended = await shell(snippet('A token for an hour, from a service key'), env)
    expect(ended).toEqual({ code: 0, out: 'task: Deploy 1.2.3 key: ***REDACTED***\n', err: '' })
  })

  test('OpenCode', async () => {
    const ended = await shell(snippet('OpenCode'), { TOKEN: token, FOB_SERVER: server.url })
    expect(ended).toEqual({
      code: 0,
      out: `opencode run: Review the last commit, key of ${CANARY.length} letters\n`,
      err: '',
    })
  })
})
