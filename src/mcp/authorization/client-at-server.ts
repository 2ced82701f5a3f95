/** Which client the proxy is at an authorization server: a registered one, its metadata document, or one that registers now. */
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { present } from '../../contract/omit-undefined.ts'
import { readResponse } from '../../flows/bounded-response.ts'
import type { ClientSecret } from '../../flows/flow-types.ts'
import type { Provider } from '../../flows/server-discovery.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import { parseJson } from '../../platform/parse-json.ts'
import { safeLine } from '../../platform/terminal/make-text-printable.ts'
import { Secret } from '../../redact/secret.ts'

export interface ClientAtServer {
  clientId: string
  clientSecret?: ClientSecret
}

export interface ClientSettings {
  /** `--client-id`; a URL is that of its metadata document. */
  clientId: string | undefined
  clientSecret: Secret | undefined
  /** `MCP_CLIENT_NAME`. */
  name: string
}

const registeredSchema = v.looseObject({
  client_id: v.string(),
  client_secret: v.optional(v.string()),
  token_endpoint_auth_method: v.optional(v.string()),
})

/** @throws Fault `config` where there is no way to become a client of this server; `server_error` for its refusal */
export async function clientAt(
  provider: Provider,
  redirectUri: string,
  { clientId, clientSecret, name }: ClientSettings,
  { fetch, signal }: { fetch: Fetch; signal: AbortSignal },
): Promise<ClientAtServer> {
  const isDocument = clientId !== undefined && /^https:/i.test(clientId)
  if (clientId !== undefined && (!isDocument || provider.readsClientMetadata === true)) {
    const secret = clientSecret && { secret: clientSecret, method: secretMethod(provider, undefined) }
    return present({ clientId, clientSecret: secret })
  }
  if (provider.registrationEndpoint === undefined) throw noRegistration(provider.issuer)
  const body = {
    client_name: name,
    application_type: 'native',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: methodToRegister(provider.clientAuthentication),
  }
  const response = await fetch(provider.registrationEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  })
  const text = await readResponse(response, provider.registrationEndpoint)
  const parsed = v.safeParse(registeredSchema, parseJson(text))
  if (!response.ok || !parsed.success) throw refused(provider.issuer, response.status, text)
  const { client_id: id, client_secret: secret, token_endpoint_auth_method: method } = parsed.output
  const sent = method === 'none' || secret === undefined ? undefined : new Secret(secret)
  return present({
    clientId: id,
    clientSecret: sent && { secret: sent, method: secretMethod(provider, method) },
  })
}

function methodToRegister(supported: readonly string[] | undefined): string {
  const known = ['none', 'client_secret_basic', 'client_secret_post']
  return known.find((method) => supported?.includes(method) ?? true) ?? 'none'
}

function secretMethod(
  { clientAuthentication: supported }: Provider,
  registered: string | undefined,
): ClientSecret['method'] {
  if (registered === 'client_secret_post' || registered === 'client_secret_basic') return registered
  const onlyPost =
    supported?.includes('client_secret_post') === true && !supported.includes('client_secret_basic')
  return onlyPost ? 'client_secret_post' : 'client_secret_basic'
}

function noRegistration(issuer: string): Fault {
  return new Fault('config', `${issuer} does not let programs register themselves`, {
    hint: 'register a client there, and name it with --client-id',
  })
}

function refused(issuer: string, status: number, text: string): Fault {
  const said = parseJson(text)
  const known = v.safeParse(
    v.looseObject({ error: v.string(), error_description: v.optional(v.string()) }),
    said,
  )
  const words = known.success
    ? safeLine(known.output.error_description ?? known.output.error, 200)
    : `it responded with ${status}`
  return new Fault('server_error', `${issuer} did not register this client: ${words}`, {
    hint: 'register a client there, and name it with --client-id',
  })
}
