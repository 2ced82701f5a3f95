/** Deliveries of webhooks, signed as their senders do. */
import { createHmac } from 'node:crypto'
import { signatureOf } from '../../../src/contract/request-signing.ts'

/** The headers with which each sender proves who it is. */

export function githubHeaders(body: string, secret: string, delivery?: string): Record<string, string> {
  const mac = createHmac('sha256', secret).update(body).digest('hex')
  return {
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-hub-signature-256': `sha256=${mac}`,
    ...(delivery === undefined ? {} : { 'x-github-delivery': delivery }),
  }
}

/** @param secret with `whsec_`, in base64 */
export function standardHeaders(
  body: string,
  secret: string,
  { id, at }: { id: string; at: number },
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000))
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` }
}

export function genericHeaders(
  body: string,
  secret: string,
  { path, nonce, at }: { path: string; nonce: string; at: number },
): Record<string, string> {
  const timestamp = String(at)
  const parts = { timestamp, nonce, method: 'POST', path, body: new TextEncoder().encode(body) }
  return {
    'x-cli-timestamp': timestamp,
    'x-cli-nonce': nonce,
    'x-cli-signature': signatureOf(parts, secret),
  }
}
