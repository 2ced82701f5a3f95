/** Every example, run as its own first lines say. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type Ended, fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { createRepository, startGitHttp } from '../../support/real-parts/git-server.ts'
import { freePort } from '../../support/free-port.ts'
import { vaultKeyFile } from '../../support/servers/vault-key-file.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { githubHeaders } from '../../support/servers/webhook-signer.ts'

const EXAMPLES = resolve(import.meta.dir, '../../../examples')
const url = `http://127.0.0.1:${freePort()}`
let server: Running

beforeAll(async () => {
  server = start(
    [
      'server',
      '--listen',
      new URL(url).host,
      '--data',
      join(temporaryFolder(), 'data'),
      '--secret',
      'REGISTRY_TOKEN=ghp-abc123',
      // The services that stand in here are on this machine.
      '--allow-network',
      '127.0.0.1',
    ],
    { env: { FOB_SECRETS_KEY_FILE: vaultKeyFile() } },
  )
  await server.saw('"listening"')
})
afterAll(async () => {
  server.child.kill('SIGINT')
  await server.ended
})

const client = (...words: string[]) => fob([...words, '-s', url])
const tried = new Set<string>()

async function run(
  path: string,
  args: readonly string[] = [],
  flags: readonly string[] = [],
): Promise<Ended> {
  tried.add(path)
  const set = await client('pipeline', 'set', join(EXAMPLES, path), ...flags)
  expect(set).toMatchObject({ code: 0 })
  return await client('pipeline', 'run', basename(path, '.ts'), ...args)
}

interface Row {
  path: string
  args?: string[]
  flags?: string[]
  code?: number
  /** What its log says. */
  says?: string[]
  never?: string[]
}

const ROWS: Row[] = [
  { path: 'hello.ts', says: ['hello, world'] },
  {
    path: 'arguments.ts',
    args: ['production', '3', '--task', 'roll back'],
    says: ['to production, 3 times: roll back', 'started by open'],
  },
  { path: 'arguments.ts', says: ['to staging, 1 times: nothing in particular'] },
  { path: 'side-by-side.ts', says: ['linux ended with 0, windows with 3'] },
  { path: 'volumes.ts', says: ['built once'] },
  { path: 'sandbox.ts', says: ['lint ended with 2, and the run continues'] },
  {
    path: 'both/secrets-basic.ts',
    code: 1,
    says: ['secret API_KEY is not set'],
  },
  {
    path: 'both/secrets-basic.ts',
    flags: ['--secret', 'API_KEY=sk-live-abc123'],
    says: ['api key: ***REDACTED***, registry token: ***REDACTED***'],
    never: ['sk-live-abc123', 'ghp-abc123'],
  },
]

describe('each example does what it says', () => {
  for (const { path, args, flags, code = 0, says = [], never = [] } of ROWS) {
    test([path, ...(args ?? []), ...(flags ?? [])].join(' '), async () => {
      const ended = await run(path, args, flags)
      const shown = ended.out + ended.err
      for (const text of says) expect(shown).toContain(text)
      for (const text of never) expect(shown).not.toContain(text)
      expect(ended.code).toBe(code)
    })
  }

  test('deploy.ts calls a service with a secret as its token', async () => {
    const heard: (string | null)[] = []
    const service = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch({ headers }) {
        heard.push(headers.get('authorization'))
        return new Response(`thank you for ${headers.get('authorization')}`)
      },
    })
    const ended = await run(
      'deploy.ts',
      [service.url.href],
      ['--secret', 'DEPLOY_TOKEN=a-token-of-the-service'],
    )
    await service.stop(true)
    expect(heard).toEqual(['Bearer a-token-of-the-service'])
    expect(ended.code).toBe(0)
    expect(ended.out + ended.err).toContain('the service responded 200 thank you for Bearer ***REDACTED***')
    expect(ended.out + ended.err).not.toContain('a-token-of-the-service')
  })

  test('notify.ts sends to a hook with a secret header', async () => {
    const heard: { authorization: string | null; body: string }[] = []
    const hook = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      async fetch(request) {
        heard.push({ authorization: request.headers.get('authorization'), body: await request.text() })
        return new Response('ok')
      },
    })
    const secrets = [
      'SLACK_BOT_TOKEN=xoxb-1234',
      'TEAMS_WEBHOOK=https://teams.invalid/x',
      'HOOK_TOKEN=hook-token-1',
    ]
    const ended = await run(
      'notify.ts',
      [hook.url.href],
      secrets.flatMap((secret) => ['--secret', secret]),
    )
    await hook.stop(true)
    expect(ended).toMatchObject({ code: 0 })
    expect(heard).toEqual([
      { authorization: 'hook-token-1', body: expect.stringContaining('notify has built 1.4.2') },
    ])
  })

  test('git-versions.ts asks for commits without waiting, and takes the newest to a task', async () => {
    const repository = createRepository()
    repository.commit({ 'an-older-file': 'hello' })
    const head = repository.commit({ 'READ.ME': 'hello' })
    const forge = startGitHttp(repository.root)
    const ended = await run('git-versions.ts', [`${forge.url}/repo.git`])
    await forge.stop()
    expect(ended.out + ended.err).toContain(`the newest commit is ${head}`)
    expect(ended.out + ended.err).toContain('READ.ME')
    expect(ended.code).toBe(0)
  })

  test('webhook.ts answers whoever calls it', async () => {
    tried.add('webhook.ts')
    await client('pipeline', 'set', join(EXAMPLES, 'webhook.ts'))
    const { out } = await client('pipeline', 'webhook', 'webhook', '--provider', 'github', '-o', 'json')
    const { secret } = JSON.parse(out) as { secret: string }
    const body = '{"action":"opened"}'
    const answer = await fetch(`${url}/api/webhooks/webhook`, {
      method: 'POST',
      headers: githubHeaders(body, secret, 'delivery-1'),
      body,
    })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ heard: 'opened', run: expect.stringMatching(/^run_/) })
  })

  test('and none was left out but opencode.ts, which docs/ci.md has a test of', () => {
    tried.add('opencode.ts')
    const all = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.ts'),
    )
    expect(all.filter((path) => !tried.has(path))).toEqual([])
  })
})
