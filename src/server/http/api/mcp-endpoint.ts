/** The endpoint of the Model Context Protocol: reads the message and hands it to `mcp/`. */
import { parseJson } from '../../../platform/parse-json.ts'
import { resourceMetadataUrl } from '../../auth/auth.ts'
import { logDefect } from '../../log.ts'
import { json } from '../response/json-response.ts'
import { requireJson } from '../request/request-body.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call, Handler } from '../request-context.ts'

/** JSON-RPC 2.0 §5.1: the body is not JSON, or not a request. */
const PARSE_ERROR = -32_700
const INVALID_REQUEST = -32_600
/** Revision 2025-03-26 allows batches, without a bound. */
const MAX_BATCH = 50
/** The library reads messages by recursion. */
const MAX_DEPTH = 100

/** `/mcp`: Streamable HTTP of the Model Context Protocol, for every caller of the API. */
export const mcp: Handler = async (call, services) => {
  const { request, principal } = call
  const body = request.method === 'POST' ? await readMessage(call) : undefined
  if (body instanceof Response) return body
  // A tool can wait for a run.
  call.keepOpen()
  const { url, strategy } = services.settings
  return services.mcp.fetch(request, body, {
    principal,
    by: by(call),
    parts: services,
    resourceMetadata: strategy === 'oauth' ? resourceMetadataUrl(url, '/mcp') : undefined,
    onDefect: (error) => {
      if (!services.disk.note(error)) logDefect(services.log, error, call.requestId)
    },
  })
}

/** The body, parsed; or the response that refuses it. @throws HttpError 413 or 415 */
async function readMessage(call: Call): Promise<unknown> {
  requireJson(call)
  const text = (await call.body()).toString()
  const body = parseJson(text)
  if (body === undefined) return refused(PARSE_ERROR, 'the body is not JSON')
  if (Array.isArray(body) && body.length > MAX_BATCH) {
    return refused(INVALID_REQUEST, `at most ${MAX_BATCH} messages at once`)
  }
  if (isDeeper(body, MAX_DEPTH)) return refused(INVALID_REQUEST, 'the message is nested too deeply')
  return body
}

function refused(code: number, message: string): Response {
  return json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status: 400 })
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
}
