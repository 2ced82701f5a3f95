/** Secrets in an S3 bucket: encryption, conditional writes, retries, and the start-up probe. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Fault } from '../../../../src/contract/fault.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import type { Log } from '../../../../src/server/log.ts'
import { openS3Backend } from '../../../../src/server/vault/s3/s3-backend.ts'
import type { S3Settings } from '../../../../src/server/vault/s3/s3-settings.ts'
import { s3Kind } from '../../../../src/server/vault/s3/s3-backend-kind.ts'
import { openS3Objects } from '../../../../src/server/vault/s3/s3-objects.ts'
import { testWith } from '../../../support/real-parts/skip-without-part.ts'
import { refuse, type Recorded, type S3Front, startS3Front } from '../../../support/real-parts/s3-front.ts'
import { missingS3Part, type S3Server, startS3Server } from '../../../support/real-parts/s3-server.ts'
import { freePort } from '../../../support/free-port.ts'
import { startS3StandIn } from '../../../support/stand-ins/s3.ts'
import { vaultContract } from '../contract.ts'
import { place, reEncryptAll, vaultOn } from '../vault-harness.ts'

const missing = missingS3Part()
const withS3 = (title: string, run: () => Promise<void>, timeoutMs?: number) =>
  testWith(missing, title, run, timeoutMs)

const BUCKET = 'bucket'
let real: S3Server
/** Swift has neither conditional writes nor encryption of its own: what is about those needs no real store. */
let standIn: S3Server
let front: S3Front

beforeAll(async () => {
  if (missing !== undefined) return
  real = await startS3Server()
  await real.createBucket(BUCKET)
  standIn = startS3StandIn()
  front = startS3Front(standIn)
}, 90_000)
afterAll(async () => {
  front?.stop()
  await standIn?.stop()
  await real?.stop()
})

const quiet: Log = { info: () => {}, warn: () => {}, error: () => {} }
let prefixes = 0

/** Settings of a place that no other test uses. */
function settings(at: { endpoint: string }, more: Partial<S3Settings> = {}): S3Settings {
  return {
    bucket: BUCKET,
    endpoint: at.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: real.accessKeyId, secretAccessKey: new Secret(real.secretAccessKey) },
    sse: undefined,
    sealed: true,
    prefix: `test-${++prefixes}/`,
    ...more,
  }
}

async function backendOf(of: S3Settings, log: Log = quiet) {
  return openS3Backend(of, log)
}

async function contractOn(at: () => { endpoint: string }) {
  const of = settings(at())
  return { backend: await backendOf(of), again: () => backendOf(of) }
}

vaultContract('S3 (OpenStack Swift)', () => contractOn(() => real), withS3)
vaultContract('S3 with conditional writes', () => contractOn(() => front), withS3)

