/** The tenant and the pipelines that an entry of the settings names, as the database has them. */
import { eq, sql } from 'drizzle-orm'
import type { Db } from '../db/open-database.ts'
import { pipelines, tenants } from '../db/schema.ts'
import { matchesSome } from './name-patterns.ts'
import type { TrustedIssuer } from './trusted-issuer-type.ts'

interface Reach {
  tenant: { id: string; slug: string }
  /** IDs; null: all pipelines of the tenant. */
  pipelines: ReadonlySet<string> | null
}

/** @returns undefined where there is no such tenant. Every change of what this reads is counted (`credential_epoch`). */
export function openReach(
  db: Db,
): (issuer: Pick<TrustedIssuer, 'tenant' | 'pipelines'>) => Reach | undefined {
  const tenant = db
    .select({ id: tenants.id, slug: tenants.slug })
    .from(tenants)
    .where(eq(tenants.slug, sql.placeholder('slug')))
    .prepare()
  const names = db
    .select({ id: pipelines.id, name: pipelines.name })
    .from(pipelines)
    .where(eq(pipelines.tenantId, sql.placeholder('tenantId')))
    .prepare()
  return ({ tenant: slug, pipelines: patterns }) => {
    const found = tenant.get({ slug })
    if (found === undefined) return undefined
    if (patterns === null) return { tenant: found, pipelines: null }
    const reached = names.all({ tenantId: found.id }).filter(({ name }) => matchesSome(patterns, name))
    return { tenant: found, pipelines: new Set(reached.map(({ id }) => id)) }
  }
}
