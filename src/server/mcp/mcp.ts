/**
 * Owns: the tools that AI hosts call over the Model Context Protocol, and the protocol around them: revision
 * 2026-07-28, and for older hosts 2025-11-25, 2025-06-18 and 2025-03-26, all without sessions.
 * Refuses: to decide who is calling (`http/` has done so) or what exists for them: tools ask the same domain
 * functions as the API, with the caller's principal. It stores nothing between two requests.
 */
import { isDiskFull } from '../../platform/files/disk-full.ts'
import { DISK_FULL } from '../disk-space.ts'
import type { McpServer, McpHttpHandler, StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import type * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { present } from '../../contract/omit-undefined.ts'
import { jsonSchemaOf } from './valibot-to-json-schema.ts'
import { PIPELINE_TOOLS } from './pipeline-tools.ts'
import { RUN_TOOLS } from './run-tools.ts'
import { SECRET_TOOLS } from './list-secrets-tool.ts'
import type { Tool, ToolCall } from './define-tool.ts'

export const TOOLS: readonly Tool[] = [...PIPELINE_TOOLS, ...RUN_TOOLS, ...SECRET_TOOLS]

/** Who sends a request, and the parts of the server that tools use. */
interface McpCaller extends Pick<ToolCall, 'principal' | 'by' | 'parts'> {
  /** Where a client learns how to get a token with another scope (RFC 9728); undefined without OAuth. */
  resourceMetadata: string | undefined
  /** Takes unexpected errors. */
  onDefect(error: unknown): void
}

export interface Mcp {
  /**
   * Handles one request of a caller that was admitted.
   * @param body what was sent, parsed; undefined where the method has none
   */
  fetch(request: Request, body: unknown, caller: McpCaller): Promise<Response>
  /** Closes the streams that are still open. */
  close(): Promise<void>
}

const INSTRUCTIONS =
  'Pipelines are scripts on this server; a run executes one. Start with list_pipelines. Secrets are known by name only.'

/** Loads the library and its schemas at the first request. */
export function openMcp({ version }: { version: string }): Mcp {
  let opened: Promise<Mcp> | undefined
  return {
    async fetch(request, body, caller) {
      opened ??= openHandler(version)
      const handler = await opened
      return handler.fetch(request, body, caller)
    },
    async close() {
      await (await opened)?.close()
    },
  }
}

async function openHandler(version: string): Promise<Mcp> {
  const library = await import('@modelcontextprotocol/server')
  const listed = TOOLS.map((tool) => ({
    tool,
    inputSchema: standardSchema(tool.input),
    outputSchema: standardSchema(tool.output),
  }))
  /** By request, because the library passes on only the request. */
  const callers = new WeakMap<Request, McpCaller>()

  const serverFor = (caller: McpCaller): McpServer => {
    const info = { name: 'fob', title: 'fob', version }
    // The list depends on the caller's scopes alone, which do not change during a request.
    const server = new library.McpServer(info, {
      capabilities: { tools: { listChanged: false } },
      instructions: INSTRUCTIONS,
    })
    for (const { tool, inputSchema, outputSchema } of listed) {
      const { name, title, description, annotations } = tool
      const scopeChallenge = () => challengeFor(tool, caller)
      const config = { title, description, annotations, inputSchema, outputSchema, scopeChallenge }
      const registered = server.registerTool(name, config, async (args: unknown, { mcpReq }) =>
        callTool(tool, args, caller, {
          signal: mcpReq.signal,
          progress: async (step, message) => {
            const progressToken = mcpReq._meta?.progressToken
            if (progressToken === undefined) return
            const params = { progressToken, progress: step, message }
            await mcpReq.notify({ method: 'notifications/progress', params })
          },
        }),
      )
      // No token can allow what the role forbids: such a tool does not exist for this caller.
      if (!allowed(tool, caller) && challengeFor(tool, caller) === undefined) registered.disable()
    }
    return server
  }

  const handler: McpHttpHandler = library.createMcpHandler(({ requestInfo }) => {
    const caller = requestInfo === undefined ? undefined : callers.get(requestInfo)
    if (caller === undefined) throw new Error('a request without its caller')
    return serverFor(caller)
  })
  return {
    fetch(request, body, caller) {
      callers.set(request, caller)
      return handler.fetch(request, present({ parsedBody: body, authInfo: authInfo(caller) }))
    },
    close: () => handler.close(),
  }
}

/** What the library needs for its challenges. It does not get the credential itself. */
function authInfo({ principal, resourceMetadata }: McpCaller) {
  const scopes: string[] = [...principal.scopes]
  return present({ token: '', clientId: principal.id, scopes, resourceMetadataUrl: resourceMetadata })
}

function allowed({ scope }: Tool, { principal }: McpCaller): boolean {
  return principal.scopes.has(scope)
}

/**
 * RFC 6750 §3.1, MCP "step-up authorization": the scope to ask for, where a new login could get it. It could not get a
 * scope that was granted and that the role takes away.
 */
function challengeFor(tool: Tool, caller: McpCaller): { scopes: [string, ...string[]] } | undefined {
  const { principal, resourceMetadata } = caller
  if (resourceMetadata === undefined || principal.credential.kind !== 'jwt') return undefined
  // With all granted ones: the next token replaces this one.
  return principal.granted.has(tool.scope) ? undefined : { scopes: [tool.scope, ...principal.granted] }
}

async function callTool(
  tool: Tool,
  args: unknown,
  caller: McpCaller,
  request: Pick<ToolCall, 'signal' | 'progress'>,
) {
  try {
    if (!allowed(tool, caller)) throw new Fault('forbidden', `this needs the scope ${tool.scope}`)
    const { principal, by, parts } = caller
    const structuredContent = await tool.run(args, { principal, by, parts, ...request })
    return { ...text(JSON.stringify(structuredContent)), structuredContent }
  } catch (error) {
    if (error instanceof Fault) {
      const hint = error.hint === undefined ? '' : `\nhint: ${error.hint}`
      return { ...text(`${error.code}: ${error.message}${hint}`), isError: true }
    }
    // The library would show the text of the error, which could contain anything.
    if (!request.signal.aborted) caller.onDefect(error)
    const isForWantOfRoom = isDiskFull(error)
    return { ...text(isForWantOfRoom ? DISK_FULL : 'the server failed; its log says more'), isError: true }
  }
}

function text(words: string) {
  return { content: [{ type: 'text' as const, text: words }] }
}

/** A valibot schema as the library takes it: with its JSON Schema. */
function standardSchema(schema: v.GenericSchema): StandardSchemaWithJSON {
  const json = jsonSchemaOf(schema)
  return {
    '~standard': { ...schema['~standard'], jsonSchema: { input: () => json, output: () => json } },
  }
}
