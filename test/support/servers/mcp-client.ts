/** A host of the Model Context Protocol. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

/** Revisions that a host can speak, the newest first. */
export const REVISIONS = ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'] as const
type Revision = (typeof REVISIONS)[number]

interface Answer {
  isError: boolean
  /** The text of the answer, as a model reads it. */
  text: string
  /** Its structured form; empty in an error. */
  data: Record<string, unknown>
}

export interface McpHost {
  client: Client
  /** Calls a tool. */
  call(name: string, args?: Record<string, unknown>, onProgress?: (message: string) => void): Promise<Answer>
  tools(): Promise<string[]>
  close(): Promise<void>
}

/** A host as the official client library makes one, connected. */
export async function connectHost(
  url: string,
  options: { headers?: Record<string, string>; revision?: Revision } = {},
): Promise<McpHost> {
  const { headers = {}, revision = '2026-07-28' } = options
  const version =
    revision === '2026-07-28'
      ? { versionNegotiation: { mode: { pin: revision } } }
      : { supportedProtocolVersions: [revision] }
  const client = new Client({ name: 'a-host', version: '1' }, version)
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  return {
    client,
    async call(name, args = {}, onProgress) {
      const result = await client.callTool(
        { name, arguments: args },
        onProgress === undefined ? {} : { onprogress: ({ message }) => onProgress(message ?? '') },
      )
      const text = result.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
      const data = (result.structuredContent ?? {}) as Record<string, unknown>
      return { isError: result.isError === true, text, data }
    },
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    close: () => client.close(),
  }
}
