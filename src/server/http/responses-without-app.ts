import { pathOf } from './app.ts'
import { HttpError } from './http-error.ts'
import { errorPage, wantsPage } from './pages/error-page.ts'
import { secure } from './security-headers.ts'
import { STYLE_SHEET_PATH, styleSheetResponse } from './pages/front-page.ts'

/** Answers that no app makes: they carry the same headers as all the others. */

/** The port is ours, the rest of the server not there yet. @param tls whether browsers come by HTTPS */
export async function startingAnswer(request: Request, tls: boolean): Promise<Response> {
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

/** What even the app could not catch; it is not known any more who asked. */
export function failedAnswer(requestId: string, tls: boolean): Response {
  const response = new HttpError(500, 'internal', 'the server failed; its log says more', {
    details: { requestId },
    headers: { 'x-request-id': requestId },
  }).toResponse()
  secure(response, tls)
  return response
}
