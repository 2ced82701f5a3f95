/** The audit log: its entries, its pages, and a hash chain that shows every change. */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { openAudit } from '../../../src/server/audit/audit.ts'
import { hashOf, verifyChain } from '../../../src/server/audit/hash-chain.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { auditEntries } from '../../../src/server/db/schema.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function setUp(entries = 0) {
  const path = join(temporaryFolder(), 'fob.db')
  const database = openDatabase(path)
  closers.push(() => database.close())
  let now = 1_700_000_000_000
  const clock = { now: () => (now += 1000), sleep: () => Promise.resolve() }
  const audit = openAudit({ db: database.db, clock })
  for (let i = 1; i <= entries; i++) {
    audit.record({
      tenantId: i % 2 === 0 ? 'ten_b' : 'ten_a',
      actor: i % 3 === 0 ? 'github:1' : 'local:2',
      action: i % 5 === 0 ? 'login' : 'secret.set',
      target: `KEY_${i}`,
      outcome: i % 5 === 0 ? 'refused' : 'ok',
      address: '192.0.2.7',
      credential: { kind: 'jwt', id: `jti-${i}` },
      details: { scope: 'global', number: i },
    })
  }
  return { path, db: database.db, audit }
}

/** As somebody would who has the file: without our triggers in the way. */
function tamper(path: string, ...statements: string[]): void {
  const sqlite = new Database(path)
  sqlite.run('DROP TRIGGER audit_entries_stay')
  sqlite.run('DROP TRIGGER audit_entries_come_last')
  sqlite.run('DROP TRIGGER audit_entries_stay_as_they_are')
  for (const statement of statements) sqlite.run(statement)
  sqlite.close()
}

/** What somebody else is said to have done, with that number. */
function copied(seq: number): string {
  const columns = 'at, tenant_id, actor, action, outcome, details, previous, hash'
  return `INSERT INTO audit_entries (seq, ${columns}) SELECT ${seq}, ${columns} FROM audit_entries WHERE seq = 1`
}

describe('S117: the audit log', () => {
  test('keeps who, what, on what, from where and by which credential', async () => {
    const { audit } = setUp(1)
    const { items } = await audit.list('ten_a', { limit: 10 })
    expect(items).toEqual([
      expect.objectContaining({
        seq: 1,
        at: 1_700_000_001_000,
        actor: 'local:2',
        action: 'secret.set',
        target: 'KEY_1',
        outcome: 'ok',
        address: '192.0.2.7',
        credentialKind: 'jwt',
        credentialId: 'jti-1',
        details: '{"scope":"global","number":1}',
      }),
    ])
  })

  test('is read by tenant, newest first, page by page', async () => {
    const { audit } = setUp(25)
    const seen: number[] = []
    let before: number | undefined
    for (;;) {
      const page = await audit.list('ten_a', { limit: 4, before })
      seen.push(...page.items.map((entry) => entry.seq))
      if (page.next === null) break
      before = page.next
    }
    expect(seen).toEqual([25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1])
  })

  test.each([
    [{ actor: 'github:1' }, [21, 15, 9, 3]],
    [{ action: 'login' }, [25, 15, 5]],
    [{ outcome: 'refused' as const }, [25, 15, 5]],
    [{ target: 'KEY_7' }, [7]],
    [{ since: 1_700_000_021_000, until: 1_700_000_023_000 }, [23, 21]],
    [{ actor: 'github:1', action: 'login' }, [15]],
    [{ actor: 'nobody' }, []],
  ])('is filtered by %j', async (query, seqs) => {
    const { audit } = setUp(25)
    const { items } = await audit.list('ten_a', { limit: 100, ...query })
    expect(items.map((entry) => entry.seq)).toEqual([...seqs])
  })

  test.each([
    [{ actor: 'GitHub' }, [21, 15, 9, 3]],
    [{ action: 'Secret' }, [23, 21, 19, 17, 13, 11, 9, 7, 3, 1]],
    [{ target: '_2' }, [25, 23, 21]],
    [{ actor: 'Ada@' }, [21, 15, 9, 3]],
    [{ actor: 'ada@', action: 'log' }, [15]],
    [{ actor: '%' }, []],
  ])('is filtered by any part, and by the e-mail of an account: %j', async (query, seqs) => {
    const { db, audit } = setUp(25)
    db.run(sql`INSERT INTO tenants (id, slug, name, created_at) VALUES ('ten_a', 'a', 'A', 1)`)
    db.run(sql`INSERT INTO users (id, provider, subject, email, tenant_id, organizations, groups, created_at, updated_at)
      VALUES ('usr_1', 'github', '1', 'ada@example.com', 'ten_a', '[]', '[]', 1, 1)`)
    const { items } = await audit.list('ten_a', { limit: 100, match: 'part', ...query })
    expect(items.map((entry) => entry.seq)).toEqual([...seqs])
  })

  test.each([
    ['changed', sql`UPDATE audit_entries SET actor = 'somebody else' WHERE seq = 1`],
    ['deleted', sql`DELETE FROM audit_entries WHERE seq = 1`],
    ['replaced', sql`INSERT OR REPLACE INTO audit_entries SELECT * FROM audit_entries WHERE seq = 1`],
  ])('refuses that an entry is %s', async (_what, statement) => {
    const { db } = setUp(2)
    const [before] = await db.select().from(auditEntries)
    const change = async () => db.run(statement)
    const error = await change().then(
      () => undefined,
      (e: unknown) => e,
    )
    expect(String((error as Error | undefined)?.cause)).toContain('append-only')
    const [after] = await db.select().from(auditEntries)
    expect(after).toEqual(before)
  })

  test('two processes that write at once make one chain', async () => {
    const { path, db, audit } = setUp(1)
    const other = openDatabase(path)
    closers.push(() => other.close())
    const second = openAudit({ db: other.db, clock: { now: () => 1, sleep: () => Promise.resolve() } })
    for (let i = 0; i < 20; i++) {
      ;(i % 2 === 0 ? audit : second).record({ tenantId: 'ten_a', actor: 'console', action: 'user.add' })
    }
    expect(await verifyChain(db)).toMatchObject({ intact: true, entries: 21 })
  })
})

