/**
 * What the host gets while a person has a login to approve. Hosts give up on a server that is silent, most of them
 * without a word, so its first requests have responses of the proxy; a list that was one is announced as changed
 * once the server can be asked.
 */
import type { Clock } from '../platform/clock.ts'
import type { LoginPrompt, RemoteLogin } from './authorization/remote-login.ts'
import { METHOD_NOT_FOUND } from './messages/error-of-failure.ts'
import { type HostMessage, type Id, ownMessage } from './messages/host-message.ts'
import { errorLine, resultLine } from './messages/server-message.ts'

export interface DuringLogin {
  /**
   * Waits until the host should not wait any longer for the server's own response.
   * @returns the line to send in its place
   */
  respond(message: HostMessage, id: Id, signal: AbortSignal): Promise<string>
  /** The lists that the host has from the proxy and can read again now; they are named once. */
  changedLists(): string[]
  /** What the host's log is told of the login that waits, once its address is known, and once for each login. */
  notice(): Promise<string | undefined>
}

/** The tool that is listed while there are no others. */
const LOGIN_TOOL = 'log_in'
/** Claude Code waits 2.9 s for this. */
const DISCOVER_MS = 2000
const LIST_MS = 10_000
const CALL_MS = 30_000
/** Until the address is known that the person has to open. */
const ADDRESS_MS = 10_000

const LISTS: ReadonlyMap<string, readonly [changed: string, empty: Record<string, unknown>]> = new Map([
  ['resources/list', ['notifications/resources/list_changed', { resources: [] }]],
  ['resources/templates/list', ['notifications/resources/list_changed', { resourceTemplates: [] }]],
  ['prompts/list', ['notifications/prompts/list_changed', { prompts: [] }]],
])

export function duringLogin(
  login: RemoteLogin,
  { clock, url, version }: { clock: Clock; url: string; version: string },
): DuringLogin {
  const { origin } = new URL(url)
  const changed = new Set<string>()
  let noticed: LoginPrompt | undefined

  /** The login has been waiting for a person for this long. */
  async function waited(ms: number, signal: AbortSignal): Promise<void> {
    await login.prompted()
    if (ms > 0) await clock.sleep(ms, signal)
    // Approved meanwhile: the server's own response is on its way.
    if (login.prompt() === undefined) await new Promise(() => {})
  }

  function words(): string {
    const { url: address } = login.prompt() ?? {}
    const how =
      address === undefined ? 'a browser is about to open' : `open ${address} in a browser, and approve`
    return `login needed: ${origin} wants to know who you are: ${how}; then try again`
  }

  function toolResult(id: Id): string {
    return resultLine(id, { content: [{ type: 'text', text: words() }], isError: true })
  }

  function initialized({ params }: HostMessage, id: Id): string {
    const capabilities = {
      tools: { listChanged: true },
      resources: { listChanged: true },
      prompts: { listChanged: true },
    }
    for (const name of ['tools', 'resources', 'prompts']) changed.add(`notifications/${name}/list_changed`)
    return resultLine(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { ...capabilities, logging: {} },
      serverInfo: { name: 'fob mcp-proxy', version },
      instructions: `Login needed at ${origin}. Its tools are there once the person has approved it in a browser.`,
    })
  }

  function loginTool(id: Id): string {
    const description = `Log in to ${origin}: its own tools are listed after that. Says which address the person has to open.`
    changed.add('notifications/tools/list_changed')
    return resultLine(id, {
      tools: [{ name: LOGIN_TOOL, description, inputSchema: { type: 'object', properties: {} } }],
    })
  }

  return {
    respond: async (message, id, signal) => {
      const { method = '', params } = message
      if (method === 'initialize') {
        await waited(0, signal)
        return initialized(message, id)
      }
      if (method === 'server/discover') {
        await waited(DISCOVER_MS, signal)
        return errorLine(id, { code: METHOD_NOT_FOUND, message: words() })
      }
      if (method === 'tools/list') {
        await waited(LIST_MS, signal)
        return loginTool(id)
      }
      if (method === 'tools/call') {
        const isAsked = params.name === LOGIN_TOOL || login.prompt()?.opened === false
        await waited(isAsked ? 0 : CALL_MS, signal)
        await Promise.race([login.addressed(), clock.sleep(ADDRESS_MS, signal)])
        return toolResult(id)
      }
      if (method === 'ping' || method === 'logging/setLevel') {
        await waited(0, signal)
        return resultLine(id, {})
      }
      const list = LISTS.get(method)
      if (list === undefined) return new Promise(() => {})
      await waited(LIST_MS, signal)
      const [notification, empty] = list
      changed.add(notification)
      return resultLine(id, empty)
    },
    changedLists: () => {
      const lines = [...changed].map((method) => ownMessage(method, {}).text)
      changed.clear()
      return lines
    },
    notice: async () => {
      await login.addressed()
      const prompt = login.prompt()
      if (prompt?.url === undefined || prompt === noticed) return undefined
      noticed = prompt
      return ownMessage('notifications/message', { level: 'warning', logger: 'fob', data: words() }).text
    },
  }
}
