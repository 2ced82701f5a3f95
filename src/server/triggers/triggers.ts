/**
 * Owns: what starts a run without a person asking for it: a webhook that was delivered, a time that has come.
 * Refuses: a request that its sender has not proved to come from who holds the webhook's secret, and to start two
 * runs for one delivery or one time; to say of a pipeline without a webhook that it is there.
 */
import { openSchedules, type Schedules, type SchedulesOptions } from './schedules.ts'
import { openWebhooks, type Webhooks, type WebhooksOptions } from './webhooks.ts'

export interface Triggers {
  webhooks: Webhooks
  schedules: Schedules
  /** Deletes what has expired; to be called now and then. */
  purgeExpired(): Promise<void>
  /** No run starts by itself any more. */
  close(): Promise<void>
}

export function openTriggers(options: WebhooksOptions & SchedulesOptions): Triggers {
  const webhooks = openWebhooks(options)
  const schedules = openSchedules(options)
  return {
    webhooks,
    schedules,
    purgeExpired: () => webhooks.purgeExpired(),
    close: () => schedules.close(),
  }
}
