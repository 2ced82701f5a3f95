/** The audit log of a tenant as a page, for its administrators. */
import type { AuditEntry } from '../../audit/audit.ts'
import { renderAudit } from '../../web/audit-template.ts'
import { readQuery } from '../api/list-audit-log.ts'
import type { Handler } from '../request-context.ts'
import { requireAdministrator } from '../guards/require-permission.ts'
import type { Services } from '../handler-services.ts'
import { pageResponse } from '../response/page-response.ts'
import { hrefInTenant, settingsView } from './page-frame-view.ts'

/** `GET /settings/audit[?tenant=&action=&actor=&outcome=&cursor=]` */
export const auditPage: Handler = async (call, services) => {
  const { principal, url } = call
  requireAdministrator(principal)
  const { items, next } = await services.audit.list(principal.tenant.id, { ...readQuery(url), match: 'part' })
  const text = (name: string) => url.searchParams.get(name) ?? ''
  const filter = { actor: text('actor'), action: text('action'), outcome: text('outcome') }
  const names = await namesOf(items, services)
  const page = await renderAudit({
    ...(await settingsView(call, services)),
    entries: items.map((entry) => toRow(entry, names)),
    filter,
    nextHref:
      next === null ? undefined : hrefInTenant(call, '/settings/audit', { ...filter, cursor: String(next) }),
  })
  return pageResponse(page)
}

function toRow(entry: AuditEntry, names: ReadonlyMap<string, string>) {
  const { seq, at, actor, action, target, outcome, address } = entry
  const credential = entry.credentialKind === 'none' ? null : entry.credentialKind
  const details = Object.entries(JSON.parse(entry.details) as Record<string, unknown>)
  return {
    seq,
    at,
    who: names.get(actor) ?? actor,
    action,
    target: target === null ? null : (names.get(target) ?? target),
    outcome,
    address,
    credential: [credential, entry.credentialId].filter((part) => part !== null).join(' '),
    details: details
      .filter(([, value]) => value !== null && value !== '')
      .map(([name, value]) => [name, String(value)] as const),
  }
}

/** From `<provider>:<subject>` to the e-mail, for accounts on the page that still exist. */
async function namesOf(
  entries: readonly AuditEntry[],
  { accounts }: Pick<Services, 'accounts'>,
): Promise<Map<string, string>> {
  const ids = new Set(entries.flatMap(({ actor, target }) => (target === null ? [actor] : [actor, target])))
  const names = new Map<string, string>()
  for (const id of ids) {
    const colon = id.indexOf(':')
    const user = colon < 1 ? undefined : await accounts.bySubject(id.slice(0, colon), id.slice(colon + 1))
    const name = user?.email ?? user?.name
    if (name) names.set(id, name)
  }
  return names
}