describe('secrets in a bucket', () => {
  withS3('S53, S77: hold no plaintext, on the real server', async () => {
    const of = settings(real)
    const vault = await vaultOn(await backendOf(of))
    await vault.set(place('KEY'), new Secret('canary-7f3a9c-value'))
    const stored = [...(await real.objects(BUCKET, of.prefix))]
    expect(stored.map(([name]) => name.slice(of.prefix.length))).toEqual([
      'secrets/ten_1/global/KEY',
      'vault.json',
    ])
    for (const [, bytes] of stored) {
      expect(bytes.includes('canary-7f3a9c')).toBe(false)
      expect(bytes.includes(Buffer.from('canary-7f3a9c-value').toString('base64').slice(0, 16))).toBe(false)
    }
  })

  withS3('S83: a prefix holds everything, and keeps vaults apart', async () => {
    const [a, b] = [settings(real), settings(real)]
    const [vaultA, vaultB] = [await vaultOn(await backendOf(a)), await vaultOn(await backendOf(b))]
    await vaultA.set(place('KEY'), new Secret('of a'))
    expect(await vaultB.get(place('KEY'))).toBeUndefined()
    expect(await vaultB.list('ten_1')).toEqual([])
    const elsewhere = settings(real, { prefix: '' })
    await (await vaultOn(await backendOf(elsewhere))).set(place('KEY'), new Secret('of none'))
    const names = [...(await real.objects(BUCKET)).keys()]
    const top = new Set(
      names.map((name) => name.split('/', 1).join()).filter((name) => !/^test-\d+$/.test(name)),
    )
    expect(top).toEqual(new Set(['secrets', 'vault.json']))
  })

  withS3('a list has all pages', async () => {
    const paged = startS3Front(real, { pageSize: 2 })
    const vault = await vaultOn(await backendOf(settings(paged)))
    for (const key of ['A', 'B', 'C', 'D', 'E']) await vault.set(place(key), new Secret(`value ${key}`))
    paged.requests.length = 0
    expect((await vault.list('ten_1')).map(({ key }) => key)).toEqual(['A', 'B', 'C', 'D', 'E'])
    expect(paged.requests.filter(({ query }) => query.includes('continuation-token'))).toHaveLength(2)
    // What has not changed is not fetched again.
    paged.requests.length = 0
    await vault.list('ten_1')
    expect(paged.requests.filter(({ query }) => query === '' || query.includes('GetObject'))).toEqual([])
    paged.stop()
  })

  withS3('what somebody else put there is no secret, and one that was changed does not open', async () => {
    const of = settings(front)
    const backend = await backendOf(of)
    const vault = await vaultOn(backend)
    await vault.set(place('KEY'), new Secret('value'))
    const objects = await openS3Objects(of)
    await objects.put(`${of.prefix}secrets/ten_1/global/not-a-key!`, 'x')
    await objects.put(`${of.prefix}secrets/ten_1/global/KEY`, 'no record')
    expect((await vault.list('ten_1')).map(({ key }) => key)).toEqual(['KEY'])
    await expect(vault.get(place('KEY'))).rejects.toThrow('does not open')
  })
})

const SSE = 'x-amz-server-side-encryption'

/** What was asked of the server for the secrets themselves and for the header. */
const written = (requests: readonly Recorded[]) => {
  const puts = requests.filter(({ method }) => method === 'PUT')
  return {
    secrets: puts.filter(({ path }) => path.includes('/secrets/ten_1')),
    header: puts.filter(({ path }) => path.endsWith('/vault.json')),
  }
}
const sealed = async (of: S3Settings) => {
  const vault = await vaultOn(await backendOf(of))
  await vault.set(place('KEY'), new Secret('canary-value'))
  expect((await vault.get(place('KEY')))?.reveal()).toBe('canary-value')
  for (const bytes of (await standIn.objects(BUCKET, of.prefix)).values()) {
    expect(bytes.includes('canary-value')).toBe(false)
  }
}

