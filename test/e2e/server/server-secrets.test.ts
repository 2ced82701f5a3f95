/** Secrets on the compiled server: the documented storages, sizes, and rotation of the passphrase while it runs. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { databasePath } from '../../../src/server/db/database-files.ts'
import { createCheapVault } from '../../support/cheap-vault.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { type S3Front, startS3Front } from '../../support/real-parts/s3-front.ts'
import { missingS3Part, type S3Server, startS3Server } from '../../support/real-parts/s3-server.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const EXAMPLES = resolve(import.meta.dir, '../../../examples')
const PROBE = `export const pipeline = async () => {
  const { stdout } = await runtime.run({
    name: 'probe', image: 'busybox',
    command: { path: 'sh', args: ['-c', 'printf %s "$A" | od -An -tx1 | tr -d " \\\\n"'] },
    env: { A: 'secret:PROBE' },
  })
  console.log('hex', stdout)
}
`

interface Site {
  url: string
  cwd: string
  running: Running
  /** A command of a client of this server. */
  client(...args: string[]): ReturnType<typeof fob>
  stop(): Promise<void>
}

const sites: Site[] = []
afterAll(async () => {
  for (const site of sites) await site.stop()
})

/** `fob server …` typed in a folder of its own; only where it listens is told by the environment. */
async function server(
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Site> {
  const cwd = options.cwd ?? temporaryFolder()
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const running = start(['server', ...args], {
    cwd,
    env: { FOB_LISTEN: `127.0.0.1:${port}`, ...options.env },
  })
  await running.saw('"listening"')
  const site: Site = {
    url,
    cwd,
    running,
    client: (...words) => fob([...words, '-s', url], { cwd }),
    async stop() {
      running.child.kill('SIGINT')
      await running.ended
    },
  }
  sites.push(site)
  return site
}

/** A folder whose vault is there already, where no test is about its creation. */
async function folderWithVault(passphrase: string, cwd = temporaryFolder()): Promise<string> {
  await createCheapVault(databasePath(join(cwd, 'fob-data')), passphrase)
  return cwd
}

/** Sets a secret, and has a pipeline read it: what every store has to be good for. */
async function holdsASecret(site: Site): Promise<void> {
  writeFileSync(join(site.cwd, 'probe.ts'), PROBE)
  const set = await fob(['pipeline', 'set', 'probe.ts', '-e', 'PROBE=canary-e2e-5b1', '-s', site.url], {
    cwd: site.cwd,
  })
  expect(set).toMatchObject({ code: 0 })
  await readsTheSecret(site)
}

async function readsTheSecret(site: Site): Promise<void> {
  const run = await site.client('pipeline', 'run', 'probe')
  expect(run).toMatchObject({ code: 0 })
  // The hexadecimal form is hidden as well: the run went through to the end with the value.
  expect(run.out).toContain('***REDACTED***')
  expect(run.out + run.err).not.toContain('canary-e2e')
}

/** True when a file, or one of a folder's, has the text anywhere. */
function holds(path: string, text: string): boolean {
  const files = statSync(path).isFile()
    ? [path]
    : readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
  return files.some((file) => readFileSync(file).includes(text))
}

describe('the documented server examples', () => {
  test('S72, S74, S53: file-based storage', async () => {
    const args = ['--secrets-sqlite-path', 'secrets.db', '--secrets-sqlite-passphrase', 'my-passphrase']
    const site = await server(args)
    await holdsASecret(site)
    expect(existsSync(join(site.cwd, 'secrets.db'))).toBe(true)
    await site.stop()
    expect(holds(site.cwd, 'canary-e2e')).toBe(false)
    expect(holds(join(site.cwd, 'secrets.db'), 'PROBE')).toBe(true)
    const again = await server(args, { cwd: site.cwd })
    await readsTheSecret(again)
    await again.stop()
  })

  test('S72: an absolute path', async () => {
    const path = join(temporaryFolder(), 'var/lib/fob/secrets.db')
    const site = await server(['--secrets-sqlite-path', path, '--secrets-sqlite-passphrase', 'my-passphrase'])
    await holdsASecret(site)
    expect(existsSync(path)).toBe(true)
    await site.stop()
  })

  test('S73: in memory, where secrets do not outlive the process', async () => {
    const args = ['--secrets-sqlite-path', ':memory:', '--secrets-sqlite-passphrase', 'test-key']
    const site = await server(args)
    await holdsASecret(site)
    await site.stop()
    expect(readdirSync(site.cwd).filter((name) => name.includes('memory'))).toEqual([])
    const again = await server(args, { cwd: site.cwd })
    expect((await again.client('secrets', 'list', '-o', 'json')).out.trim()).toBe('[]')
    const run = await again.client('pipeline', 'run', 'probe')
    expect(run.code).toBe(1)
    expect(run.out + run.err).toContain('PROBE is not set')
    await again.stop()
  })

  test("S72: without a path, they are in the server's own database", async () => {
    const site = await server([], { env: { CI_SECRETS_SQLITE_PASSPHRASE: 'my-passphrase' } })
    await holdsASecret(site)
    await site.stop()
    expect(existsSync(join(site.cwd, 'test.db'))).toBe(false)
    expect(holds(join(site.cwd, 'fob-data'), 'canary-e2e')).toBe(false)
  })

  test('S69, S98: a server with a secret of its own, and the example pipeline', async () => {
    const args = [
      '--secrets-sqlite-path',
      'my-secrets.db',
      '--secrets-sqlite-passphrase',
      'change-me-in-production',
    ]
    const serverFolder = temporaryFolder()
    await createCheapVault(join(serverFolder, 'my-secrets.db'), 'change-me-in-production')
    const site = await server(
      [...args, '--secret', 'REGISTRY_TOKEN=ghp-abc123', '--secret', 'OTHER=tok-global'],
      { cwd: serverFolder },
    )
    const cwd = temporaryFolder()
    mkdirSync(join(cwd, 'examples/both'), { recursive: true })
    const example = 'examples/both/secrets-basic.ts'
    writeFileSync(join(cwd, example), readFileSync(join(EXAMPLES, 'both/secrets-basic.ts')))
    const set = await fob(
      ['pipeline', 'set', example, '--server', site.url, '--secret', 'API_KEY=sk-live-abc123'],
      { cwd },
    )
    expect(set).toMatchObject({ code: 0 })
    const run = await fob(['pipeline', 'run', 'secrets-basic', '--server', site.url], { cwd })
    expect(run.code).toBe(0)
    expect(run.out).toContain('api key: ***REDACTED***, registry token: ***REDACTED***')
    for (const value of ['ghp-abc123', 'sk-live-abc123']) {
      expect(run.out + run.err + site.running.err()).not.toContain(value)
    }
    const list = JSON.parse((await site.client('secrets', 'list', '-o', 'json')).out) as Record<
      string,
      unknown
    >[]
    expect(list.map(({ key, scope, pipeline }) => [key, scope, pipeline])).toEqual([
      ['OTHER', 'server', null],
      ['REGISTRY_TOKEN', 'server', null],
      ['API_KEY', 'pipeline', 'secrets-basic'],
    ])
    const used = list.filter(({ lastRun }) => lastRun !== null).map(({ key }) => key)
    expect(used).toEqual(['REGISTRY_TOKEN', 'API_KEY'])
    await site.stop()
    // Not the server's own database, which has the script with its comment.
    expect(holds(join(site.cwd, 'my-secrets.db'), 'ghp-abc123')).toBe(false)
    // It stays; the next start need not name it, and a start with the same value changes nothing.
    const again = await server([...args, '--secret', 'OTHER=tok-global'], { cwd: site.cwd })
    const after = JSON.parse((await again.client('secrets', 'list', '-o', 'json')).out) as Record<
      string,
      unknown
    >[]
    expect(after.map(({ key, updatedAt }) => [key, updatedAt])).toEqual(
      list.map(({ key, updatedAt }) => [key, updatedAt]),
    )
    expect(await again.client('secrets', 'rm', 'OTHER', '--scope', 'server')).toMatchObject({ code: 0 })
    await again.stop()
  })

  test('S69: a secret of the server without a passphrase: it does not start, and the value is not repeated', async () => {
    const { code, err } = await fob(['server', '--listen', '127.0.0.1:0', '--secret', 'KEY=canary-value'])
    expect(code).toBe(2)
    expect(err).toContain('started without a passphrase')
    expect(err).not.toContain('canary')
  })
})

describe('values', () => {
  let site: Site
  beforeAll(async () => {
    const cwd = await folderWithVault('my-passphrase')
    site = await server(['--secrets-sqlite-passphrase', 'my-passphrase'], { cwd })
  })
  const put = (stdin: Uint8Array | string, ...args: string[]) => {
    writeFileSync(join(site.cwd, 'value'), stdin)
    return site.client('secrets', 'set', ...args, '--from-file', 'value')
  }

  test('any bytes up to 256 KiB are taken, from a file and from a pipe, and no more', async () => {
    expect(await put(Buffer.of(0, 255, 254, 0xc3, 0x28), 'BINARY')).toMatchObject({ code: 0 })
    expect(await put(Buffer.alloc(256 * 1024, 'x'), 'LARGE')).toMatchObject({ code: 0 })
    const over = await put(Buffer.alloc(256 * 1024 + 1, 'x'), 'OVER')
    expect(over.code).toBe(2)
    expect(over.err).toContain('larger than 256 KiB')
    const piped = await fob(['secrets', 'set', 'PIPED', '-s', site.url], { stdin: 'from a pipe\n' })
    expect(piped).toMatchObject({ code: 0 })
    const { out } = await site.client('secrets', 'list')
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0]),
    ).toEqual(['BINARY', 'LARGE', 'PIPED'])
  })

  test('S66, S67: a secret file with values of many lines; updates merge, --unset-secret removes', async () => {
    writeFileSync(join(site.cwd, 'probe.ts'), PROBE)
    writeFileSync(
      join(site.cwd, 'deploy.env'),
      '# of the probe\nexport PROBE="line one\nline two"\nOTHER=\'$not expanded\' # so\n',
    )
    const keys = async () => {
      const { out } = await site.client('secrets', 'list', '--pipeline', 'probe')
      return out
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0])
    }
    expect(await site.client('pipeline', 'set', 'probe.ts', '--secret-file', 'deploy.env')).toMatchObject({
      code: 0,
    })
    expect(await keys()).toEqual(['OTHER', 'PROBE'])
    const more = ['--secret', 'THIRD=value', '-e', 'FOURTH=value', '--unset-secret', 'OTHER']
    expect(await site.client('pipeline', 'set', 'probe.ts', ...more)).toMatchObject({ code: 0 })
    expect(await keys()).toEqual(['FOURTH', 'PROBE', 'THIRD'])
    const run = await site.client('pipeline', 'run', 'probe')
    expect(run).toMatchObject({ code: 0 })
    expect(run.out).not.toContain(Buffer.from('line one').toString('hex'))

    const unset = (...keys: string[]) =>
      site.client('pipeline', 'set', 'probe.ts', ...keys.flatMap((key) => ['--unset-secret', key]))
    expect(await unset('THIRD', 'NOPE')).toMatchObject({
      code: 6,
      err: expect.stringContaining('fob: the pipeline probe has no secret NOPE to be removed\n'),
    })
    const both = await site.client('pipeline', 'set', 'probe.ts', '-e', 'NEW=value', '--unset-secret', 'NEW')
    expect(both).toMatchObject({ code: 2, err: 'fob: NEW is to be set and to be removed\n' })
    expect(await keys()).toEqual(['FOURTH', 'PROBE', 'THIRD'])

    writeFileSync(join(site.cwd, 'bad.env'), 'GOOD=1234\ncanary value\n')
    const bad = await site.client('pipeline', 'set', 'probe.ts', '--secret-file', 'bad.env')
    expect(bad.code).toBe(2)
    expect(bad.err).toContain('bad.env:2: this is not KEY=VALUE')
    expect(bad.err).not.toContain('canary')
  })

  test('S70, R15: a global secret with a run', async () => {
    writeFileSync(join(site.cwd, 'probe.ts'), PROBE)
    const set = await site.client('pipeline', 'set', 'probe.ts', '-n', 'poor')
    expect(set).toMatchObject({ code: 0 })
    const run = await site.client('pipeline', 'run', 'poor', '--global-secret', 'PROBE=canary-global')
    expect(run).toMatchObject({ code: 0 })
    expect(run.out + run.err).not.toContain('canary')
  })

  test('a name that a pipeline cannot read is refused', async () => {
    const { code, err } = await put('value', 'FOB_TOKEN')
    expect(code).not.toBe(0)
    expect(err).toContain('reserved for the server')
  })
})

