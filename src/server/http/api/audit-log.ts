import { accountIdOf, type User } from '../../accounts/accounts.ts'
import { type AuditEntry, type AuditQuery, type NewEntry } from '../../audit/audit.ts'
import { HttpError, json } from '../response.ts'
import type { Call, Handler } from '../call.ts'
import { readPage } from '../paging.ts'

/** Who, from where, by which credential: the half of an entry that every request has. */
export function by({ principal, address, requestId }: Call): Omit<NewEntry, 'action'> {
  return {
    tenantId: principal.tenant.id,
    actor: principal.id,
    address,
    credential: principal.credential,
    requestId,
  }
}

/**
 * A password that was wrong: in the log of the tenant whose account was tried. Never what was typed where that is no
 * account: people type passwords into the wrong field.
 */
export function refusedLogin(call: Call, account: User | undefined): NewEntry {
  const tried = account && { tenantId: account.tenant.id, target: accountIdOf(account) }
  return { ...by(call), ...tried, action: 'login', outcome: 'refused', details: { provider: 'local' } }
}

/** `GET /api/audit[?actor=&action=&target=&outcome=&since=&until=]`: the tenant's entries, newest first. */
export const listAudit: Handler = async ({ url, principal }, { audit }) => {
  const { items, next } = await audit.list(principal.tenant.id, readQuery(url))
  return json({ items: items.map(toAnswer), next: next === null ? null : String(next) })
}

/** @throws HttpError 400 */
export function readQuery(url: URL): AuditQuery {
  const { limit, cursor } = readPage(url)
  const text = (name: string) => url.searchParams.get(name) || undefined
  const outcome = text('outcome')
  if (outcome !== undefined && outcome !== 'ok' && outcome !== 'refused') {
    throw new HttpError(400, 'invalid_request', 'outcome is ok or refused')
  }
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
    throw new HttpError(400, 'invalid_request', 'cursor is the next of the page before')
  }
  return {
    limit,
    before: cursor === undefined ? undefined : Number(cursor),
    actor: text('actor'),
    action: text('action'),
    target: text('target'),
    outcome,
    since: instant('since', text('since')),
    until: instant('until', text('until')),
  }
}

function instant(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) {
    throw new HttpError(400, 'invalid_request', `${name} is a time such as 2026-01-31T12:00:00Z`)
  }
  return ms
}

function toAnswer(entry: AuditEntry) {
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