describe('S82, S84: the provider encrypts too', () => {
  for (const [sse, header] of [
    ['sse-s3', 'AES256'],
    ['sse-kms', 'aws:kms'],
  ] as const) {
    withS3(`${sse} is asked for with ${header}, and what is sent is sealed already`, async () => {
      front.requests.length = 0
      await sealed(settings(front, { sse }))
      const { secrets, header: headers } = written(front.requests)
      expect([...secrets, ...headers].map((request) => request.headers.get(SSE))).toEqual([header, header])
      expect(front.requests.filter((request) => request.headers.has(`${SSE}-customer-key`))).toEqual([])
    })
  }

  withS3('sse-c sends a key of ours with every secret; the header is read without it', async () => {
    const of = settings(front, { sse: 'sse-c' })
    await sealed(of)
    front.requests.length = 0
    // Another server has the same key: it is kept in the header, wrapped.
    const vault = await vaultOn(await backendOf(of))
    expect((await vault.get(place('KEY')))?.reveal()).toBe('canary-value')
    await vault.set(place('KEY'), new Secret('canary-other'))
    const about = (part: string) => front.requests.filter(({ path }) => path.includes(part))
    const keys = new Set(about('/secrets/ten_1').map(({ headers }) => headers.get(`${SSE}-customer-key`)))
    expect(keys.size).toBe(1)
    expect(Buffer.from([...keys][0] ?? '', 'base64')).toHaveLength(32)
    expect(about('/vault.json').filter(({ headers }) => headers.has(`${SSE}-customer-key`))).toEqual([])
    const stored = (await standIn.objects(BUCKET, of.prefix)).get(`${of.prefix}vault.json`)?.toString() ?? ''
    expect(stored).toContain('"store"')
    expect(stored).not.toContain([...keys][0] as string)
  })

  withS3('sse-c can be switched on and off over the same secrets', async () => {
    const of = settings(front)
    await sealed(of)
    const on = await vaultOn(await backendOf({ ...of, sse: 'sse-c' }))
    expect((await on.get(place('KEY')))?.reveal()).toBe('canary-value')
    await on.set(place('NEW'), new Secret('new value'))
    const off = await vaultOn(await backendOf(of))
    expect((await off.get(place('NEW')))?.reveal()).toBe('new value')
    expect((await off.list('ten_1')).map(({ key }) => key)).toEqual(['KEY', 'NEW'])
    await reEncryptAll(off)
    const plain = front.requests.length
    expect((await off.get(place('NEW')))?.reveal()).toBe('new value')
    const after = front.requests.slice(plain).filter(({ path }) => path.endsWith('/NEW'))
    expect(after.filter(({ headers }) => headers.has(`${SSE}-customer-key`))).toEqual([])
  })

  withS3(
    'S81: with the provider alone, values rest on what it does; a passphrase then opens nothing',
    async () => {
      const of = settings(front, { sse: 'sse-s3' })
      const options = { unlock: undefined, storeEncrypts: true }
      const vault = await vaultOn(await backendOf(of), options)
      await vault.set(place('KEY'), new Secret('only the provider'))
      expect((await vault.get(place('KEY')))?.reveal()).toBe('only the provider')
      const locked = await vaultOn(await backendOf(of))
      await expect(locked.get(place('KEY'))).rejects.toThrow('stored without a passphrase')
      await locked.set(place('KEY'), new Secret('sealed'))
      expect((await locked.get(place('KEY')))?.reveal()).toBe('sealed')
    },
  )
})

/** Why it is refused, and what is left in it. */
async function refusal(encryption: 'ignore' | 'claim', more: Partial<S3Settings>) {
  const careless = startS3Front(standIn, { encryption })
  const of = settings(careless, more)
  const fault: unknown = await backendOf(of).catch((error: unknown) => error)
  careless.stop()
  const left = [...(await standIn.objects(BUCKET, of.prefix)).keys()]
  return [fault instanceof Fault && [fault.code, fault.message.replace(/^\S+/, 'IT')], left]
}

/** The warnings of a start. */
async function warningsOf(of: S3Settings) {
  const warnings: string[] = []
  const log = { ...quiet, warn: (message: string) => void warnings.push(message) }
  await backendOf(of, log)
  return warnings
}

describe('S82: a server that does not encrypt as it was asked to', () => {
  const refused = [['config', 'IT does not encrypt as --secrets-s3-encrypt asks'], []]

  for (const sse of ['sse-s3', 'sse-kms', 'sse-c'] as const) {
    for (const sealed of [true, false]) {
      withS3(`ignores ${sse}: refused ${sealed ? 'with' : 'without'} a passphrase`, async () =>
        expect(await refusal('ignore', { sse, sealed })).toEqual(refused),
      )
    }
  }

  withS3('says that it uses the key of sse-c, and gives the object out without it', async () =>
    expect(await refusal('claim', { sse: 'sse-c' })).toEqual(refused),
  )

  withS3('stops doing so while the server runs: the value is refused, and does not stay there', async () => {
    const encryption: { encryption?: 'ignore' } = {}
    const fickle = startS3Front(standIn, encryption)
    const of = settings(fickle, { sse: 'sse-s3', sealed: false })
    const vault = await vaultOn(await backendOf(of), { unlock: undefined, storeEncrypts: true })
    await vault.set(place('GOOD'), new Secret('encrypted'))
    encryption.encryption = 'ignore'
    await expect(vault.set(place('BAD'), new Secret('canary'))).rejects.toThrow('does not encrypt as')
    expect([...(await standIn.objects(BUCKET, of.prefix)).keys()]).toEqual([
      `${of.prefix}secrets/ten_1/global/GOOD`,
    ])
    fickle.stop()
  })

  for (const [sse, rights] of [
    ['sse-s3', 's3:GetObject'],
    ['sse-kms', 's3:GetObject and kms:Decrypt'],
  ] as const) {
    withS3(`S81: ${sse} without a passphrase: the start says who can read`, async () => {
      expect(await warningsOf(settings(front, { sse, sealed: true }))).toEqual([])
      expect(await warningsOf(settings(front, { sse, sealed: false }))).toEqual([
        `secrets are stored without a passphrase: everybody with ${rights} on the bucket can read them, and so can the operators of the S3 server`,
      ])
    })
  }
})

