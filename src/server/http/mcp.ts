import { resourceMetadataUrl } from '../auth/auth.ts'
import { logDefect } from '../log.ts'
import { HttpError, json, readBytes } from './answer.ts'
import { by } from './audit.ts'
import type { Handler } from './call.ts'

/** JSON-RPC 2.0 §5.1: the body is not JSON. */
const PARSE_ERROR = -32_700

/** `/mcp`: Streamable HTTP of the Model Context Protocol, for whoever the API lets in. */
export const mcp: Handler = async (call, services) => {
  const { request, principal } = call
  const body = request.method === 'POST' ? await readMessage(request) : undefined
  if (body instanceof Response) return body
  // A tool can wait for a run.
  call.keepOpen()
  const { url, strategy } = services.settings
  return services.mcp.fetch(request, body, {
    principal,
    by: by(call),
    parts: services,
    resourceMetadata: strategy === 'oauth' ? resourceMetadataUrl(url, '/mcp') : undefined,
    onDefect: (error) => logDefect(services.log, error, call.requestId),
  })
}

/** The body, parsed; or the answer where it is none. @throws HttpError 413 or 415 */
async function readMessage(request: Request): Promise<unknown> {
  // Without this, any web page could send a "simple" cross-site POST (text/plain) that we would read.
  if (request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    throw new HttpError(415, 'unsupported_media_type', 'the body must be application/json')
  }
  const bytes = await readBytes(request)
  try {
    const body: unknown = JSON.parse(bytes.toString())
    return body
  } catch {
    const error = { code: PARSE_ERROR, message: 'the body is not JSON' }
    return json({ jsonrpc: '2.0', error, id: null }, { status: 400 })
  }
}