describe('the passphrase is rotated while the server serves', () => {
  test('the server goes on; a restart needs the new one; a rewrap then moves everything', async () => {
    const cwd = await folderWithVault('the old passphrase')
    writeFileSync(join(cwd, 'old'), 'the old passphrase\n')
    writeFileSync(join(cwd, 'new'), 'the new passphrase\n')
    const site = await server(['--secrets-sqlite-passphrase-file', 'old'], { cwd })
    await holdsASecret(site)
    const rotate = await fob(
      [
        'server',
        'rotate-passphrase',
        '--secrets-sqlite-passphrase-file',
        'old',
        '--new-passphrase-file',
        'new',
      ],
      { cwd },
    )
    expect(rotate).toMatchObject({ code: 0 })
    await readsTheSecret(site)
    expect(await site.client('secrets', 'set', 'LATER=another value')).toMatchObject({ code: 0 })
    const early = await site.client('secrets', 'rewrap')
    expect(early.code).not.toBe(0)
    expect(early.err).toContain('start it again with the new one')
    await site.stop()

    const port = freePort()
    const refused = await fob(
      ['server', '--listen', `127.0.0.1:${port}`, '--secrets-sqlite-passphrase-file', 'old'],
      { cwd },
    )
    expect(refused.code).toBe(2)
    expect(refused.err).toContain('wrong passphrase')

    const again = await server(['--secrets-sqlite-passphrase-file', 'new'], { cwd })
    await readsTheSecret(again)
    const rewrap = await again.client('secrets', 'rewrap')
    expect(rewrap).toMatchObject({ code: 0 })
    expect(rewrap.err).toMatch(/Moved 2 secrets to the key [0-9a-f]{16}/)
    await readsTheSecret(again)
    await again.stop()
  })

  test('a wrong one changes nothing, and there must be a vault', async () => {
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, 'new'), 'the new passphrase')
    const rotate = (passphrase: string) =>
      fob(['server', 'rotate-passphrase', '--new-passphrase-file', 'new'], {
        cwd,
        env: { FOB_SECRETS_SQLITE_PASSPHRASE: passphrase },
      })
    expect(await rotate('any')).toMatchObject({ code: 6 })
    await folderWithVault('right', cwd)
    const site = await server(['--secrets-sqlite-passphrase', 'right'], { cwd })
    const wrong = await rotate('wrong')
    expect(wrong.code).toBe(2)
    expect(wrong.err).toContain('wrong passphrase')
    await site.stop()
    const again = await server(['--secrets-sqlite-passphrase', 'right'], { cwd })
    await again.stop()
  })

  test('to a key file and back', async () => {
    const cwd = await folderWithVault('a passphrase')
    writeFileSync(join(cwd, 'key'), `${Buffer.alloc(32, 9).toString('hex')}\n`)
    const site = await server(['--secrets-sqlite-passphrase', 'a passphrase'], { cwd })
    await holdsASecret(site)
    await site.stop()
    const env = { FOB_SECRETS_SQLITE_PASSPHRASE: 'a passphrase' }
    expect(await fob(['server', 'rotate-passphrase', '--new-key-file', 'key'], { cwd, env })).toMatchObject({
      code: 0,
    })
    const again = await server(['--secrets-key-file', 'key'], { cwd })
    await readsTheSecret(again)
    await again.stop()
    const back = ['server', 'rotate-passphrase', '--secrets-key-file', 'key']
    expect(await fob(back, { cwd, stdin: 'typed in\n' })).toMatchObject({ code: 0 })
    const last = await server(['--secrets-sqlite-passphrase', 'typed in'], { cwd })
    await readsTheSecret(last)
    await last.stop()
  })
})