describe('conditional writes', () => {
  withS3('guard the header and every move; a plain set needs none', async () => {
    const vault = await vaultOn(await backendOf(settings(front)))
    front.requests.length = 0
    await vault.set(place('KEY'), new Secret('value'))
    await reEncryptAll(vault)
    const puts = front.requests.filter(({ method }) => method === 'PUT')
    expect(
      puts.map(({ path, headers }) => [
        path.split('/').at(-1),
        headers.has('if-match') || headers.has('if-none-match'),
      ]),
    ).toEqual([
      ['KEY', false],
      ['vault.json', true],
      ['KEY', true],
      ['vault.json', true],
    ])
  })

  for (const [how, at] of [
    ['refuses', () => real],
    ['has never heard of', () => startS3Front(real, { conditions: 'ignore' })],
  ] as const) {
    withS3(`a server that ${how} them is told apart, and the log says what that means`, async () => {
      const warnings: string[] = []
      await backendOf(settings(at()), { ...quiet, warn: (message) => void warnings.push(message) })
      expect(warnings).toEqual([
        'the S3 server has no conditional writes: use this bucket and prefix from one server only',
      ])
    })
  }

  withS3('a server that keeps them is not warned about', async () => {
    const warnings: string[] = []
    await backendOf(settings(front), { ...quiet, warn: (message) => void warnings.push(message) })
    expect(warnings).toEqual([])
  })
})

describe('a server that is slow or fails now and then', () => {
  const patience = { connectMs: 1000, requestMs: 300, attempts: 4, deadlineMs: 10_000 }

  withS3('is asked again after a 503 and after a time-out, each time after another wait', async () => {
    const flaky = startS3Front(standIn)
    const objects = await openS3Objects(settings(flaky), patience)
    const at: number[] = []
    flaky.meddle = () => {
      at.push(performance.now())
      if (at.length === 1) return refuse(503, 'SlowDown')
      return at.length === 2 ? Bun.sleep(1000).then(() => refuse(500, 'InternalError')) : undefined
    }
    expect(await objects.put('flaky/object', 'body')).toBe('written')
    expect(at).toHaveLength(3)
    expect((await objects.get('flaky/object'))?.body.toString()).toBe('body')
    flaky.stop()
  })

  withS3('that never answers is given up at the deadline', async () => {
    const hanging = startS3Front(standIn)
    hanging.meddle = () => new Promise(() => {})
    const objects = await openS3Objects(settings(hanging), {
      ...patience,
      requestMs: 60_000,
      deadlineMs: 500,
    })
    const begun = performance.now()
    await expect(objects.get('any')).rejects.toThrow(`cannot reach ${hanging.endpoint}`)
    expect(performance.now() - begun).toBeLessThan(3000)
    hanging.stop()
  })

  withS3('whose answer was lost has written all the same: the header is made once', async () => {
    const lossy = startS3Front(standIn)
    let lost = false
    const of = settings(lossy)
    lossy.meddle = ({ method, path }) => {
      if (lost || method !== 'PUT' || !path.endsWith('vault.json')) return undefined
      lost = true
      // The object is there when the SDK asks again, so its condition fails.
      return openS3Objects({ ...of, endpoint: front.endpoint })
        .then((objects) => objects.put(`${of.prefix}vault.json`, '{"made":"by the lost one"}'))
        .then(() => refuse(500, 'InternalError'))
    }
    await expect(vaultOn(await backendOf(of))).rejects.toThrow('of a form that this fob does not know')
    lossy.stop()
  })
})

