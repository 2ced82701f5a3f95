/** What a server says when it starts: what nobody can do, and what it has changed. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/redact/secret.ts'
import { withAccounts } from '../../src/server/administration/open-data-folder.ts'
import { jsonClient } from '../support/servers/json-client.ts'
import { localAccounts, startServer } from '../support/servers/test-server.ts'
import { temporaryFolder } from '../support/temporary.ts'

type Options = Parameters<typeof startServer>[0]

/** The warnings of a start. */
async function warningsOf(options: Options): Promise<Record<string, unknown>[]> {
  const server = await startServer(options)
  await server.stop()
  return server
    .log()
    .split('\n')
    .filter((line) => line.includes('"warn"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function folderOf(role: 'admin' | 'member'): Promise<string> {
  const dataDir = temporaryFolder()
  await withAccounts({ dataDir, clock: systemClock, create: true }, async (accounts) => {
    await accounts.addLocal({ email: 'ada@example.com', password: new Secret('correct horse'), role })
  })
  return dataDir
}

const NOBODY = 'no local account passes the rule of this server: none of them can use it'
const LOCKED =
  'secrets are stored here, and the server was started without the passphrase: no run is given any'

describe('a start says so', () => {
  test.each([
    ['"myorg" in Organizations', true],
    ['Email endsWith "@example.com"', false],
  ])('where no local account can fulfil the rule: %s', async (rbac, isSaid) => {
    const dataDir = await folderOf('admin')
    const warnings = await warningsOf({ strategy: localAccounts, dataDir, rbac })
    const said = warnings.find(({ message }) => message === NOBODY)
    expect(said !== undefined).toBe(isSaid)
    if (isSaid) expect(said).toMatchObject({ accounts: 1, hint: expect.stringContaining('change --rbac') })
  })

  test('where nobody administers the server', async () => {
    const lacking = await warningsOf({ strategy: localAccounts, dataDir: await folderOf('member') })
    expect(lacking.map(({ message }) => message)).toContain('this server has no administrator')
    const fine = await warningsOf({ strategy: localAccounts, dataDir: await folderOf('admin') })
    expect(fine.map(({ message }) => message)).not.toContain('this server has no administrator')
  })

  test('where secrets are stored and the passphrase was not given', async () => {
    const dataDir = temporaryFolder()
    const server = await startServer({ dataDir })
    await jsonClient(() => server.url)('PUT', '/api/secrets/KEY', { value: 'a-value-of-some-length' })
    await server.stop()
    const warnings = await warningsOf({ dataDir, vaultKey: 'none' })
    const hint = expect.stringContaining('--secrets-sqlite-passphrase-file PATH')
    expect(warnings.find(({ message }) => message === LOCKED)).toMatchObject({ secrets: 1, hint })
    const empty = await warningsOf({ vaultKey: 'none' })
    expect(empty.some(({ message }) => message === LOCKED)).toBe(false)
  })

  test('where a secrets database of an older program was converted in place, and only then', async () => {
    const path = join(temporaryFolder(), 'secrets.db')
    const old = new Database(path)
    old.run('CREATE TABLE secrets (scope TEXT, key TEXT, encrypted_value BLOB)')
    old.close()
    const words = 'a secrets database of an older program was converted in place'
    const dataDir = temporaryFolder()
    const options = { dataDir, secrets: { 'secrets-sqlite-path': path } }
    const first = await warningsOf(options)
    expect(first.find(({ message }) => message === words)).toMatchObject({ path, secrets: 0 })
    expect((await warningsOf(options)).some(({ message }) => message === words)).toBe(false)
  })
})
