/** The settings of the vault: passphrase, key file, bucket, server secrets, and refused settings. */
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../../src/contract/fault.ts'
import { readSettings, readVaultSettings } from '../../../src/server/settings/settings.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const read = (flags: Record<string, string> = {}, env: Record<string, string> = {}, file?: unknown) =>
  readVaultSettings({ flags, env, file })
const S3 = { 'secrets-s3-bucket': 'b' }

describe('the settings of the vault', () => {
  test('S74: the passphrase has no default', () => {
    expect(read().unlock).toBeUndefined()
    expect(read().store.kind).toBe('sqlite')
  })

  test.each(['FOB_', 'CI_'])('S72 to S74: the variables of SQLite, spelled %s', (prefix) => {
    const { store, unlock } = read(
      {},
      { [`${prefix}SECRETS_SQLITE_PATH`]: ':memory:', [`${prefix}SECRETS_SQLITE_PASSPHRASE`]: 'p' },
    )
    expect([store.kind, store.lasting]).toEqual(['sqlite', false])
    expect(unlock?.kind === 'passphrase' && unlock.passphrase.reveal()).toBe('p')
  })

  test.each(['FOB_', 'CI_'])('S75 to S83: the variables of S3, spelled %s', (prefix) => {
    const env = {
      BUCKET: 'b',
      ENDPOINT: 'http://localhost:9000',
      REGION: 'eu-west-1',
      ACCESS_KEY_ID: 'id',
      SECRET_ACCESS_KEY: 'key',
      PASSPHRASE: 'p',
      ENCRYPT: 'sse-kms',
      PREFIX: '/team/ci',
    }
    const named = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [`${prefix}SECRETS_S3_${name}`, value]),
    )
    const { store, unlock } = read({}, named)
    expect(store).toMatchObject({ kind: 's3', encrypts: true, lasting: true })
    expect(unlock?.kind === 'passphrase' && unlock.passphrase.reveal()).toBe('p')
  })

  test('S76: with a bucket, the passphrase of SQLite opens nothing', () => {
    expect(read({ ...S3, 'secrets-sqlite-passphrase': 'p' }).unlock).toBeUndefined()
  })

  test('S85: no keys is a valid choice', () => {
    const { store } = read({ ...S3, 'secrets-s3-region': 'us-east-1', 'secrets-s3-passphrase': 'p' })
    expect(store.kind).toBe('s3')
  })

  test.each(['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'])(
    'S77: %s counts where no setting names a server',
    (name) => {
      const flags = { ...S3, 'secrets-s3-encrypt': 'sse-s3' }
      expect(() => read(flags, { [name]: 'http://minio.example:9000' })).toThrow(
        'http://minio.example:9000 would be sent keys or secrets in the clear',
      )
      expect(() => read(flags, { [name]: 'minio' })).toThrow(`${name} takes an address`)
      const own = { ...flags, 'secrets-s3-endpoint': 'https://minio.example' }
      expect(read(own, { [name]: 'minio' }).store.kind).toBe('s3')
      expect(read(flags, { [name]: '' }).store.kind).toBe('s3')
      expect(read({}, { [name]: 'minio' }).store.kind).toBe('sqlite')
    },
  )

  test.each(['sse-s3', 'sse-kms', 'sse-c'])('S82: %s is taken', (sse) => {
    expect(read({ ...S3, 'secrets-s3-passphrase': 'p', 'secrets-s3-encrypt': sse }).store.encrypts).toBe(true)
  })

  test('the key file holds 32 bytes, raw, in hex or in base64', () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i))
    const folder = temporaryFolder()
    for (const [name, content] of [
      ['raw', key],
      ['hex', `${key.toString('hex')}\n`],
      ['base64', `${key.toString('base64')}\n`],
    ] as const) {
      const path = join(folder, name)
      writeFileSync(path, content)
      const { unlock } = read({ 'secrets-key-file': path })
      expect(unlock?.kind === 'key file' && unlock.key.bytes().equals(key)).toBe(true)
    }
  })

  test('S69: secrets of the server come from flags and from a file, and a flag wins', () => {
    const path = join(temporaryFolder(), 'secrets.env')
    writeFileSync(path, 'A=from file\nB="two\nlines"\n')
    const secrets = new Map([['A', 'from flag']])
    const settings = readSettings({ flags: { 'secret-file': path }, env: {}, file: undefined, secrets })
    expect([...settings.secrets].map(([key, value]) => [key, value.reveal()])).toEqual([
      ['A', 'from flag'],
      ['B', 'two\nlines'],
    ])
    expect(JSON.stringify([...settings.secrets])).not.toContain('from')
  })
})

describe('what does not start', () => {
  const short = join(temporaryFolder(), 'short')
  writeFileSync(short, 'canary-short')
  const bad = join(temporaryFolder(), 'bad.env')
  writeFileSync(bad, 'A=1\ncanary\n')
  test.each<[string, Record<string, string>, string]>([
    [
      'S82: another encryption',
      { ...S3, 'secrets-s3-encrypt': 'aes' },
      'takes sse-s3, sse-kms, sse-c, not "aes"',
    ],
    ['S75: S3 without a bucket', { 'secrets-s3-region': 'us-east-1' }, '--secrets-s3-bucket is not'],
    [
      'S79: half of the keys',
      { ...S3, 'secrets-s3-access-key-id': 'i' },
      '--secrets-s3-secret-access-key is not',
    ],
    [
      'S80: the other half',
      { ...S3, 'secrets-s3-secret-access-key': 'canary' },
      '--secrets-s3-access-key-id is not',
    ],
    ['S77: an endpoint that is none', { ...S3, 'secrets-s3-endpoint': 'localhost:9000' }, 'takes an address'],
    ['S77: an endpoint with a user', { ...S3, 'secrets-s3-endpoint': 'http://u:canary@h' }, 'without user'],
    ['SSE-C without a passphrase', { ...S3, 'secrets-s3-encrypt': 'sse-c' }, 'needs --secrets-s3-passphrase'],
    [
      'SSE-C whose key would cross a network in the clear',
      {
        ...S3,
        'secrets-s3-encrypt': 'sse-c',
        'secrets-s3-passphrase': 'p',
        'secrets-s3-endpoint': 'http://s3.example',
      },
      'in the clear',
    ],
    [
      'values that would',
      { ...S3, 'secrets-s3-encrypt': 'sse-s3', 'secrets-s3-endpoint': 'http://s3.example' },
      'in the clear',
    ],
    [
      'a passphrase and a key file',
      { 'secrets-sqlite-passphrase': 'p', 'secrets-key-file': short },
      'both set',
    ],
    ['a key file that is too short', { 'secrets-key-file': short }, 'does not hold 32 bytes'],
    ['a key file that is not there', { 'secrets-key-file': '/nonexistent' }, 'cannot read the key file'],
  ])('%s', (_name, flags, words) => {
    let fault: unknown
    try {
      read(flags)
    } catch (error) {
      fault = error
    }
    expect(fault).toBeInstanceOf(Fault)
    expect((fault as Fault).code).toBe('config')
    expect((fault as Fault).message).toContain(words)
    expect(`${(fault as Fault).message}${(fault as Fault).hint}`).not.toContain('canary')
  })

  test('a file of secrets that is none is refused with its line', () => {
    const sources = { flags: { 'secret-file': bad }, env: {}, file: undefined }
    expect(() => readSettings(sources)).toThrow(`${bad}:2: this is not KEY=VALUE`)
  })
})
