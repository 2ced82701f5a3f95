/**
 * The headers that repeat what a message says, so that gateways need not read bodies (revision 2026-07-28, SEP-2243).
 * Messages of earlier revisions have none of them.
 */
import { type HostMessage, isObject, revisionOf } from '../messages/host-message.ts'

/** The parameter that `Mcp-Name` repeats, by method. */
const NAMED_BY: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/
const MAX_HEADERS = 64

/** An argument of a tool that a header repeats. */
interface MirroredArgument {
  header: string
  path: readonly string[]
}

export interface MirroredHeaders {
  /** Those of a message to the server. */
  of(message: HostMessage): Record<string, string>
  /** Learns from a list of tools which of their arguments headers repeat (`x-mcp-header`). */
  learn(result: Readonly<Record<string, unknown>>): void
}

export function mirroredHeaders(): MirroredHeaders {
  const tools = new Map<string, readonly MirroredArgument[]>()
  return {
    of: (message) => {
      const revision = revisionOf(message)
      if (revision === undefined || message.method === undefined) return {}
      const { method, params } = message
      const headers: Record<string, string> = {
        'mcp-protocol-version': revision,
        'mcp-method': headerValue(method),
      }
      const name = params[NAMED_BY.get(method) ?? '']
      if (typeof name === 'string') headers['mcp-name'] = headerValue(name)
      if (method !== 'tools/call' || typeof name !== 'string') return headers
      for (const { header, path } of tools.get(name) ?? []) {
        const text = primitiveText(valueAt(params.arguments, path))
        if (text !== undefined) headers[`mcp-param-${header}`] = headerValue(text)
      }
      return headers
    },
    learn: ({ tools: listed }) => {
      for (const tool of Array.isArray(listed) ? listed : []) {
        if (!isObject(tool) || typeof tool.name !== 'string') continue
        const found = argumentsOf(tool.inputSchema)
        if (found.length > 0) tools.set(tool.name, found)
        else tools.delete(tool.name)
      }
    },
  }
}

/** Only what is reached through `properties` counts; a name that two share, or that is no token, counts for nothing. */
function argumentsOf(schema: unknown, path: readonly string[] = []): MirroredArgument[] {
  if (!isObject(schema) || path.length > 8) return []
  const header = schema['x-mcp-header']
  const own = typeof header === 'string' && TOKEN.test(header) && path.length > 0 ? [{ header, path }] : []
  const properties = isObject(schema.properties) ? Object.entries(schema.properties) : []
  const all = [...own, ...properties.flatMap(([name, inner]) => argumentsOf(inner, [...path, name]))]
  const unique = new Map(all.map((found) => [found.header.toLowerCase(), found]))
  return [...unique.values()].slice(0, MAX_HEADERS)
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (node, key) => (isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined),
    root,
  )
}

function primitiveText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value)
}

/** As it is where HTTP can carry it so, else base64 in the marks that the specification gives. */
function headerValue(text: string): string {
  const isPlain = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(text)
  const looksEncoded = text.startsWith('=?base64?') && text.endsWith('?=')
  return isPlain && !looksEncoded ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`
}
