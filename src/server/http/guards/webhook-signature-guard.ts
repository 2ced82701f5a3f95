/** The guard of webhooks: a signature with the webhook's secret. */
import { present } from '../../../contract/omit-undefined.ts'
import { machine } from '../../auth/create-principal.ts'
import { HttpError, notFound } from '../response/http-error.ts'
import type { Call, Handler } from '../request-context.ts'
import { isForm } from '../request/form-body.ts'
import type { Services } from '../handler-services.ts'

/**
 * `?tenant=` names the tenant of the pipeline; without it, it is the default tenant.
 * @throws HttpError 404 where there is no such webhook, the same for an unknown tenant or pipeline; 401 where the
 * request is not signed with its secret; 413
 */
export async function bySignature(handler: Handler, call: Call, services: Services): Promise<Response> {
  const { request, url, params } = call
  const body = await call.body()
  const found = await services.webhooks.authenticate(
    { tenantSlug: url.searchParams.get('tenant'), pipelineName: params.pipeline ?? '' },
    { method: request.method, target: url.pathname + url.search, headers: request.headers, body },
  )
  if (found === 'not_found') throw notFound('webhook')
  if (found === 'refused') {
    const reason = reasonOf(request.headers)
    services.log.warn('webhook refused', {
      requestId: call.requestId,
      address: call.address,
      ...present({ reason }),
    })
    // RFC 9110 §11.6.1 wants a challenge with every 401.
    throw new HttpError(401, 'signature_invalid', 'this is not signed with the secret of the webhook', {
      headers: { 'www-authenticate': 'Webhook realm="fob"' },
    })
  }
  const { pipeline, tenant } = found
  const principal = machine('webhook', {
    id: `webhook:${pipeline.id}`,
    name: pipeline.name,
    tenant,
    credential: { kind: 'webhook', id: pipeline.id },
    scopes: ['runs:trigger'],
    pipelines: new Set([pipeline.id]),
  })
  return handler(call.admit({ principal, webhook: { ...found, body } }), services)
}

/** What is wrong with a request that its sender believes to be signed, where that can be told. */
function reasonOf(headers: Headers): string | undefined {
  const isGitea = ['x-gitea-event', 'x-forgejo-event', 'x-gogs-event'].some((name) => headers.has(name))
  if (!isGitea || !isForm(headers)) return undefined
  return 'Gitea and Forgejo sign a form by other bytes than they send: choose the content type application/json there'
}
