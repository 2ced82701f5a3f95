/** The audit log of a tenant in the API. */
import type { AuditEntry, AuditQuery } from '../../audit/audit.ts'
import type { Handler } from '../request-context.ts'
import { HttpError } from '../response/http-error.ts'
import { json } from '../response/json-response.ts'
import { readPage } from '../request/read-page-parameters.ts'

/** `GET /api/audit[?actor=&action=&target=&outcome=&since=&until=]`: the tenant's entries, newest first. */
export const listAudit: Handler = async ({ url, principal }, { audit }) => {
  const { items, next } = await audit.list(principal.tenant.id, readQuery(url))
  return json({ items: items.map(toResponse), next: next === null ? null : String(next) })
}

/** The filter and the page of a request. @throws HttpError 400 */
export function readQuery(url: URL): AuditQuery {
  const { limit, cursor } = readPage(url)
  const text = (name: string) => url.searchParams.get(name) || undefined
  const outcome = text('outcome')
  if (outcome !== undefined && outcome !== 'ok' && outcome !== 'refused') {
    throw new HttpError(400, 'invalid_request', 'outcome takes ok or refused')
  }
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
    throw new HttpError(400, 'invalid_request', 'cursor takes the "next" of the page before')
  }
  return {
    limit,
    before: cursor === undefined ? undefined : Number(cursor),
    actor: text('actor'),
    action: text('action'),
    target: text('target'),
    outcome,
    since: readInstant('since', text('since')),
    until: readInstant('until', text('until')),
  }
}

function readInstant(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) {
    throw new HttpError(400, 'invalid_request', `${name} takes a time such as 2026-01-31T12:00:00Z`)
  }
  return ms
}

function toResponse(entry: AuditEntry) {
  return {
    id: String(entry.seq),
    at: new Date(entry.at).toISOString(),
    actor: entry.actor,
    action: entry.action,
    target: entry.target,
    outcome: entry.outcome,
    address: entry.address,
    credential: entry.credentialKind === null ? null : { kind: entry.credentialKind, id: entry.credentialId },
    requestId: entry.requestId,
    details: JSON.parse(entry.details) as unknown,
    hash: entry.hash,
  }
}
