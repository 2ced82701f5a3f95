/** Server-sent events of one response. */
import { Fault } from '../../contract/fault.ts'
import { MAX_MESSAGE_BYTES } from './http-exchange.ts'

export interface StreamEvent {
  id: string | undefined
  type: string
  data: string
}

/**
 * The events of a response, each when it is taken. Leaving the loop closes the connection.
 * @param onRetry is told how long to wait before a reconnection, in milliseconds
 * @throws Fault `server_error` for an event over the bound; what the connection throws
 */
export async function* readStream(
  response: Response,
  onRetry: (ms: number) => void = () => {},
): AsyncGenerator<StreamEvent> {
  const { createParser } = await import('eventsource-parser')
  const waiting: StreamEvent[] = []
  const parser = createParser({
    maxBufferSize: MAX_MESSAGE_BYTES,
    onEvent: ({ id, event, data }) => void waiting.push({ id, type: event ?? 'message', data }),
    onRetry,
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded')
        throw new Fault('server_error', 'the server sent too large a message')
    },
  })
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk, { stream: true }))
    yield* waiting.splice(0)
  }
}
