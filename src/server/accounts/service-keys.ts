/**
 * Owns: service keys (`sk_`), which an administrator makes on the data folder, and the short-lived service
 * tokens (`st_`) that a machine gets for one.
 * Refuses: to let a token outlive its key, or do more than its key may.
 */
import { and, asc, eq, lt, sql } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import { isScope, type Scope } from '../../contract/token-scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import { newId } from '../db/new-id.ts'
import type { Db } from '../db/open-database.ts'
import { pipelines as pipelineTable, serviceKeys, serviceTokens, tenants } from '../db/schema.ts'
import type { Tenant } from './user-types.ts'
import { hashOf, mintToken } from './create-and-hash-token.ts'

interface ServiceKey {
  id: string
  name: string
  tenant: Tenant
  scopes: readonly Scope[]
  /** IDs; null: all pipelines of the tenant. */
  pipelines: readonly string[] | null
  /** Instants in milliseconds since 1970. */
  createdAt: number
  lastUsedAt: number | null
}

interface NewServiceKey {
  name: string
  /** The slug; undefined: the default tenant. */
  tenant: string | undefined
  scopes: readonly Scope[]
  /** Names; null: all pipelines of the tenant. */
  pipelines: readonly string[] | null
}

export interface ServiceKeys {
  /** The only time that the value is seen. @throws Fault `conflict`; `not_found` for a tenant or a pipeline. */
  create(key: NewServiceKey): { value: Secret; key: ServiceKey }
  list(): Promise<ServiceKey[]>
  /** With the tokens that it bought. @throws Fault `not_found`. */
  remove(id: string): Promise<{ tenantId: string }>
  /** Undefined for a value that is not a service key. */
  verifyKey(presented: string): ServiceKey | undefined
  /** A token with what the key may do. @param keyId of a key that was verified. */
  issue(keyId: string): { value: Secret; expiresAt: number }
  /** Undefined for whatever is not, or no longer, a good service token. */
  verifyToken(presented: string): ServiceKey | undefined
  purge(now: number): Promise<void>
}

/** As an access token that came with a refresh token. */
const TOKEN_LIFE_MS = 60 * 60_000

export function openServiceKeys({ db, clock }: { db: Db; clock: Clock }): ServiceKeys {
  const columns = {
    key: {
      id: serviceKeys.id,
      name: serviceKeys.name,
      scopes: serviceKeys.scopes,
      pipelines: serviceKeys.pipelines,
      createdAt: serviceKeys.createdAt,
      lastUsedAt: serviceKeys.lastUsedAt,
    },
    tenant: { id: tenants.id, slug: tenants.slug },
  }
  const all = () =>
    db.select(columns).from(serviceKeys).innerJoin(tenants, eq(tenants.id, serviceKeys.tenantId)).$dynamic()
  const byKey = all()
    .where(eq(serviceKeys.hash, sql.placeholder('hash')))
    .limit(1)
    .prepare()
  const byToken = db
    .select({ ...columns, expiresAt: serviceTokens.expiresAt })
    .from(serviceTokens)
    .innerJoin(serviceKeys, eq(serviceKeys.id, serviceTokens.keyId))
    .innerJoin(tenants, eq(tenants.id, serviceKeys.tenantId))
    .where(eq(serviceTokens.hash, sql.placeholder('hash')))
    .limit(1)
    .prepare()

  return {
    create: (request) => create(db, clock.now(), request),
    list: async () => (await all().orderBy(asc(serviceKeys.id))).map(toKey),

    async remove(id) {
      const [gone] = await db.delete(serviceKeys).where(eq(serviceKeys.id, id)).returning()
      if (gone) return { tenantId: gone.tenantId }
      throw new Fault('not_found', `no service key has the ID ${id}`, {
        hint: 'list the service keys with "fob server service-key list"',
      })
    },

    verifyKey(presented) {
      const hash = hashOf('sk', presented)
      const row = hash === undefined ? undefined : byKey.get({ hash })
      return row && toKey(row)
    },

    issue(keyId) {
      const now = clock.now()
      const { token, hash } = mintToken('st')
      const expiresAt = now + TOKEN_LIFE_MS
      db.insert(serviceTokens).values({ hash, keyId, expiresAt }).run()
      db.update(serviceKeys).set({ lastUsedAt: now }).where(eq(serviceKeys.id, keyId)).run()
      return { value: token, expiresAt }
    },

    verifyToken(presented) {
      const hash = hashOf('st', presented)
      const row = hash === undefined ? undefined : byToken.get({ hash })
      return row === undefined || row.expiresAt <= clock.now() ? undefined : toKey(row)
    },

    async purge(now) {
      await db.delete(serviceTokens).where(lt(serviceTokens.expiresAt, now))
    },
  }
}

function create(db: Db, now: number, request: NewServiceKey): { value: Secret; key: ServiceKey } {
  const { token, hash } = mintToken('sk')
  const slug = request.tenant ?? 'default'
  const tenant = db
    .select({ id: tenants.id, slug: tenants.slug })
    .from(tenants)
    .where(eq(tenants.slug, slug))
    .get()
  if (tenant === undefined) throw new Fault('not_found', `there is no tenant "${slug}"`)
  const row = {
    id: newId('svk'),
    name: request.name,
    scopes: [...request.scopes],
    pipelines: request.pipelines?.map((name) => pipelineId(db, tenant, name)) ?? null,
    createdAt: now,
    lastUsedAt: null,
  }
  const added = db
    .insert(serviceKeys)
    .values({ ...row, tenantId: tenant.id, hash })
    .onConflictDoNothing()
    .returning({ id: serviceKeys.id })
    .all()
  if (added.length === 0)
    throw new Fault('conflict', `there is a service key called "${request.name}" already`)
  return { value: token, key: { ...row, tenant, scopes: request.scopes } }
}

function pipelineId(db: Db, tenant: Tenant, name: string): string {
  const wanted = and(eq(pipelineTable.tenantId, tenant.id), eq(pipelineTable.name, name))
  const row = db.select({ id: pipelineTable.id }).from(pipelineTable).where(wanted).get()
  if (row) return row.id
  throw new Fault('not_found', `there is no pipeline "${name}" in the tenant ${tenant.slug}`)
}

interface KeyRow {
  key: Omit<ServiceKey, 'scopes' | 'tenant'> & { scopes: readonly string[] }
  tenant: Tenant
}

function toKey({ key, tenant }: KeyRow): ServiceKey {
  return { ...key, tenant, scopes: key.scopes.filter(isScope) }
}