describe('the chain of the audit log', () => {
  test('an empty log and a long one are intact, and the head is the last hash', async () => {
    const { db } = setUp()
    expect(await verifyChain(db)).toEqual({ intact: true, entries: 0, head: '0'.repeat(64) })
    const long = setUp(2100)
    const { items } = await long.audit.list('ten_b', { limit: 1 })
    expect(await verifyChain(long.db)).toEqual({ intact: true, entries: 2100, head: items[0]?.hash ?? '' })
  })

  test('an entry has a hash that anybody can compute again', () => {
    const entry = {
      seq: 1,
      at: 1_700_000_000_000,
      tenantId: 'ten_1',
      actor: 'console',
      action: 'user.add',
      target: 'local:1',
      outcome: 'ok' as const,
      address: null,
      credentialKind: null,
      credentialId: null,
      requestId: null,
      details: '{}',
      previous: '0'.repeat(64),
    }
    const canonical =
      '{"action":"user.add","actor":"console","address":null,"at":1700000000000,"credentialId":null,' +
      '"credentialKind":null,"details":"{}","outcome":"ok","previous":"' +
      `${'0'.repeat(64)}","requestId":null,"seq":1,"target":"local:1","tenantId":"ten_1"}`
    expect(hashOf(entry)).toBe(new Bun.CryptoHasher('sha256').update(canonical).digest('hex'))
  })

  const columns = 'actor action target address credential_kind credential_id details tenant_id'.split(' ')
  test.each(columns)('shows a changed %s', async (column) => {
    const { path, db } = setUp(9)
    tamper(path, `UPDATE audit_entries SET ${column} = 'x' WHERE seq = 5`)
    expect(await verifyChain(db)).toEqual({ intact: false, seq: 5, reason: 'was changed' })
  })

  test.each<[string, string[], { seq: number; reason: string }]>([
    [
      'another time',
      ['UPDATE audit_entries SET at = at + 1 WHERE seq = 3'],
      { seq: 3, reason: 'was changed' },
    ],
    [
      'another outcome',
      ["UPDATE audit_entries SET outcome = 'ok' WHERE seq = 5"],
      { seq: 5, reason: 'was changed' },
    ],
    ['a missing entry', ['DELETE FROM audit_entries WHERE seq = 4'], { seq: 4, reason: 'is missing' }],
    ['a missing beginning', ['DELETE FROM audit_entries WHERE seq <= 2'], { seq: 1, reason: 'is missing' }],
    ['an entry before the first one', [copied(0)], { seq: 0, reason: 'stands before the first one' }],
    ['an entry long before it', [copied(-7)], { seq: -7, reason: 'stands before the first one' }],
    [
      'entries that were moved to before the first one',
      ['UPDATE audit_entries SET seq = seq - 9'],
      { seq: -8, reason: 'stands before the first one' },
    ],
    [
      'a missing entry whose number was taken over',
      ['DELETE FROM audit_entries WHERE seq = 4', 'UPDATE audit_entries SET seq = 4 WHERE seq = 5'],
      { seq: 4, reason: 'does not follow the entry before it' },
    ],
    [
      'two entries that changed places',
      [
        'UPDATE audit_entries SET seq = 100 WHERE seq = 4',
        'UPDATE audit_entries SET seq = 4 WHERE seq = 5',
        'UPDATE audit_entries SET seq = 5 WHERE seq = 100',
      ],
      { seq: 4, reason: 'does not follow the entry before it' },
    ],
  ])('shows %s', async (_what, statements, verdict) => {
    const { path, db } = setUp(9)
    tamper(path, ...statements)
    expect(await verifyChain(db)).toEqual({ intact: false, ...verdict })
  })

  test('shows an entry before the first one that a chain could begin with', async () => {
    const { path, db } = setUp(9)
    const [first] = await db.select().from(auditEntries)
    if (first === undefined) throw new Error('no entry')
    const hash = hashOf({ ...first, seq: 0 })
    tamper(path, copied(0), `UPDATE audit_entries SET hash = '${hash}' WHERE seq = 0`)
    expect(await verifyChain(db)).toMatchObject({ intact: false, seq: 0 })
  })

  test('shows an entry that was changed together with its hash', async () => {
    const { path, db } = setUp(9)
    const row = (await db.select().from(auditEntries)).find((entry) => entry.seq === 5)
    if (row === undefined) throw new Error('no entry')
    const hash = hashOf({ ...row, actor: 'x' })
    tamper(path, `UPDATE audit_entries SET actor = 'x', hash = '${hash}' WHERE seq = 5`)
    expect(await verifyChain(db)).toMatchObject({ intact: false, seq: 6 })
  })
})
