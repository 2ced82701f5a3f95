import { and, asc, eq } from 'drizzle-orm'
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import { Secret } from '../../redact/secret.ts'
import type { Db } from '../db/open.ts'
import { secrets, vaultHeaders } from '../db/schema.ts'
import { associatedData, deriveKey, newKdfParameters, open, seal } from './cipher.ts'
import type { SecretPlace, SecretScope, Vault } from './vault.ts'

const CANARY = Buffer.from('fob vault canary')
const CANARY_PLACE = associatedData('fob', 'vault', 'canary')

const headerSchema = v.strictObject({
  version: v.literal(1),
  kdf: v.strictObject({
    name: v.literal('scrypt'),
    // Bounded, so that a doctored header cannot make the start take all memory.
    N: v.pipe(v.number(), v.integer(), v.minValue(2 ** 14), v.maxValue(2 ** 20)),
    r: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(32)),
    p: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
    salt: v.string(),
  }),
  /** Base64 of a known text, sealed. */
  canary: v.string(),
})

/**
 * The vault in the server's own database.
 * @param passphrase none: names can be listed and secrets deleted, nothing can be stored or read
 * @throws Fault `config` on a wrong passphrase; nothing has been written then
 */
export async function openSqliteVault(deps: {
  db: Db
  clock: Clock
  passphrase: Secret | undefined
}): Promise<Vault> {
  const { db, clock, passphrase } = deps
  const key = passphrase === undefined ? undefined : await unlock(db, clock, passphrase)
  return {
    async set(place, value) {
      const sealed = seal(needKey(key), Buffer.from(value.reveal()), boundTo(place))
      const now = clock.now()
      await db
        .insert(secrets)
        .values({ ...place, ciphertext: sealed, createdAt: now, updatedAt: now })
        .onConflictDoUpdate({
          target: [secrets.tenantId, secrets.scope, secrets.key],
          set: { ciphertext: sealed, updatedAt: now },
        })
    },

    async get(place) {
      const [row] = await db.select().from(secrets).where(at(place))
      if (row === undefined) return undefined
      const plaintext = open(needKey(key), row.ciphertext, boundTo(place))
      if (plaintext === undefined) {
        throw new Fault(
          'failed',
          `the secret ${place.key} (${place.scope}) does not open: its row was changed`,
          {
            hint: `set it again with "fob secrets set ${place.key}"`,
          },
        )
      }
      return new Secret(plaintext.toString())
    },

    async list(tenantId, wanted) {
      const rows = await db
        .select({ scope: secrets.scope, key: secrets.key, updatedAt: secrets.updatedAt })
        .from(secrets)
        .where(
          and(eq(secrets.tenantId, tenantId), wanted === undefined ? undefined : eq(secrets.scope, wanted)),
        )
        .orderBy(asc(secrets.scope), asc(secrets.key))
      return rows.map(({ scope, key, updatedAt }) => ({ tenantId, scope: parseScope(scope), key, updatedAt }))
    },

    async remove(place) {
      const gone = await db.delete(secrets).where(at(place)).returning({ key: secrets.key })
      return gone.length > 0
    },

    async removeScope(tenantId, scope) {
      await db.delete(secrets).where(and(eq(secrets.tenantId, tenantId), eq(secrets.scope, scope)))
    },
  }
}

async function unlock(db: Db, clock: Clock, passphrase: Secret): Promise<Buffer> {
  const [row] = await db.select().from(vaultHeaders).where(eq(vaultHeaders.id, 1))
  if (row === undefined) return createHeader(db, clock, passphrase)
  const header = v.safeParse(headerSchema, parseJson(row.header))
  if (!header.success) {
    throw new Fault('config', 'the vault in this database is of a form that this fob does not know', {
      hint: 'run the fob that wrote it, or restore the database from a backup',
    })
  }
  const key = await deriveKey(passphrase, header.output.kdf)
  if (open(key, Buffer.from(header.output.canary, 'base64'), CANARY_PLACE)?.equals(CANARY) !== true) {
    throw new Fault('config', 'wrong passphrase: it does not open the secrets in this database', {
      hint: 'give the one that the secrets were stored under; nothing was changed',
    })
  }
  return key
}

async function createHeader(db: Db, clock: Clock, passphrase: Secret): Promise<Buffer> {
  const kdf = newKdfParameters()
  const key = await deriveKey(passphrase, kdf)
  const canary = seal(key, CANARY, CANARY_PLACE).toString('base64')
  const header = JSON.stringify({ version: 1, kdf, canary })
  await db.insert(vaultHeaders).values({ id: 1, header, createdAt: clock.now() })
  return key
}

function needKey(key: Buffer | undefined): Buffer {
  if (key === undefined) {
    throw new Fault('config', 'this server cannot store secrets: it was started without a passphrase', {
      hint: 'start it with --secrets-sqlite-passphrase-file PATH',
    })
  }
  return key
}

function boundTo({ tenantId, scope, key }: SecretPlace): Buffer {
  return associatedData('fob', 'secret', tenantId, scope, key)
}

function at({ tenantId, scope, key }: SecretPlace) {
  return and(eq(secrets.tenantId, tenantId), eq(secrets.scope, scope), eq(secrets.key, key))
}

function parseScope(text: string): SecretScope {
  return text.startsWith('pipeline/') ? `pipeline/${text.slice('pipeline/'.length)}` : 'global'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
