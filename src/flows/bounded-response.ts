import { Fault } from '../contract/fault.ts'
import { readBounded } from '../platform/network/bounded-body.ts'

/** Far more than an authorization server has to say: its metadata, its keys and its tokens take some KiB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

/**
 * The text of an authorization server's answer.
 * @param url where it comes from.
 * @throws Fault `server_error` when it is too large to be one.
 */
export async function readAnswer(response: Response, url: string): Promise<string> {
  const text = await readBounded(response, MAX_ANSWER_BYTES)
  if (text !== undefined) return text
  const { origin, pathname } = new URL(url)
  throw new Fault('server_error', `the response of ${origin}${pathname} is too large`)
}

/** The same of an answer with status 200; undefined, and nothing is read, of another. */
export async function readIfOk(response: Response, url: string): Promise<string | undefined> {
  if (response.status === 200) return readAnswer(response, url)
  await response.body?.cancel()
  return undefined
}