describe('the start-up probe says what to fix', () => {
  const reasons: [string, () => S3Settings, Meddled | undefined, string, string][] = [
    [
      'no bucket',
      () => settings(real, { bucket: 'nosuch' }),
      undefined,
      'there is no bucket nosuch at',
      '--secrets-s3-bucket',
    ],
    [
      'S79: an unknown access key',
      () =>
        settings(real, { credentials: { accessKeyId: 'nobody', secretAccessKey: new Secret('testing') } }),
      undefined,
      'access key',
      '--secrets-s3-access-key-id',
    ],
    [
      'S80: a wrong secret key',
      () =>
        settings(real, { credentials: { accessKeyId: 'test:tester', secretAccessKey: new Secret('no') } }),
      undefined,
      'does not accept the secret access key',
      '--secrets-s3-secret-access-key',
    ],
    [
      'S78: a wrong region',
      () => settings(real, { region: 'eu-west-1' }),
      undefined,
      'not in the region eu-west-1',
      '--secrets-s3-region',
    ],
    [
      'S77: nobody there',
      () => settings({ endpoint: `http://127.0.0.1:${freePort()}` }),
      undefined,
      'the connection was refused',
      '--secrets-s3-endpoint',
    ],
    [
      'S82: encryption that the server has not',
      () => settings(real, { sse: 'sse-s3' }),
      undefined,
      'does not encrypt as --secrets-s3-encrypt asks',
      '--secrets-s3-passphrase',
    ],
    [
      'no right to write',
      () => settings(front),
      ({ method }) => (method === 'PUT' ? refuse(403, 'AccessDenied') : undefined),
      'may not use the bucket',
      's3:PutObject',
    ],
    [
      'a KMS key that is switched off',
      () => settings(front, { sse: 'sse-kms' }),
      ({ method }) => (method === 'PUT' ? refuse(400, 'KMS.DisabledException') : undefined),
      'the KMS key of bucket cannot be used',
      'kms:GenerateDataKey',
    ],
    [
      'a clock that is wrong',
      () => settings(front),
      () => refuse(403, 'RequestTimeTooSkewed'),
      'clock is wrong',
      'set the clock',
    ],
    [
      'no S3 server',
      () => settings(front),
      () => new Response('hello', { status: 418 }),
      'answered 418',
      'is it an S3 server',
    ],
    [
      'something that changes answers',
      () => settings(front),
      ({ method, query }) =>
        method === 'GET' && !query.includes('list-type')
          ? new Response('cached', { headers: { etag: '"x"' } })
          : undefined,
      'does not give back what was written',
      'caches',
    ],
  ]
  type Meddled = S3Front['meddle']

  for (const [name, of, meddle, fact, hint] of reasons) {
    withS3(name, async () => {
      front.meddle = meddle ?? (() => undefined)
      const fault = await backendOf(of())
        .then(() => undefined)
        .catch((error: unknown) => error)
        .finally(() => {
          front.meddle = () => undefined
        })
      expect(fault).toBeInstanceOf(Fault)
      expect((fault as Fault).message).toContain(fact)
      expect((fault as Fault).hint ?? '').toContain(hint)
      expect(`${(fault as Fault).message}${(fault as Fault).hint}`).not.toContain('testing')
    })
  }

  withS3('it leaves nothing behind', async () => {
    const of = settings(front)
    await backendOf(of)
    expect([...(await standIn.objects(BUCKET, of.prefix)).keys()]).toEqual([])
  })
})

test('S99: the S3 store is registered by its settings alone', () => {
  expect(Object.keys(s3Kind.settings).every((name) => name.startsWith('secrets-s3-'))).toBe(true)
})