describe('S3', () => {
  const missing = missingS3Part()
  let real: S3Server
  let front: S3Front
  beforeAll(async () => {
    if (missing !== undefined) return
    real = await startS3Server()
    for (const bucket of ['secrets', 'my-secrets-bucket']) await real.createBucket(bucket)
    // In place of MinIO: it takes any credentials, and Swift's are not the documented ones.
    front = startS3Front(real)
  }, 90_000)
  afterAll(async () => {
    front?.stop()
    await real?.stop()
  })

  testWith(
    missing,
    'S75 to S81, S86: the MinIO example, and a rotation and a rewrap on it',
    async () => {
      const args = [
        '--secrets-s3-bucket',
        'secrets',
        '--secrets-s3-endpoint',
        front.endpoint.replace('127.0.0.1', 'localhost'),
        '--secrets-s3-region',
        'us-east-1',
        '--secrets-s3-access-key-id',
        'minioadmin',
        '--secrets-s3-secret-access-key',
        'minioadmin',
      ]
      const site = await server([...args, '--secrets-s3-passphrase', 'my-encryption-passphrase'])
      await holdsASecret(site)
      const stored = await real.objects('secrets')
      expect([...stored.keys()].filter((name) => name.endsWith('/PROBE'))).toHaveLength(1)
      for (const bytes of stored.values()) expect(bytes.includes('canary-e2e')).toBe(false)

      writeFileSync(join(site.cwd, 'new'), 'another passphrase')
      const rotate = await fob(
        [
          'server',
          'rotate-passphrase',
          ...args,
          '--secrets-s3-passphrase',
          'my-encryption-passphrase',
          '--new-passphrase-file',
          'new',
        ],
        { cwd: site.cwd },
      )
      expect(rotate).toMatchObject({ code: 0 })
      await readsTheSecret(site)
      await site.stop()
      const again = await server([...args, '--secrets-s3-passphrase-file', 'new'], { cwd: site.cwd })
      expect(await again.client('secrets', 're-encrypt')).toMatchObject({ code: 0 })
      await readsTheSecret(again)
      await again.stop()
    },
    60_000,
  )

  testWith(
    missing,
    'S76, S85: the AWS example, with the credentials of the environment, beats SQLite',
    async () => {
      const site = await server(
        [
          '--secrets-s3-bucket',
          'my-secrets-bucket',
          '--secrets-s3-region',
          'us-east-1',
          '--secrets-s3-passphrase',
          'my-encryption-passphrase',
        ],
        {
          env: {
            // What stands for AWS here; the command line is the documented one.
            AWS_ENDPOINT_URL_S3: real.endpoint,
            AWS_ACCESS_KEY_ID: real.accessKeyId,
            AWS_SECRET_ACCESS_KEY: real.secretAccessKey,
            CI_SECRETS_SQLITE_PATH: 'unused.db',
            CI_SECRETS_SQLITE_PASSPHRASE: 'unused',
          },
        },
      )
      await holdsASecret(site)
      expect([...(await real.objects('my-secrets-bucket')).keys()]).toContain('vault.json')
      expect(existsSync(join(site.cwd, 'unused.db'))).toBe(false)
      await site.stop()
    },
    60_000,
  )

  testWith(missing, 'S79: credentials that are wrong: it does not start, and says what to fix', async () => {
    const { code, err } = await fob(['server', '--listen', '127.0.0.1:0'], {
      env: {
        CI_SECRETS_S3_BUCKET: 'secrets',
        CI_SECRETS_S3_ENDPOINT: real.endpoint,
        CI_SECRETS_S3_REGION: 'us-east-1',
        CI_SECRETS_S3_ACCESS_KEY_ID: real.accessKeyId,
        CI_SECRETS_S3_SECRET_ACCESS_KEY: 'canary-wrong',
        CI_SECRETS_S3_PASSPHRASE: 'canary-passphrase',
      },
    })
    expect(code).toBe(2)
    expect(err).toContain('does not accept the secret access key')
    expect(err).toContain('--secrets-s3-secret-access-key')
    expect(err).not.toContain('canary')
  })
})
