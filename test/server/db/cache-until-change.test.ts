/** The cache of credentials: valid until a table changes, bounded, and without refusals. */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { openDatabase, type OpenDatabase } from '../../../src/server/db/open-database.ts'
import { remember } from '../../../src/server/db/cache-until-change.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const ROWS = `
  INSERT INTO tenants VALUES ('ten', 'acme', 'Acme', 0), ('old', 'old', 'Old', 0);
  INSERT INTO users VALUES ('ada', 'local', 's', 'ada@example.com', 'Ada', NULL, NULL, 'ten', '[]', '[]', NULL, 0, 0, NULL);
  INSERT INTO memberships VALUES ('ada', 'ten', 'admin', 0);
  INSERT INTO cli_tokens VALUES ('tok', 'hash', 'ten', 'ada', 'T', '[]', NULL, 0, 0, NULL, NULL);
  INSERT INTO access_tokens VALUES ('jti', 'ada', 'fob-cli', 'grant', 99, NULL);
  INSERT INTO pipeline_rules VALUES ('pip', 'ten', 'Provider == "github"', 0);`

/** From one turn of the event loop to the next, as from one request to the next. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

let open: OpenDatabase | undefined
let other: Database | undefined
afterEach(() => {
  open?.close()
  other?.close()
})

/** One who remembers, with a connection of another process beside it. */
function setUp(maxEntries?: number) {
  const path = join(temporaryFolder(), 'fob.db')
  open = openDatabase(path)
  const { db } = open
  db.$client.run(ROWS)
  other = new Database(path)
  other.run('PRAGMA foreign_keys = ON')
  const asked: string[] = []
  const look = (presented: string) => {
    asked.push(presented)
    return presented === 'wrong' ? undefined : { presented }
  }
  return { asked, db, other, verified: remember(db, look, maxEntries, setImmediate) }
}

const CHANGES: [name: string, statement: string][] = [
  ['an access token is revoked', 'UPDATE access_tokens SET revoked_at = 1'],
  ['an access token is deleted', 'DELETE FROM access_tokens'],
  ['a scoped token is deleted', 'DELETE FROM cli_tokens'],
  ['a scoped token gets other scopes', `UPDATE cli_tokens SET scopes = '["runs:read"]'`],
  ['a scoped token gets an end', 'UPDATE cli_tokens SET expires_at = 1'],
  ['a scoped token is for signed requests from now on', 'UPDATE cli_tokens SET signature_required = 1'],
  ['a role changes', `UPDATE memberships SET role = 'viewer'`],
  ['a membership ends', 'DELETE FROM memberships'],
  ['the groups of a user change', `UPDATE users SET groups = '["banned"]'`],
  ['a user is removed', 'DELETE FROM users'],
  ['a tenant gets another name', `UPDATE tenants SET slug = 'beta' WHERE id = 'ten'`],
  ['a tenant is removed', `DELETE FROM tenants WHERE id = 'old'`],
  ['a pipeline gets a rule', `INSERT INTO pipeline_rules VALUES ('other', 'ten', 'true', 0)`],
  ['the rule of a pipeline changes', `UPDATE pipeline_rules SET expression = 'Email == ""'`],
  ['the rule of a pipeline goes', 'DELETE FROM pipeline_rules'],
]

describe('what was found is remembered', () => {
  test('while nothing changes, and whatever else is written', async () => {
    const { asked, db, other, verified } = setUp()
    const first = verified('a')
    await nextTurn()
    db.$client.run('UPDATE cli_tokens SET last_used_at = 5')
    other.run('UPDATE cli_tokens SET last_used_at = 6')
    other.run(`INSERT INTO access_tokens VALUES ('next', 'ada', 'fob-cli', 'grant', 99, NULL)`)
    await nextTurn()
    expect(verified('a')).toBe(first)
    expect(asked).toEqual(['a'])
  })

  test.each(CHANGES)('until %s, by this process, in the same turn', (_, statement) => {
    const { asked, db, verified } = setUp()
    verified('a')
    db.$client.run(statement)
    verified('a')
    expect(asked).toEqual(['a', 'a'])
  })

  test.each(CHANGES)('until %s, by another process', async (_, statement) => {
    const { asked, other, verified } = setUp()
    verified('a')
    await nextTurn()
    other.run(statement)
    verified('a')
    expect(asked).toEqual(['a', 'a'])
  })

  test('but no refusal is', () => {
    const { asked, verified } = setUp()
    expect(verified('wrong')).toBeUndefined()
    expect(verified('wrong')).toBeUndefined()
    expect(asked).toEqual(['wrong', 'wrong'])
  })

  test('in a bounded memory: the oldest one makes room', async () => {
    const { asked, verified } = setUp(2)
    for (const token of ['a', 'b', 'c', 'b', 'a']) {
      verified(token)
      await nextTurn()
    }
    expect(asked).toEqual(['a', 'b', 'c', 'a'])
  })

  test('and nothing is when the row that counts the changes is gone', () => {
    const { asked, db, verified } = setUp()
    db.$client.run('DELETE FROM credential_epoch')
    verified('a')
    verified('a')
    expect(asked).toEqual(['a', 'a'])
  })
})
