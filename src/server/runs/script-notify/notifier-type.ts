/** What a notifier is, whatever service it sends to. */
import type { Deliver } from './deliver-message.ts'

interface Message {
  text: string
  pipeline: string
  runId: string
}

/** One service, as set up by a config of the script. */
export interface Notifier {
  /** Escapes a value of a template, so that the service takes it as plain text. */
  escape?: (value: string) => string
  /** @throws Fault with the reason why the message was not accepted */
  send(message: Message, deliver: Deliver): Promise<void>
}
