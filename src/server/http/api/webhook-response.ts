/** The webhook of a pipeline in the responses of the API. */
import type { WebhookResponse } from '../../../contract/api/webhooks.ts'
import type { Pipeline } from '../../pipelines/put-pipeline.ts'
import type { Services } from '../handler-services.ts'

/** Without its secret; null where the pipeline has none. */
export function toWebhookResponse(
  { name, webhook }: Pick<Pipeline, 'name' | 'webhook'>,
  tenant: { id: string; slug: string },
  { settings, defaultTenant }: Pick<Services, 'settings' | 'defaultTenant'>,
): WebhookResponse | null {
  if (webhook === null) return null
  const query = tenant.id === defaultTenant.id ? '' : `?tenant=${tenant.slug}`
  return { provider: webhook, url: `${settings.url}/api/webhooks/${name}${query}` }
}
