/** Checking that a webhook was sent by the holder of its secret, in each sender's way. */
import { createHash, createHmac } from 'node:crypto'
import type { WebhookProvider } from '../../contract/api/webhooks.ts'
import { Fault } from '../../contract/fault.ts'
import { SIGNATURE_WINDOW_MS, TIMESTAMP_HEADER, NONCE_HEADER } from '../../contract/request-signing.ts'
import type { Secret } from '../../redact/secret.ts'
import { sameSecret } from '../auth/constant-time-compare.ts'
import { checkSignature } from '../auth/check-request-signature.ts'

/** A request to a webhook, as it came. */
export interface WebhookCall {
  /** Upper case. */
  method: string
  /** The path with the query string. */
  target: string
  headers: Headers
  /** All of it, as sent. */
  body: Uint8Array
}

/** What makes a delivery the same one when it comes again. */
export interface DeliveryId {
  id: string
  /** What the sender calls it, where it does. */
  name?: string
  /** Milliseconds since 1970: until when it has to be remembered. */
  until: number
}

/** GitHub delivers again for three days, by hand; GitLab within hours. */
const REMEMBERED_MS = 7 * 24 * 60 * 60_000

/**
 * Whether a request was made by who holds the secret, in the sender's own way.
 * @param now milliseconds since 1970
 * @returns undefined where it was not
 */
export async function checkDelivery(
  provider: WebhookProvider,
  call: WebhookCall,
  secret: Secret,
  now: number,
): Promise<DeliveryId | undefined> {
  if (provider === 'github') return github(call, secret, now)
  if (provider === 'generic') return await generic(call, secret, now)
  const isSigning = secret.reveal().startsWith(SIGNING_PREFIX)
  return isSigning ? standard(call, secret, now) : gitlab(call, secret, now)
}

/** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
function github({ headers, body }: WebhookCall, secret: Secret, now: number): DeliveryId | undefined {
  const expected = createHmac('sha256', secret.bytes()).update(body).digest('hex')
  if (!sameSecret(headers.get('x-hub-signature-256') ?? '', `sha256=${expected}`)) return undefined
  return remembered(headers.get('x-github-delivery'), `body ${digestOf(body)}`, now)
}

/**
 * A token that comes with every request, and proves nothing about its body.
 * https://docs.gitlab.com/user/project/integrations/webhooks/
 */
function gitlab({ headers, body }: WebhookCall, secret: Secret, now: number): DeliveryId | undefined {
  if (!sameSecret(headers.get('x-gitlab-token') ?? '', secret.reveal())) return undefined
  // X-Gitlab-Event-UUID alone is not unique: hooks that trigger each other share it.
  const event = headers.get('x-gitlab-event-uuid') ?? ''
  return remembered(headers.get('idempotency-key'), `body ${event} ${digestOf(body)}`, now)
}

/** The prefix of GitLab's signing tokens; a key in base64 follows. */
const SIGNING_PREFIX = 'whsec_'
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
/** A shorter key could be found out from a single delivery; without one, anybody could sign. */
const MIN_KEY_BYTES = 16

/** @throws Fault `usage` for a secret of a webhook whose signatures would prove nothing */
export function requireKey(provider: WebhookProvider, secret: Secret): void {
  const text = secret.reveal()
  if (provider !== 'gitlab' || !text.startsWith(SIGNING_PREFIX) || signingKey(secret)) return
  throw new Fault('usage', `what follows ${SIGNING_PREFIX} is not base64 of ${MIN_KEY_BYTES} bytes or more`, {
    hint: 'copy the signing token as GitLab shows it, or choose a secret that begins with something else',
  })
}

function signingKey(secret: Secret): Buffer | undefined {
  const text = secret.reveal().slice(SIGNING_PREFIX.length)
  const key = Buffer.from(BASE64.test(text) ? text : '', 'base64')
  return key.length < MIN_KEY_BYTES ? undefined : key
}

/** Standard Webhooks, which GitLab signs by: HMAC over `id.timestamp.body`. https://www.standardwebhooks.com */
function standard({ headers, body }: WebhookCall, secret: Secret, now: number): DeliveryId | undefined {
  const id = headers.get('webhook-id') ?? ''
  const timestamp = headers.get('webhook-timestamp') ?? ''
  const key = signingKey(secret)
  if (key === undefined) return undefined
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
  const sent = (headers.get('webhook-signature') ?? '').split(' ').slice(0, MAX_SIGNATURES)
  const isSigned = sent.filter((one) => sameSecret(one, `v1,${mac}`)).length > 0
  if (!isSigned || id === '' || !/^\d{1,12}$/.test(timestamp)) return undefined
  if (Math.abs(now - Number(timestamp) * 1000) > SIGNATURE_WINDOW_MS) return undefined
  return remembered(id, id, now)
}

/** Several stand there while a key is being changed. */
const MAX_SIGNATURES = 8

/** As requests to the API are signed (docs/signing.md), with the webhook's secret for a key. */
async function generic(
  { body, ...call }: WebhookCall,
  secret: Secret,
  now: number,
): Promise<DeliveryId | undefined> {
  const refusal = await checkSignature({
    token: { text: secret.reveal(), id: '', signatureRequired: true },
    request: { ...call, body: async () => body },
    now: () => now,
    // A repeated delivery is not an error here: the response names the run that it started.
    nonces: { take: () => true },
  })
  if (refusal !== undefined) return undefined
  const until = Number(call.headers.get(TIMESTAMP_HEADER)) + SIGNATURE_WINDOW_MS
  const nonce = call.headers.get(NONCE_HEADER) ?? ''
  return { id: nonce, name: nonce, until }
}

/** @param otherwise what makes it the same one where the sender does not name it */
function remembered(name: string | null, otherwise: string, now: number): DeliveryId {
  const until = now + REMEMBERED_MS
  return name === null ? { id: otherwise, until } : { id: name, name, until }
}

function digestOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex')
}
