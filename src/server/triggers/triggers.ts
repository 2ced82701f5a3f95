/**
 * Owns: what begins a run without anybody asking for it by hand: a webhook that was delivered.
 * Refuses: a request that its sender has not proved to come from who holds the webhook's secret, and to begin two
 * runs for one delivery; to say of a pipeline without a webhook that it is there.
 */
import { openWebhooks, type Webhooks, type WebhooksOptions } from './webhooks.ts'

export interface Triggers {
  webhooks: Webhooks
  /** Deletes what has expired; to be called now and then. */
  purgeExpired(): Promise<void>
}

export function openTriggers(options: WebhooksOptions): Triggers {
  const webhooks = openWebhooks(options)
  return { webhooks, purgeExpired: () => webhooks.purgeExpired() }
}
