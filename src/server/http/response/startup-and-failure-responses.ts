/** Responses that are sent outside of the app, with the same headers as all others. */
import { pathOf } from '../handle-request.ts'
import { HttpError } from './http-error.ts'
import { errorPage, wantsPage } from './error-page.ts'
import { secure } from './security-headers.ts'
import { STYLE_SHEET_PATH, styleSheetResponse } from '../pages/front-page-and-assets.ts'

/** While the server starts: the port is open, the app does not exist yet. @param tls whether browsers use HTTPS */
export async function startingResponse(request: Request, tls: boolean): Promise<Response> {
  const path = pathOf(request.url)
  const refusal = new HttpError(503, 'starting', 'the server is starting, try again in a moment', {
    headers: { 'retry-after': '1' },
  })
  const response =
    path === STYLE_SHEET_PATH
      ? styleSheetResponse()
      : wantsPage({ request, path })
        ? await errorPage(refusal)
        : refusal.toResponse()
  secure(response, tls)
  return response
}

/** For an error that the app did not catch. @param tls whether browsers use HTTPS */
export function failedResponse(requestId: string, tls: boolean): Response {
  const response = new HttpError(500, 'internal', 'the server failed; its log says more', {
    details: { requestId },
    headers: { 'x-request-id': requestId },
  }).toResponse()
  secure(response, tls)
  return response
}
