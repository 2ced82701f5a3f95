/** The tenants that the user is a member of, as the server lists them. */
import * as v from 'valibot'
import { type TenantResponse, tenantResponse } from '../../contract/api/tenants.ts'
import { Fault } from '../../contract/fault.ts'
import { page } from '../../contract/list-page-schema.ts'
import { openApi } from '../../session/api-client.ts'
import type { Session } from '../../session/session.ts'
import { type Context, openContext, serverContext } from './command-context.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'

export interface Memberships {
  context: Context
  session: Session
  tenants: TenantResponse[]
}

/** A fob server responds in pages; others with a plain list. */
const tenantList = v.union([
  v.array(tenantResponse),
  v.pipe(
    page(tenantResponse),
    v.transform(({ items }) => items),
  ),
])

/**
 * The tenants that the caller is a member of. A tenant that is set and that the server refuses must not
 * keep the caller from seeing the others: then the list is requested without a tenant.
 */
export async function memberships(deps: Deps, globals: Globals): Promise<Memberships> {
  const context = await openContext(deps, globals)
  const session = await context.session()
  const ask = (tenant: string | undefined) =>
    openApi({
      ...serverContext(deps, context, session.server.url),
      tenant,
      credential: session.credential,
      authorization: session.authorization,
      renewed: session.renewed,
      proving: session.proving,
    }).request({ method: 'GET', path: '/api/v1/tenants', schema: tenantList })
  try {
    return { context, session, tenants: await ask(session.tenant) }
  } catch (error) {
    const foreign = error instanceof Fault && error.code === 'forbidden' && session.tenant !== undefined
    if (!foreign) throw error
    return { context, session, tenants: await ask(undefined) }
  }
}
