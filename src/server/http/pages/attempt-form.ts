/** What a form asks for, attempted, with the result in words for the page. */
import { Fault } from '../../../contract/fault.ts'
import type { FormResult } from '../../web/form-result.ts'
import { HttpError } from '../response/http-error.ts'
import { sentence } from '../response/page-response.ts'

/**
 * A refusal becomes the problem that the page names; a defect is thrown on.
 * @param work returns what was done, in words
 */
export async function attempt(work: () => Promise<string>): Promise<FormResult> {
  try {
    return { notice: await work() }
  } catch (error) {
    return { problem: refusalOf(error) }
  }
}

function refusalOf(error: unknown): string {
  if (error instanceof Fault) {
    return sentence(error.hint === undefined ? error.message : `${error.message}: ${error.hint}`)
  }
  if (error instanceof HttpError && (error.status === 400 || error.status === 404))
    return sentence(error.message)
  throw error
}
