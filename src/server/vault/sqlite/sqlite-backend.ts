/** The store for secrets in an SQLite database. */
import { and, eq } from 'drizzle-orm'
import type { Clock } from '../../../platform/clock.ts'
import { type OpenDatabase, openDatabase } from '../../db/open-database.ts'
import { secrets, vaultHeaders } from '../../db/schema.ts'
import type { Backend, Revision } from '../backend-interface.ts'
import type { SecretPlace, SecretScope } from '../vault-interface.ts'

/** Sealed values in a database of ours, the server's own or another; `close` closes it. */
export function sqliteBackend(
  { db, close }: Pick<OpenDatabase, 'db' | 'close'>,
  name: string,
  clock: Clock,
): Backend {
  return {
    name,

    async readHeader() {
      const [row] = await db.select().from(vaultHeaders).where(eq(vaultHeaders.id, 1))
      return row === undefined ? undefined : { text: row.header, revision: row.header }
    },

    async writeHeader(text, expected) {
      const written =
        expected === undefined
          ? await db
              .insert(vaultHeaders)
              .values({ id: 1, header: text, createdAt: clock.now() })
              .onConflictDoNothing()
              .returning({ id: vaultHeaders.id })
          : await db
              .update(vaultHeaders)
              .set({ header: text })
              .where(and(eq(vaultHeaders.id, 1), eq(vaultHeaders.header, expected)))
              .returning({ id: vaultHeaders.id })
      return written.length > 0
    },

    async read(place) {
      const [row] = await db.select().from(secrets).where(at(place))
      if (row === undefined) return undefined
      const { ciphertext, updatedAt } = row
      return { record: { sealed: ciphertext, updatedAt }, revision: revisionOf(ciphertext) }
    },

    async write(place, { sealed, updatedAt }, expected) {
      const set = { ciphertext: sealed, updatedAt }
      if (expected !== undefined) {
        // Every ciphertext has a nonce of its own, so it is its own revision.
        const same = eq(secrets.ciphertext, Buffer.from(expected, 'base64'))
        const written = await db
          .update(secrets)
          .set(set)
          .where(and(at(place), same))
          .returning({ key: secrets.key })
        return written.length > 0
      }
      await db
        .insert(secrets)
        .values({ ...place, ...set, createdAt: updatedAt })
        .onConflictDoUpdate({ target: [secrets.tenantId, secrets.scope, secrets.key], set })
      return true
    },

    async remove(place) {
      const gone = await db.delete(secrets).where(at(place)).returning({ key: secrets.key })
      return gone.length > 0
    },

    async list(tenantId, wanted) {
      const rows = await db
        .select({ scope: secrets.scope, key: secrets.key, updatedAt: secrets.updatedAt })
        .from(secrets)
        .where(
          and(eq(secrets.tenantId, tenantId), wanted === undefined ? undefined : eq(secrets.scope, wanted)),
        )
      return rows.map(({ scope, key, updatedAt }) => ({ tenantId, scope: parseScope(scope), key, updatedAt }))
    },

    async places() {
      const { tenantId, scope, key } = secrets
      const rows = await db.select({ tenantId, scope, key }).from(secrets)
      return rows.map((row) => ({ tenantId: row.tenantId, scope: parseScope(row.scope), key: row.key }))
    },

    close: async () => close(),
  }
}

/**
 * The same, opened.
 * @param path a file, which is made if need be, or `:memory:`
 * @throws Fault `config` when the file is not ours
 */
export async function openSqliteFile(path: string, clock: Clock): Promise<Backend> {
  const database = openDatabase(path, 'give another file with --secrets-sqlite-path')
  return sqliteBackend(database, path === ':memory:' ? 'memory' : path, clock)
}

function revisionOf(ciphertext: Buffer): Revision {
  return ciphertext.toString('base64')
}

function at({ tenantId, scope, key }: SecretPlace) {
  return and(eq(secrets.tenantId, tenantId), eq(secrets.scope, scope), eq(secrets.key, key))
}

function parseScope(text: string): SecretScope {
  if (text.startsWith('pipeline/')) return `pipeline/${text.slice('pipeline/'.length)}`
  if (text.startsWith('run/')) return `run/${text.slice('run/'.length)}`
  return text === 'server' ? 'server' : 'global'
}
