/** The messages between the server and the process of a script, checked and bounded, until the script has ended. */
import * as v from 'valibot'
import { killGroup } from '../signal-process-group.ts'
import { pump } from '../tasks/read-process-output.ts'
import { type ChildMessage, childMessage, MAX_LINE_BYTES, type ParentMessage } from './child-protocol.ts'
import type { SandboxProcess } from './prestarted-child-processes.ts'
import type { watchChild } from './resource-watchdog.ts'
import type { Outcome, ScriptHost } from './script-host.ts'
import { createLines } from './split-bytes-into-lines.ts'

/** What the calls of a script may hold in the server's memory until their responses are sent. */
const MAX_CALL_BYTES = 64 * 1024 * 1024
/** What responses may hold there until the script reads them. */
const MAX_UNREAD_BYTES = 128 * 1024 * 1024

interface Exchange {
  child: SandboxProcess
  watchdog: ReturnType<typeof watchChild>
  host: ScriptHost
  first: ParentMessage
  kill: (reason: string) => void
}

/** Exchanges messages with the child until it has ended. @returns undefined when it did not say how the script ended */
export async function exchange({
  child,
  watchdog,
  host,
  first,
  kill,
}: Exchange): Promise<Outcome | undefined> {
  let outcome: Outcome | undefined
  let sent = 0
  let handled = 0
  let isHandling = false
  let callBytes = 0
  let unreadBytes = 0
  let lastCall = 0
  /** The synchronous call that blocks the script. */
  let blockedBy: number | undefined

  /** The time of the child runs while it has a message to handle and the server reads what it sends. */
  const account = () => watchdog.busy(!isHandling && blockedBy === undefined && sent > handled)

  async function send(message: ParentMessage): Promise<void> {
    sent += 1
    account()
    const line = `${JSON.stringify(message)}\n`
    unreadBytes += line.length
    if (unreadBytes > MAX_UNREAD_BYTES) kill('the script does not read the responses to its calls')
    try {
      await child.stdin.write(line)
      await child.stdin.flush()
      unreadBytes -= line.length
    } catch {
      // The child has ended. What it has sent before is still read.
    }
  }

  function call({ id, method, json, sync }: ChildMessage & { type: 'call' }): void {
    if (id !== lastCall + 1 || blockedBy !== undefined) throw new Error(NONSENSE)
    lastCall = id
    callBytes += json.length
    if (callBytes > MAX_CALL_BYTES) throw new Error('it asks for too much at once')
    if (sync) blockedBy = id
    host.call({ number: id, method, json, sync }, (response) => {
      callBytes -= json.length
      if (sync) blockedBy = undefined
      void send({ type: 'response', id, ...response })
    })
  }

  async function handle(message: ChildMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        watchdog.ready()
        if (sent === 0) await send(first)
        break
      case 'idle':
        if (message.handled > sent) throw new Error(NONSENSE)
        handled = message.handled
        if (handled === sent) host.idle()
        break
      case 'log':
        await host.log(message.stream, message.data)
        break
      case 'call':
        call(message)
        break
      case 'drop':
        host.drop(message.id)
        break
      case 'done':
        outcome = { kind: 'done' }
        break
      case 'failed':
        outcome = { kind: 'failed', error: message.error }
        break
      case 'overlooked':
        outcome = { kind: 'overlooked', message: message.message }
        break
    }
  }

  async function take(lines: string[]): Promise<void> {
    isHandling = true
    account()
    for (const line of lines) {
      if (outcome) break
      await handle(parseMessage(line))
      await yieldNowAndThen()
    }
    isHandling = false
    account()
    // Nothing counts that comes after the message about its end.
    if (outcome) killGroup(child.pid, 'SIGKILL')
  }

  const yieldNowAndThen = createYielding()
  const cut = createLines(MAX_LINE_BYTES)
  await pump(child.stdout, (chunk) => take(cut(chunk)), child.exited)
  return outcome
}

/** How long, and for how many messages, the server listens to one script before it does something else. */
const MOST_MS = 10
const MOST_MESSAGES = 32

/** @returns a function that waits now and then until the server has done what else it has to do */
function createYielding(): () => Promise<void> {
  let since = performance.now()
  let messages = 0
  return async () => {
    messages += 1
    if (messages < MOST_MESSAGES && performance.now() - since < MOST_MS) return
    await new Promise<void>((resolve) => setImmediate(resolve))
    since = performance.now()
    messages = 0
  }
}

const NONSENSE = 'it sent what no sandbox sends'

function parseMessage(line: string): ChildMessage {
  try {
    return v.parse(childMessage, JSON.parse(line))
  } catch (error) {
    throw new Error(NONSENSE, { cause: error })
  }
}
