/** `--dev`: a server to try fob with, and where it is refused. */
import { expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSettings } from '../../../src/server/settings/settings.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const read = (flags: Record<string, string>) => readSettings({ flags, env: {}, file: undefined })

test('keeps secrets under a key of its own, which is created once and for its owner alone', () => {
  const data = join(temporaryFolder(), 'data')
  const first = read({ dev: 'true', data })
  const path = join(data, 'dev-key')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const key = readFileSync(path, 'utf8')
  const second = read({ dev: 'true', data })
  expect(readFileSync(path, 'utf8')).toBe(key)
  expect([first.vault.unlock?.kind, second.vault.unlock?.kind]).toEqual(['key file', 'key file'])
  expect(first.strategy.kind).toBe('open')
})

test('uses a passphrase that is given, and creates no key then', () => {
  const data = join(temporaryFolder(), 'data')
  const settings = read({ dev: 'true', data, 'secrets-sqlite-passphrase': 'correct horse' })
  expect(settings.vault.unlock?.kind).toBe('passphrase')
  expect(() => statSync(join(data, 'dev-key'))).toThrow()
})

test('a file in the place of the key that is none is not overwritten', () => {
  const data = temporaryFolder()
  writeFileSync(join(data, 'dev-key'), 'mine')
  expect(() => read({ dev: 'true', data })).toThrow('does not hold 32 bytes')
  expect(readFileSync(join(data, 'dev-key'), 'utf8')).toBe('mine')
})

test.each<[string, Record<string, string>]>([
  ['Basic authentication', { 'basic-auth-username': 'a', 'basic-auth-password': 'correct horse' }],
  ['an address beyond loopback', { listen: '0.0.0.0:8080', 'open-to-network': 'true' }],
])('is refused with %s', (_what, flags) => {
  const data = join(temporaryFolder(), 'data')
  expect(() => read({ dev: 'true', data, ...flags })).toThrow('--dev')
  expect(() => statSync(data)).toThrow()
})
