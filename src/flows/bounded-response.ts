/** The bodies of an authorization server's responses, read up to a bound. */
import { Fault } from '../contract/fault.ts'
import { readBounded } from '../platform/network/bounded-body.ts'

/** Far more than an authorization server has to say: its metadata, its keys and its tokens take some KiB. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024

/**
 * @param url of the request, for the message.
 * @throws Fault `server_error` when the body is larger than any that OAuth has.
 */
export async function readResponse(response: Response, url: string): Promise<string> {
  const text = await readBounded(response, MAX_RESPONSE_BYTES)
  if (text !== undefined) return text
  const { origin, pathname } = new URL(url)
  throw new Fault('server_error', `the response of ${origin}${pathname} is too large`)
}

/** The text of a response with status 200; undefined, and nothing is read, for another status. */
export async function readIfOk(response: Response, url: string): Promise<string | undefined> {
  if (response.status === 200) return readResponse(response, url)
  await response.body?.cancel()
  return undefined
}
