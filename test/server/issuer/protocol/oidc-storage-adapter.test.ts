/** The storage of the authorization server: records by kind, single use, and revoked grants. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { Adapter } from 'oidc-provider'
import { type OpenDatabase, openDatabase } from '../../../../src/server/db/open-database.ts'
import { oidcRecords } from '../../../../src/server/db/schema.ts'
import { openCarriedInteractions } from '../../../../src/server/issuer/sessions/unanswered-interactions-in-cookies.ts'
import { databaseAdapter } from '../../../../src/server/issuer/protocol/oidc-storage-adapter.ts'

let database: OpenDatabase
let adapter: (kind: string) => Adapter
beforeEach(() => {
  database = openDatabase(':memory:')
  const clock = { now: () => 1_700_000_000_000, sleep: () => Promise.resolve() }
  adapter = databaseAdapter({
    db: database.db,
    carried: openCarriedInteractions(),
    clock,
    alreadyUsed: () => new Error('already used'),
    browser: () => undefined,
  })
})
afterEach(() => database.close())

const rows = () => database.db.select().from(oidcRecords)

describe('the records of the authorization server', () => {
  test('a record comes back under its own kind and ID alone', async () => {
    await adapter('RefreshToken').upsert('r1', { jti: 'r1', accountId: 'local:a', scope: 'openid' }, 60)
    expect(await adapter('RefreshToken').find('r1')).toEqual({
      jti: 'r1',
      accountId: 'local:a',
      scope: 'openid',
      // When a program was last here; where from, when the request is known.
      seen: { at: 1_700_000_000_000 },
    })
    expect(await adapter('RefreshToken').find('r2')).toBeUndefined()
    expect(await adapter('AuthorizationCode').find('r1')).toBeUndefined()
    expect((await rows())[0]?.expiresAt).toBe(1_700_000_060_000)
  })

  test.each([
    'AuthorizationCode',
    'RefreshToken',
    'Session',
    'DeviceCode',
    'RegistrationAccessToken',
    'SomeNewKind',
  ])('the ID of a %s is stored hashed, and nowhere else in the row', async (kind) => {
    await adapter(kind).upsert('the-bearer-value', { jti: 'the-bearer-value', uid: 'u' }, 60)
    const [row] = await rows()
    expect(row?.id).toBe(createHash('sha256').update('the-bearer-value').digest('hex'))
    expect(JSON.stringify(row)).not.toContain('the-bearer-value')
    // Presenting the stored form opens nothing.
    expect(await adapter(kind).find(row?.id ?? '')).toBeUndefined()
  })

  test('an interaction does not keep the cookie of its session', async () => {
    const session = { accountId: 'local:a', uid: 'u', cookie: 'the-session-cookie' }
    await adapter('Interaction').upsert('i1', { jti: 'i1', session }, 60)
    expect(JSON.stringify(await rows())).not.toContain('the-session-cookie')
    expect(await adapter('Interaction').find('i1')).toMatchObject({
      session: { accountId: 'local:a', uid: 'u' },
    })
  })

  test('a second save replaces the first', async () => {
    await adapter('Session').upsert('s', { jti: 's', uid: 'u1', accountId: 'local:a' }, 60)
    await adapter('Session').upsert('s', { jti: 's', uid: 'u2', accountId: 'local:b' }, 90)
    expect(await rows()).toHaveLength(1)
    expect(await adapter('Session').findByUid('u1')).toBeUndefined()
    expect(await adapter('Session').findByUid('u2')).toMatchObject({ accountId: 'local:b' })
  })

  test('of two that use up one record, the second is refused', async () => {
    const codes = adapter('AuthorizationCode')
    await codes.upsert('c', { jti: 'c' }, 60)
    await codes.consume('c')
    expect(await refusal(codes.consume('c'))).toBe('Error: already used')
    expect(await codes.find('c')).toMatchObject({ consumed: 1_700_000_000 })
    expect(await refusal(codes.consume('never-issued'))).toBe('Error: already used')
  })

  test('a revoked grant takes the records of its kind, and of no other grant', async () => {
    const tokens = adapter('RefreshToken')
    await tokens.upsert('a', { jti: 'a', grantId: 'g1' }, 60)
    await tokens.upsert('b', { jti: 'b', grantId: 'g2' }, 60)
    await tokens.revokeByGrantId('g1')
    expect(await tokens.find('a')).toBeUndefined()
    expect(await tokens.find('b')).toBeDefined()
    await tokens.destroy('b')
    expect(await rows()).toEqual([])
  })
})

function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no refusal',
    (error: unknown) => String(error),
  )
}
