import type { WebhookResponse } from '../../../contract/api/webhooks.ts'
import type { Pipeline } from '../../pipelines/pipelines.ts'
import type { Services } from '../services.ts'

/** A pipeline's webhook without its secret; null where it has none. */
export function webhookOf(
  { name, webhook }: Pick<Pipeline, 'name' | 'webhook'>,
  tenant: { id: string; slug: string },
  { settings, defaultTenant }: Services,
): WebhookResponse | null {
  if (webhook === null) return null
  const query = tenant.id === defaultTenant.id ? '' : `?tenant=${tenant.slug}`
  return { provider: webhook, url: `${settings.url}/api/webhooks/${name}${query}` }
}
